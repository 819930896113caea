"""Photographs that are never trained on: painted, and measured by the training's own losses."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from PIL import Image

from onestroke.train.objective import StyleTrainer

SHOWN = 4  # photographs on a contact sheet


class Validation:
    """The fixed validation photographs.

    Args:
        photographs: ``(height, width, 3)`` uint8 RGB each.
    """

    def __init__(self, photographs: Sequence[np.ndarray]) -> None:
        self.photographs = photographs

    def measure_photographs(self, trainer: StyleTrainer) -> dict[str, float]:
        """Returns the mean terms of the photographs themselves: where the training starts."""
        return _mean([_terms(trainer, _batch(p), _batch(p)) for p in self.photographs])

    def measure(self, trainer: StyleTrainer) -> tuple[dict[str, float], Image.Image]:
        """Paints every photograph; returns the mean terms and a sheet of the first few."""
        terms: list[dict[str, float]] = []
        painted: list[np.ndarray] = []
        for photograph in self.photographs:
            picture = trainer.network(_batch(photograph), training=False)
            terms.append(_terms(trainer, _batch(photograph), picture))
            if len(painted) < SHOWN:
                painted.append(to_bytes(ops.convert_to_numpy(picture)[0]))
        return _mean(terms), contact_sheet(self.photographs[:SHOWN], painted)


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Rounds ``(height, width, 3)`` floats in [0, 255] to uint8."""
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def contact_sheet(above: Sequence[np.ndarray], below: Sequence[np.ndarray]) -> Image.Image:
    """Sets photographs over their paintings, side by side."""
    heights = [picture.shape[0] for picture in above]
    sheet = Image.new("RGB", (sum(p.shape[1] for p in above), 2 * max(heights)), "white")
    left = 0
    for photograph, painting in zip(above, below, strict=True):
        sheet.paste(Image.fromarray(photograph), (left, 0))
        sheet.paste(Image.fromarray(painting), (left, max(heights)))
        left += photograph.shape[1]
    return sheet


def _batch(photograph: np.ndarray) -> np.ndarray:
    return np.asarray(photograph, np.float32)[None]


def _terms(trainer: StyleTrainer, photograph: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    return {name: float(term) for name, term in trainer.terms(photograph, picture).items()}


def _mean(terms: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([t[name] for t in terms])), 5) for name in terms[0]}
