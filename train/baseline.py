"""The optimisations that networks are measured against, each made once and remembered."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.files import write_whole
from onestroke.train.descent import Descent, PictureLoss, Terms, descend_by_lbfgs
from onestroke.train.validation import to_bytes

STARTS = ("noise", "photograph")
NOISE_SEED = 0


@dataclass(frozen=True)
class Curve:
    """How one optimisation went.

    Attributes:
        terms: the loss and its terms after each iteration.
        picture: the last one, ``(height, width, 3)`` uint8 RGB.
    """

    terms: Sequence[Terms]
    picture: np.ndarray


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
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, lambda temporary: _write(temporary, curve))
        return curve

    def _optimize(self, loss: PictureLoss, photograph: np.ndarray, start: str) -> Curve:
        first = photograph.astype(np.float64)
        if start == "noise":
            first = np.random.default_rng(NOISE_SEED).uniform(0, 255, photograph.shape)
        descent = Descent(first)
        curve: list[Terms] = []

        def after(terms: Terms, picture: np.ndarray) -> bool:
            curve.append(terms)
            return True

        descend_by_lbfgs(loss, loss.content_of(photograph), descent, self.iterations, after)
        return Curve(curve, to_bytes(descent.picture))


def _write(path: Path, curve: Curve) -> None:
    with path.open("wb") as file:
        np.savez(file, terms=json.dumps(curve.terms), picture=curve.picture)


def _read(path: Path) -> Curve | None:
    """Returns a remembered optimisation; None if there is none, or a broken one."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Curve(json.loads(str(arrays["terms"])), arrays["picture"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
