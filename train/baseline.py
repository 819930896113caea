"""The optimisations that networks are measured against, each made once and remembered."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.files import BROKEN_ARRAYS, write_arrays
from onestroke.pictures import to_bytes
from onestroke.train.descent import (
    Descent,
    PictureLoss,
    Terms,
    descend_by_lbfgs,
    first_picture,
)


@dataclass(frozen=True)
class Curve:
    """How one optimisation went.

    Attributes:
        terms: the loss and its terms of the first picture, then after each iteration.
        picture: the last one, ``(height, width, 3)`` uint8 RGB.
    """

    terms: Sequence[Terms]
    picture: np.ndarray

    @property
    def iterations(self) -> int:
        """How many were done."""
        return len(self.terms) - 1


class Baselines:
    """Optimises photographs by L-BFGS within [0, 255] (Johnson et al. 2016, section 4.1).

    Args:
        iterations: of each optimisation.
        folder: where they are remembered, so that a killed evaluation goes on, and another one of
            the same style begins with them; None for nowhere.
    """

    def __init__(self, iterations: int, folder: Path | None = None) -> None:
        self.iterations = iterations
        self.folder = folder

    def find(self, loss: PictureLoss, key: str, photograph: np.ndarray, start: str) -> Curve:
        """Returns the optimisation of a photograph, made now or before.

        Args:
            loss: what is made small.
            key: the same for equal losses alone.
            photograph: ``(height, width, 3)`` uint8 RGB.
            start: ``noise`` or ``photograph``.
        """
        if self.folder is None:
            return self._optimize(loss, photograph, start)
        digest = hashlib.sha256(f"{key} {start} {self.iterations} {photograph.shape}".encode())
        digest.update(photograph.tobytes())
        file = self.folder / f"{digest.hexdigest()[:32]}.npz"
        curve = _read(file)
        if curve is None:
            curve = self._optimize(loss, photograph, start)
            write_arrays(file, {"curve": json.dumps(curve.terms), "picture": curve.picture})
        return curve

    def _optimize(self, loss: PictureLoss, photograph: np.ndarray, start: str) -> Curve:
        content = loss.content_of(photograph)
        descent = Descent(first_picture(start, photograph))
        curve = [loss(descent.picture, content)[0]]

        def after(terms: Terms, picture: np.ndarray) -> bool:
            curve.append(terms)
            return True

        descend_by_lbfgs(loss, content, descent, self.iterations, after)
        return Curve(curve, to_bytes(descent.picture))


def _read(path: Path) -> Curve | None:
    """Returns a remembered optimisation; None if there is none, or a broken one."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Curve(json.loads(str(arrays["curve"])), arrays["picture"])
    except BROKEN_ARRAYS:
        return None
