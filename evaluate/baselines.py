"""The optimisations that networks are measured against, each made once and remembered."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.files import BROKEN_ARRAYS, write_arrays
from onestroke.fingerprint import fingerprint_of
from onestroke.optimize.descent import Descent, PictureLoss, Terms, descend_by_lbfgs, first_picture
from onestroke.pictures import to_uint8


@dataclass(frozen=True)
class Curve:
    """How one optimisation went.

    Attributes:
        terms: the loss and its terms of the first picture, then after each iteration.
        picture: the last one, ``(height, width, 3)`` uint8 RGB.
        stopped: whether it was stopped where it overtook a network.
    """

    terms: Sequence[Terms]
    picture: np.ndarray
    stopped: bool = False

    @property
    def iterations(self) -> int:
        """How many were done."""
        return len(self.terms) - 1


class Baselines:
    """Optimises photographs by L-BFGS within [0, 255] (Johnson et al. 2016, section 4.1).

    Args:
        iterations: of each optimisation, at most; 0 where none is wanted.
        folder: where they are remembered, so that a killed evaluation goes on, and another one of
            the same style begins with them; None for nowhere.
        until_overtaken: whether each stops where it is as good as the network.
    """

    def __init__(
        self, iterations: int, folder: Path | None = None, *, until_overtaken: bool = False
    ) -> None:
        self.iterations = iterations
        self.folder = folder
        self.until_overtaken = until_overtaken

    def find(
        self, loss: PictureLoss, photograph: np.ndarray, *, key: str, start: str, reached: float
    ) -> Curve:
        """Returns the optimisation of a photograph, made now or before.

        Args:
            loss: what is made small.
            photograph: ``(height, width, 3)`` uint8 RGB.
            key: the same for equal losses alone.
            start: ``noise`` or ``photograph``.
            reached: the loss of the network's picture.
        """
        goal = reached if self.until_overtaken else -math.inf
        if self.folder is None:
            return self._optimize(loss, photograph, start, goal)
        file = self.folder / f"{fingerprint_of((key, start, self.iterations), [photograph])}.npz"
        curve = _read(file)
        if curve is None or (curve.stopped and curve.terms[-1]["loss"] > goal):
            curve = self._optimize(loss, photograph, start, goal)
            arrays = {"curve": json.dumps(curve.terms), "picture": curve.picture}
            write_arrays(file, {**arrays, "stopped": curve.stopped})
        return curve

    def _optimize(
        self, loss: PictureLoss, photograph: np.ndarray, start: str, goal: float
    ) -> Curve:
        content = loss.content_of(photograph)
        descent = Descent(first_picture(start, photograph))
        curve = [loss(descent.picture, content)[0]]

        def after(terms: Terms, picture: np.ndarray) -> bool:
            curve.append(terms)
            return terms["loss"] > goal

        if curve[0]["loss"] > goal:
            descend_by_lbfgs(
                loss, content, descent=descent, iterations=self.iterations, after=after
            )
        stopped = curve[-1]["loss"] <= goal
        return Curve(curve, to_uint8(descent.picture), stopped)


def _read(path: Path) -> Curve | None:
    """Returns a remembered optimisation; None if there is none, or a broken one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            terms = json.loads(str(arrays["curve"]))
            return Curve(terms, arrays["picture"], bool(arrays["stopped"]))
    except BROKEN_ARRAYS:
        return None
