"""Validation: photographs that are never trained on are painted, and the losses measured."""

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops
from PIL import Image

from onestroke.contact_sheet import PER_ROW, paired_sheet
from onestroke.errors import explain_memory_errors
from onestroke.models.card import IDENTITY
from onestroke.pictures import to_uint8
from onestroke.train.style_trainer import StyleTrainer

MAX_SHOWN = 16  # pictures on a contact sheet
TERMS_OF_STYLES = ("style", "content")  # terms that are also averaged for each style


class Validation:
    """The fixed validation photographs. The styles take turns.

    Args:
        photographs: ``(height, width, 3)`` uint8 RGB each.
        names: names of the styles.
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
        self.shown = min(max(PER_ROW, len(names)), len(self.batches), MAX_SHOWN)

    def measure_photographs(self, trainer: StyleTrainer) -> dict[str, float]:
        """Returns the mean terms of the unpainted photographs."""
        terms = []
        for x in self.batches:
            with explain_memory_errors(*_memory_advice(x["image"])):
                terms.append(_terms(trainer, x, x["image"]))
        return self._mean(terms)

    def measure(self, trainer: StyleTrainer) -> tuple[dict[str, float], Image.Image]:
        """Paints every photograph; returns the mean terms and a sheet of the first few."""
        terms: list[dict[str, float]] = []
        painted: list[np.ndarray] = []
        for x in self.batches:
            with explain_memory_errors(*_memory_advice(x["image"])):
                picture = trainer(x, training=False)
                terms.append(_terms(trainer, x, picture))
            if len(painted) < self.shown:
                painted.append(to_uint8(ops.convert_to_numpy(picture)[0]))
        return self._mean(terms), paired_sheet(self.photographs[: self.shown], painted)

    def _mean(self, terms: Sequence[dict[str, float]]) -> dict[str, float]:
        """Averages terms over the pictures; with several styles, also for each style."""
        pairs = list(zip(self.names, terms, strict=True))
        painted = [values for name, values in pairs if name != IDENTITY]
        means = {key: _rounded([values[key] for values in painted]) for key in painted[0]}
        if len(set(self.names)) == 1:
            return means
        return means | {
            f"{term}/{name}": _rounded([values[term] for other, values in pairs if other == name])
            for name in dict.fromkeys(self.names)
            for term in TERMS_OF_STYLES
        }


def _memory_advice(batch: np.ndarray) -> tuple[str, str]:
    """Returns the purpose and the remedy for an out-of-memory error."""
    height, width = batch.shape[1:3]
    return f"for validation photographs of {width} x {height}", "lower data.validation_size"


def _terms(
    trainer: StyleTrainer, x: Mapping[str, np.ndarray], picture: np.ndarray
) -> dict[str, float]:
    return {name: float(term[0]) for name, term in trainer.terms(x, picture).items()}


def _rounded(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 5)
