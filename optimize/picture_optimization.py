"""The optimisation of one picture (Gatys et al. 2016), from coarse to fine.

A small picture is optimised first; its strokes are large in relation to the picture. The result is
enlarged to twice the size and optimised again, and so on (Gatys et al. 2017, section 6).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from onestroke.data.paintings import Style
from onestroke.fingerprint import fingerprint_of
from onestroke.losses.objective import Objective, build_objective
from onestroke.losses.style_targets import MEASURED_AS
from onestroke.models.layers import Tensor
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.optimize.coarse_to_fine import CoarseToFine, interpolate
from onestroke.optimize.descent import (
    AfterIteration,
    PictureLoss,
    Terms,
    descend_by_adam,
    descend_by_lbfgs,
    first_picture,
)
from onestroke.optimize.picture_inputs import PictureInputs, level_sizes, read_picture_inputs
from onestroke.optimize.picture_settings import STARTS, PictureSettings
from onestroke.optimize.picture_start import PaintStart
from onestroke.pictures import PictureError, resize, size_of_long_side, size_of_short_side

logger = logging.getLogger("onestroke.optimize")

ADAM_DECAYS_TO = 0.05  # share of the learning rate at the last iteration of a size


class Optimization(CoarseToFine):
    """The optimisation of one picture towards paintings.

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

    loss: PictureLoss
    content: Mapping[str, Tensor]

    def __init__(
        self,
        inputs: PictureInputs,
        settings: PictureSettings,
        *,
        paint_start: PaintStart | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.inputs = inputs
        self.settings = settings
        self.paint_start = paint_start
        options = settings.optimize
        super().__init__(
            inputs.photograph,
            level_sizes(inputs.photograph.pixels.shape[:2], options),
            iterations=options.iterations,
            save_every=options.save_every,
            fingerprint=_fingerprint(settings, inputs),
            state_file=state_file,
        )

    def initial_picture(self) -> np.ndarray:
        """Returns the photograph, noise, or the picture of ``paint_start``."""
        photograph = resize(self.photograph.pixels, self.sizes[0])
        start = self.settings.optimize.start
        if start in STARTS:
            return first_picture(start, photograph, self.settings.optimize.seed)
        if self.paint_start is None:
            raise ValueError(f"the start {start} needs paint_start")
        painted = self.paint_start(photograph)
        (height, width), expected = painted.shape[:2], photograph.shape[:2]
        scaled = size_of_long_side((height, width), max(expected))
        if np.abs(np.subtract(scaled, expected)).max() > 1:
            raise PictureError(
                f"the start {start} is {width} x {height} pixels; it must have the proportions of "
                f"the photograph, {expected[1]} x {expected[0]}; crop it"
            )
        return resize(painted, expected).astype(np.float64)

    def start_level(self, size: tuple[int, int]) -> None:
        """Resizes the paintings and the photograph for pictures of this size."""
        self.loss = PictureLoss(self.build_objective(max(size) / max(self.sizes[-1])))
        self.content = self.loss.content_of(resize(self.photograph.pixels, size))

    def enlarge_to_level(self, level: int) -> np.ndarray:
        """Returns the picture at the size of a level."""
        return enlarge(self.state.descent.picture, self.sizes[level])

    def terms_of(self, picture: np.ndarray | None) -> Terms:
        """Returns the loss terms of a picture at the current level; None for the photograph."""
        if picture is None:
            picture = resize(self.photograph.pixels, self.sizes[self.state.level])
        return self.loss(picture, self.content)[0]

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

    def descend(self, iterations: int, after: AfterIteration) -> bool:
        """Runs some iterations; returns True if no step reduces the loss any more."""
        options, begun, proceeds = self.settings.optimize, self.state.iteration, True

        def after_step(terms: Terms, picture: np.ndarray) -> bool:
            nonlocal proceeds
            proceeds = after(terms, picture)
            return proceeds

        step: dict[str, Any] = {
            "descent": self.state.descent,
            "iterations": iterations,
            "after": after_step,
        }
        if options.method == "l-bfgs":
            descend_by_lbfgs(self.loss, self.content, **step)
        else:
            rate = keras.optimizers.schedules.CosineDecay(
                options.learning_rate, options.iterations, alpha=ADAM_DECAYS_TO
            )
            descend_by_adam(self.loss, self.content, **step, learning_rate=rate)
        at_end = proceeds and self.state.iteration < begun + iterations
        if at_end:
            logger.warning("no step reduces the loss after iteration %d", self.iteration)
        return at_end


def open_optimization(
    content: Path,
    settings: PictureSettings,
    *,
    paint_start: PaintStart | None = None,
    state_file: Path | None = None,
) -> Optimization:
    """Reads the pictures and opens their optimisation.

    Args:
        content: the photograph.
        settings: see ``optimize.picture_settings``.
        paint_start: paints the initial picture, from ``picture_start.open_start``.
        state_file: the file from which the optimisation is resumed; None for no file.

    Raises:
        OnestrokeError: a picture or the state file is missing, broken or does not fit.
    """
    inputs = read_picture_inputs(content, settings)
    return Optimization(inputs, settings, paint_start=paint_start, state_file=state_file)


def enlarge(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarges ``(height, width, 3)`` floats in [0, 255] to a height and a width."""
    return np.clip(interpolate(picture, size), 0, 255).astype(np.float64)


def _fingerprint(settings: PictureSettings, inputs: PictureInputs) -> str:
    """Returns a hash of the settings, the pictures and the weights."""
    about = (MEASURED_AS, settings.model_dump_json(), inputs.vgg19.sha256)
    return fingerprint_of(about, [inputs.photograph.pixels, *inputs.paintings])
