"""Photographs that are never trained on: painted, and measured by the training's own losses."""

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops
from PIL import Image

from onestroke.contact_sheet import PER_ROW, paired_sheet
from onestroke.errors import explain_memory_errors
from onestroke.models.card import IDENTITY
from onestroke.pictures import to_uint8
from onestroke.train.style_trainer import StyleTrainer

SHOWN = 16  # pictures on it at most
OF_EACH_STYLE = ("style", "content")  # terms that are also averaged over one style's pictures


class Validation:
    """The fixed validation photographs, painted in the styles in turn.

    Args:
        photographs: ``(height, width, 3)`` uint8 RGB each.
        names: of the styles.
    """

    def __init__(self, photographs: Sequence[np.ndarray], names: Sequence[str]) -> None:
        one_hot = np.eye(len(names), dtype=np.float32)
        turns = range(max(len(photographs), len(names)))  # every photograph and every style
        self.names = [names[i % len(names)] for i in turns]
        self.photographs = [photographs[i % len(photographs)] for i in turns]
        self.batches = [
            {
                "image": np.asarray(photograph, np.float32)[None],
                "style": one_hot[None, i % len(names)],
            }
            for i, photograph in enumerate(self.photographs)
        ]
        self.shown = min(max(PER_ROW, len(names)), len(self.batches), SHOWN)

    def measure_photographs(self, trainer: StyleTrainer) -> dict[str, float]:
        """Returns the mean terms of the photographs themselves: where the training starts."""
        terms = []
        for x in self.batches:
            with explain_memory_errors(*_of_size(x["image"])):
                terms.append(_terms(trainer, x, x["image"]))
        return self._mean(terms)

    def measure(self, trainer: StyleTrainer) -> tuple[dict[str, float], Image.Image]:
        """Paints every photograph; returns the mean terms and a sheet of the first few."""
        terms: list[dict[str, float]] = []
        painted: list[np.ndarray] = []
        for x in self.batches:
            with explain_memory_errors(*_of_size(x["image"])):
                picture = trainer(x, training=False)
                terms.append(_terms(trainer, x, picture))
            if len(painted) < self.shown:
                painted.append(to_uint8(ops.convert_to_numpy(picture)[0]))
        return self._mean(terms), paired_sheet(self.photographs[: self.shown], painted)

    def _mean(self, terms: Sequence[dict[str, float]]) -> dict[str, float]:
        """Averages terms over the paintings; of several styles, each one's own losses too."""
        pairs = list(zip(self.names, terms, strict=True))
        painted = [its for name, its in pairs if name != IDENTITY]
        means = {key: _rounded([its[key] for its in painted]) for key in painted[0]}
        if len(set(self.names)) == 1:
            return means
        return means | {
            f"{term}/{name}": _rounded([its[term] for other, its in pairs if other == name])
            for name in dict.fromkeys(self.names)
            for term in OF_EACH_STYLE
        }


def _of_size(batch: np.ndarray) -> tuple[str, str]:
    """Returns what memory is for, and what to do where there is too little."""
    height, width = batch.shape[1:3]
    return f"for validation photographs of {width} x {height}", "lower data.validation_size"


def _terms(
    trainer: StyleTrainer, x: Mapping[str, np.ndarray], picture: np.ndarray
) -> dict[str, float]:
    return {name: float(term[0]) for name, term in trainer.terms(x, picture).items()}


def _rounded(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 5)
