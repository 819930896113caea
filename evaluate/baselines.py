"""The optimisations that networks are compared with. Results are cached in a folder."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.fingerprint import fingerprint_of
from onestroke.optimize.descent import Descent, PictureLoss, Terms, descend_by_lbfgs, first_picture
from onestroke.pictures import to_uint8


@dataclass(frozen=True)
class Curve:
    """The course of one optimisation.

    Attributes:
        terms: the loss and its terms for the initial picture, then after each iteration.
        picture: the result, ``(height, width, 3)`` uint8 RGB.
        stopped: whether the optimisation was stopped when it equalled a network.
    """

    terms: Sequence[Terms]
    picture: np.ndarray
    stopped: bool = False

    @property
    def iterations(self) -> int:
        """Number of iterations."""
        return len(self.terms) - 1


class Baselines:
    """Optimises photographs by L-BFGS within [0, 255] (Johnson et al. 2016, section 4.1).

    Args:
        iterations: largest number of iterations of each optimisation; 0 for no optimisation.
        folder: the cache, used by a repeated evaluation and by evaluations of the same style; None
            for no cache.
        until_overtaken: whether each optimisation stops when it equals the network.
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
        """Returns the optimisation of a photograph, from the cache if it is there.

        Args:
            loss: the loss.
            photograph: ``(height, width, 3)`` uint8 RGB.
            key: identifies the loss.
            start: ``noise`` or ``photograph``.
            reached: the loss of the picture that the network painted.
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
    """Returns a cached optimisation; None if it is missing or broken."""
    try:
        arrays = read_arrays(path, ["curve", "picture", "stopped"])
        terms = json.loads(str(arrays["curve"]))
        return Curve(terms, arrays["picture"], bool(arrays["stopped"]))
    except (OSError, BrokenArraysError, ValueError):
        return None
