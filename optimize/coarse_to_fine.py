"""Optimising the pixels of one picture from coarse to fine, with a state file and resume.

A small picture is optimised first, then enlarged and optimised again, and so on. What is optimised,
and how, is defined in the subclasses: ``picture_optimization`` and ``dream``.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from keras import ops

from onestroke.optimize.descent import AfterIteration, Descent, Terms
from onestroke.optimize.optimization_state import State, load_state, save_state
from onestroke.pictures import Picture, to_uint8
from onestroke.progress import Progress


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


class CoarseToFine(ABC):
    """An optimisation of one picture at several sizes.

    An optimisation that was killed and resumed from its state file ends in the same picture as an
    uninterrupted one, bit for bit on one machine.

    Args:
        photograph: the content.
        sizes: (height, width) of each level, from coarse to fine.
        iterations: largest number of iterations at each level.
        save_every: iterations between two saved states.
        fingerprint: identifies the settings, the pictures and the weights.
        state_file: the file from which the optimisation is resumed; None for no file.

    Raises:
        SettingsError: the state file is of other settings or pictures.
        ModelError: the state file is broken.
    """

    def __init__(
        self,
        photograph: Picture,
        sizes: Sequence[tuple[int, int]],
        *,
        iterations: int,
        save_every: int,
        fingerprint: str,
        state_file: Path | None = None,
    ) -> None:
        self.photograph = photograph
        self.sizes = list(sizes)
        self.iterations_per_level = iterations
        self.save_every = save_every
        self.fingerprint = fingerprint
        self.state_file = state_file
        if state_file and state_file.exists():
            self.state = load_state(state_file, fingerprint, self.sizes)
        else:
            self.state = State(0, 0, Descent(self.initial_picture()))

    @abstractmethod
    def initial_picture(self) -> np.ndarray:
        """Returns the first picture of the coarsest level, ``(height, width, 3)`` floats."""

    @abstractmethod
    def start_level(self, size: tuple[int, int]) -> None:
        """Prepares the loss for pictures of a height and a width."""

    @abstractmethod
    def descend(self, iterations: int, after: AfterIteration) -> bool:
        """Updates ``state.descent``; calls ``after`` after each iteration.

        Returns:
            True if more iterations at this level would change nothing.
        """

    @abstractmethod
    def enlarge_to_level(self, level: int) -> np.ndarray:
        """Returns the first picture of a level, from the result of the level before."""

    @abstractmethod
    def terms_of(self, picture: np.ndarray | None) -> Terms:
        """Returns the loss terms of a picture at the current level; None for the photograph."""

    @property
    def iteration(self) -> int:
        """Number of iterations done at all sizes together."""
        return self.state.level * self.iterations_per_level + self.state.iteration

    @property
    def iterations(self) -> int:
        """Number of iterations of the whole optimisation."""
        return len(self.sizes) * self.iterations_per_level

    def run(
        self,
        *,
        show: Callable[[Progress, np.ndarray], None] = lambda progress, picture: None,
        stop: threading.Event | None = None,
    ) -> Optimized:
        """Optimises to the end, or until it is stopped.

        Args:
            show: called after every iteration with the progress and the picture, ``(height, width,
                3)`` floats, in [0, 255].
            stop: when set, the current iteration is finished and saved, and the method returns.
        """
        stop = stop or threading.Event()
        while True:
            self.start_level(self.sizes[self.state.level])
            while self.state.iteration < self.iterations_per_level and not stop.is_set():
                self._descend_until_saved(show, stop)
                if self.state_file:
                    save_state(self.state_file, self.state, self.fingerprint)
            if stop.is_set() or self.state.level + 1 == len(self.sizes):
                break
            level = self.state.level + 1
            self.state = State(level, 0, Descent(self.enlarge_to_level(level)))
        picture = to_uint8(self.state.descent.picture)
        return Optimized(
            picture,
            finished=self.iteration == self.iterations,
            iterations=self.iteration,
            photograph_terms=self.terms_of(None),
            picture_terms=self.terms_of(picture),
        )

    def delete_state(self) -> None:
        """Deletes the state file, after the picture has been written."""
        if self.state_file:
            self.state_file.unlink(missing_ok=True)

    def _descend_until_saved(
        self, show: Callable[[Progress, np.ndarray], None], stop: threading.Event
    ) -> None:
        """Optimises up to the next iteration at which the state is saved."""
        state = self.state
        left = self.iterations_per_level - state.iteration
        count = min(self.save_every - state.iteration % self.save_every, left)

        def after(terms: Terms, picture: np.ndarray) -> bool:
            state.iteration += 1
            show(Progress(self.iteration, self.iterations, terms), picture)
            return not stop.is_set()

        at_end = self.descend(count, after)
        if at_end and state.iteration < self.iterations_per_level and not stop.is_set():
            state.iteration = self.iterations_per_level
            terms = self.terms_of(state.descent.picture)
            show(Progress(self.iteration, self.iterations, terms), state.descent.picture)


def interpolate(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarges ``(height, width, 3)`` floats to a height and a width; bicubic, float32."""
    batch = ops.convert_to_tensor(picture[None], "float32")
    return ops.convert_to_numpy(ops.image.resize(batch, size, interpolation="bicubic")[0])
