"""One picture, optimised: the photograph takes on the style pixel by pixel (Gatys et al. 2016).

From coarse to fine: a small picture first, where a stroke reaches far, then, enlarged, twice the
size, and so on (as in Gatys et al. 2017, section 6).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from onestroke.models.size import MINIMUM_SIDE
from onestroke.pictures import resize, size_of_short_side
from onestroke.train.descent import Descent, PictureLoss, Terms, descend_by_adam, descend_by_lbfgs
from onestroke.train.ingredients import PictureIngredients, Style, level_sizes
from onestroke.train.losses import Tensor
from onestroke.train.objective import Objective, build_objective
from onestroke.train.picture_settings import OptimizeSettings, PictureSettings
from onestroke.train.state import State, fingerprint, load_state, save_state
from onestroke.train.training import Progress
from onestroke.train.validation import to_bytes

ADAM_FALLS_TO = 0.05  # of the learning rate, at the last iteration of a size


@dataclass(frozen=True)
class Optimized:
    """What an optimisation came to.

    Attributes:
        picture: ``(height, width, 3)`` uint8 RGB.
        finished: False if it was stopped before its end.
        iterations: in all, over all sizes.
        photograph: the loss and its terms of the photograph itself, at the last size.
        terms: the same of the picture.
    """

    picture: np.ndarray
    finished: bool
    iterations: int
    photograph: Terms
    terms: Terms


class Optimization:
    """A picture that is being optimised.

    One that was killed and goes on from its state file ends in the same picture as one that never
    was, bit for bit on one machine.

    Args:
        ingredients: photograph, paintings and the loss network's weights.
        settings: see ``train.picture_settings``.
        start: the picture to begin with where the settings name one.
        state_file: holds what resumes the optimisation; None for nowhere.

    Raises:
        SettingsError: the state file is of other settings or pictures.
        ModelError: the state file is broken.
    """

    def __init__(
        self,
        ingredients: PictureIngredients,
        settings: PictureSettings,
        *,
        start: np.ndarray | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.photograph = photograph = ingredients.photograph
        self.ingredients = ingredients
        self.settings = settings
        self.how = settings.optimize
        self.sizes = level_sizes(photograph.shape[:2], self.how)
        self.state_file = state_file
        self.fingerprint = fingerprint(settings, photograph, *ingredients.paintings)
        if state_file and state_file.exists():
            self.state = load_state(state_file, self.fingerprint)
        else:
            first = _first_picture(resize(photograph, self.sizes[0]), self.how, start)
            self.state = State(0, 0, Descent(first))

    @property
    def iteration(self) -> int:
        """Iterations done, at all sizes together."""
        return self.state.level * self.how.iterations + self.state.iteration

    @property
    def iterations(self) -> int:
        """Iterations of the whole, at all sizes together."""
        return len(self.sizes) * self.how.iterations

    def run(
        self,
        *,
        show: Callable[[Progress], None] = lambda progress: None,
        keep: Callable[[int, np.ndarray], None] = lambda iteration, picture: None,
        stop: threading.Event | None = None,
    ) -> Optimized:
        """Goes on to the end, or until it is stopped.

        Args:
            show: called after every iteration.
            keep: called with the picture, ``(height, width, 3)`` uint8, whenever a state is saved.
            stop: when set, the iteration under way is finished, saved, and what there is returned.
        """
        stop = stop or threading.Event()
        while True:
            size = self.sizes[self.state.level]
            content = resize(self.photograph, size)
            loss = PictureLoss(self._objective(max(size) / max(self.sizes[-1])))
            wanted = loss.content_of(content)
            while self.state.iteration < self.how.iterations and not stop.is_set():
                self._descend(loss, wanted, show, stop)
                self._save()
                keep(self.iteration, to_bytes(self.state.descent.picture))
            if stop.is_set() or self.state.level + 1 == len(self.sizes):
                break
            larger = enlarge(self.state.descent.picture, self.sizes[self.state.level + 1])
            self.state = State(self.state.level + 1, 0, Descent(larger))
        picture = to_bytes(self.state.descent.picture)
        return Optimized(
            picture,
            finished=self.iteration == self.iterations,
            iterations=self.iteration,
            photograph=loss(content, wanted)[0],
            terms=loss(picture, wanted)[0],
        )

    def forget_state(self) -> None:
        """Deletes the state file, once the picture is where it belongs."""
        if self.state_file:
            self.state_file.unlink(missing_ok=True)

    def _objective(self, share: float) -> Objective:
        """Returns what to make small where the picture has ``share`` of its full size."""
        style = self.settings.style
        short_side = max(MINIMUM_SIDE, round((style.size or self.how.size) * share))
        paintings = [
            resize(painting, size_of_short_side(painting.shape[:2], short_side))
            for painting in self.ingredients.paintings
        ]
        blend = Style(paintings, list(style.pictures.values()))
        return build_objective(self.settings.loss, self.ingredients.vgg19, [blend])

    def _descend(
        self,
        loss: PictureLoss,
        wanted: Mapping[str, Tensor],
        show: Callable[[Progress], None],
        stop: threading.Event,
    ) -> None:
        """Goes on to the next iteration at which the state is saved."""
        state = self.state
        begun = state.iteration
        left = self.how.iterations - begun
        count = min(self.how.save_every - begun % self.how.save_every, left)

        def after(terms: Terms, picture: np.ndarray) -> bool:
            state.iteration += 1
            show(Progress(self.iteration, self.iterations, terms))
            return not stop.is_set()

        if self.how.method == "l-bfgs":
            descend_by_lbfgs(loss, wanted, state.descent, count, after)
            if state.iteration < begun + count and not stop.is_set():
                state.iteration = self.how.iterations  # no step makes the loss smaller
        else:
            rate = keras.optimizers.schedules.CosineDecay(
                self.how.learning_rate, self.how.iterations, alpha=ADAM_FALLS_TO
            )
            descend_by_adam(loss, wanted, state.descent, count, after, learning_rate=rate)

    def _save(self) -> None:
        if self.state_file:
            save_state(self.state_file, self.state, self.fingerprint)


def enlarge(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scales ``(height, width, 3)`` floats in [0, 255] up to a height and a width."""
    batch = ops.convert_to_tensor(picture[None], "float32")
    larger = ops.image.resize(batch, size, interpolation="bicubic")
    return np.clip(ops.convert_to_numpy(larger)[0], 0, 255).astype(np.float64)


def _first_picture(
    content: np.ndarray, how: OptimizeSettings, start: np.ndarray | None
) -> np.ndarray:
    if how.start == "noise":
        return np.random.default_rng(how.seed).uniform(0, 255, content.shape)
    if how.start == "photograph":
        return content.astype(np.float64)
    if start is None:
        raise ValueError(f"expected the picture {how.start} as start; received none")
    return resize(start, content.shape[:2]).astype(np.float64)
