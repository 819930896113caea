"""The optimisation of one picture (Gatys et al. 2016), from coarse to fine.

A small picture is optimised first; its strokes are large in relation to the picture. The result is
enlarged to twice the size and optimised again, and so on (Gatys et al. 2017, section 6).
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from onestroke.data.paintings import Style
from onestroke.losses.objective import Objective, build_objective
from onestroke.models.layers import Tensor
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.optimize.descent import (
    Descent,
    PictureLoss,
    Terms,
    descend_by_adam,
    descend_by_lbfgs,
    first_picture,
)
from onestroke.optimize.optimization_state import (
    State,
    fingerprint_optimization,
    load_state,
    save_state,
)
from onestroke.optimize.picture_inputs import PictureInputs, level_sizes
from onestroke.optimize.picture_settings import STARTS, PictureSettings
from onestroke.pictures import (
    PictureError,
    resize,
    size_of_long_side,
    size_of_short_side,
    to_uint8,
)
from onestroke.progress import Progress

logger = logging.getLogger("onestroke.optimize")

ADAM_DECAYS_TO = 0.05  # share of the learning rate at the last iteration of a size


@dataclass(frozen=True)
class Optimized:
    """The result of an optimisation.

    Attributes:
        picture: ``(height, width, 3)`` uint8 RGB.
        finished: False if the optimisation was stopped before its end.
        iterations: number of iterations at all sizes together.
        photograph_terms: loss terms of the photograph, at the last size.
        picture_terms: loss terms of the picture.
    """

    picture: np.ndarray
    finished: bool
    iterations: int
    photograph_terms: Terms
    picture_terms: Terms


class Optimization:
    """The optimisation of one picture.

    An optimisation that was killed and resumed from its state file ends in the same picture as an
    uninterrupted one, bit for bit on one machine.

    Args:
        inputs: photograph, paintings and weights of the loss network.
        settings: see ``optimize.picture_settings``.
        paint_start: returns the initial picture for the photograph at the coarsest size, both
            ``(height, width, 3)`` uint8; needed if the start is neither noise nor the photograph.
        state_file: the file from which the optimisation is resumed; None for no file.

    Raises:
        SettingsError: the state file is of other settings or pictures.
        ModelError: the state file is broken.
        PictureError: the initial picture does not have the proportions of the photograph.
    """

    def __init__(
        self,
        inputs: PictureInputs,
        settings: PictureSettings,
        *,
        paint_start: Callable[[np.ndarray], np.ndarray] | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.photograph = photograph = inputs.photograph.pixels
        self.inputs = inputs
        self.settings = settings
        self.sizes = level_sizes(photograph.shape[:2], settings.optimize)
        self.state_file = state_file
        self.fingerprint = fingerprint_optimization(settings, inputs)
        if state_file and state_file.exists():
            self.state = load_state(state_file, self.fingerprint)
        else:
            self.state = State(0, 0, Descent(self._initial_picture(paint_start)))

    @property
    def iteration(self) -> int:
        """Number of iterations done at all sizes together."""
        return self.state.level * self.settings.optimize.iterations + self.state.iteration

    @property
    def iterations(self) -> int:
        """Number of iterations of the whole optimisation."""
        return len(self.sizes) * self.settings.optimize.iterations

    def run(
        self,
        *,
        show: Callable[[Progress, np.ndarray], None] = lambda progress, picture: None,
        stop: threading.Event | None = None,
    ) -> Optimized:
        """Optimises to the end, or until it is stopped.

        Args:
            show: called after every iteration with the progress and the picture, ``(height, width,
                3)`` floats in [0, 255].
            stop: when set, the current iteration is finished and saved, and the method returns.
        """
        stop = stop or threading.Event()
        while True:
            size = self.sizes[self.state.level]
            photograph = resize(self.photograph, size)
            loss = PictureLoss(self.build_objective(max(size) / max(self.sizes[-1])))
            content = loss.content_of(photograph)
            while self.state.iteration < self.settings.optimize.iterations and not stop.is_set():
                self._descend(loss, content, show, stop)
                self._save()
            if stop.is_set() or self.state.level + 1 == len(self.sizes):
                break
            larger = enlarge(self.state.descent.picture, self.sizes[self.state.level + 1])
            self.state = State(self.state.level + 1, 0, Descent(larger))
        picture = to_uint8(self.state.descent.picture)
        return Optimized(
            picture,
            finished=self.iteration == self.iterations,
            iterations=self.iteration,
            photograph_terms=loss(photograph, content)[0],
            picture_terms=loss(picture, content)[0],
        )

    def delete_state(self) -> None:
        """Deletes the state file, after the picture has been written."""
        if self.state_file:
            self.state_file.unlink(missing_ok=True)

    def _initial_picture(
        self, paint_start: Callable[[np.ndarray], np.ndarray] | None
    ) -> np.ndarray:
        photograph = resize(self.photograph, self.sizes[0])
        start = self.settings.optimize.start
        if start in STARTS:
            return first_picture(start, photograph, self.settings.optimize.seed)
        if paint_start is None:
            raise ValueError(f"the start {start} needs paint_start")
        painted = paint_start(photograph)
        (height, width), expected = painted.shape[:2], photograph.shape[:2]
        scaled = size_of_long_side((height, width), max(expected))
        if np.abs(np.subtract(scaled, expected)).max() > 1:
            raise PictureError(
                f"the start {start} is {width} x {height} pixels; it must have the proportions of "
                f"the photograph, {expected[1]} x {expected[0]}; crop it"
            )
        return resize(painted, expected).astype(np.float64)

    def build_objective(self, share: float) -> Objective:
        """Returns the loss of the picture at a ``share`` of its full size."""
        style = self.settings.style
        short_side = style.size or self.settings.optimize.size
        short_side = max(MINIMUM_SIDE, round(short_side * share))
        paintings = [
            resize(painting, size_of_short_side(painting.shape[:2], short_side))
            for painting in self.inputs.paintings
        ]
        blend = Style(paintings, list(style.pictures.values()))
        return build_objective(self.settings.loss, self.inputs.vgg19, [blend])

    def _descend(
        self,
        loss: PictureLoss,
        content: Mapping[str, Tensor],
        show: Callable[[Progress, np.ndarray], None],
        stop: threading.Event,
    ) -> None:
        """Optimises up to the next iteration at which the state is saved."""
        options, state = self.settings.optimize, self.state
        begun = state.iteration
        left = options.iterations - begun
        count = min(options.save_every - begun % options.save_every, left)

        def after(terms: Terms, picture: np.ndarray) -> bool:
            state.iteration += 1
            show(Progress(self.iteration, self.iterations, terms), picture)
            return not stop.is_set()

        step: dict[str, Any] = {"descent": state.descent, "iterations": count, "after": after}
        if options.method == "l-bfgs":
            descend_by_lbfgs(loss, content, **step)
            if state.iteration < begun + count and not stop.is_set():
                logger.warning("no step reduces the loss after iteration %d", self.iteration)
                state.iteration = options.iterations
                terms = loss(state.descent.picture, content)[0]
                show(Progress(self.iteration, self.iterations, terms), state.descent.picture)
        else:
            rate = keras.optimizers.schedules.CosineDecay(
                options.learning_rate, options.iterations, alpha=ADAM_DECAYS_TO
            )
            descend_by_adam(loss, content, **step, learning_rate=rate)

    def _save(self) -> None:
        if self.state_file:
            save_state(self.state_file, self.state, self.fingerprint)


def enlarge(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarges ``(height, width, 3)`` floats in [0, 255] to a height and a width."""
    batch = ops.convert_to_tensor(picture[None], "float32")
    larger = ops.image.resize(batch, size, interpolation="bicubic")
    return np.clip(ops.convert_to_numpy(larger)[0], 0, 255).astype(np.float64)
