"""Validation: photographs that are never trained on are painted, and the losses measured."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops
from PIL import Image

from onestroke.contact_sheet import PER_ROW, paired_sheet
from onestroke.errors import explain_memory_errors
from onestroke.models.card import IDENTITY
from onestroke.models.layers import Tensor
from onestroke.pictures import group_by_size, to_uint8
from onestroke.train.style_trainer import StyleTrainer

PHOTOGRAPHS, PAINTED = "photographs_", "validation_"
"""Prefixes of the loss terms in the journal: of the photographs unpainted, and as painted."""

KEPT_BYTES = 5e8  # of content features that are kept for the next validation
BATCH = 2  # photographs of one size that are painted at once; see onestroke.onednn
MAX_SHOWN = 16  # pictures on a contact sheet
Features = Mapping[str, Tensor]  # by layer
TERMS_OF_STYLES = ("style", "content")  # terms that are also averaged for each style


class Validation:
    """The fixed validation photographs. The styles take turns.

    Args:
        photographs: ``(height, width, 3)`` uint8 RGB each.
        names: names of the styles.
    """

    def __init__(self, photographs: Sequence[np.ndarray], names: Sequence[str]) -> None:
        turns = range(max(len(photographs), len(names)))  # every photograph and every style
        self.names = [names[i % len(names)] for i in turns]
        self.photographs = [photographs[i % len(photographs)] for i in turns]
        self.batches = group_by_size(self.photographs, BATCH)
        self.styles = np.eye(len(names), dtype=np.float32)
        self.shown = min(max(PER_ROW, len(names)), len(self.photographs), MAX_SHOWN)
        self.wanted: dict[tuple[int, ...], Features] = {}  # by batch

    def measure_photographs(self, trainer: StyleTrainer) -> dict[str, float]:
        """Returns the mean terms of the unpainted photographs."""
        terms: dict[int, dict[str, float]] = {}
        for batch in self.batches:
            x = self._read(batch)
            with explain_memory_errors(*_memory_advice(x["image"])):
                features = trainer.loss_network(x["image"])
                wanted = {name: features[name] for name in trainer.objective.content_network.output}
                self._keep(batch, wanted)
                own = trainer.terms(x, x["image"], wanted=wanted, features=features)
                terms |= _numbers(batch, own)
        return self._mean(terms)

    def measure(self, trainer: StyleTrainer) -> tuple[dict[str, float], Image.Image]:
        """Paints every photograph; returns the mean terms and a sheet of the first few."""
        terms: dict[int, dict[str, float]] = {}
        painted: dict[int, np.ndarray] = {}
        for batch in self.batches:
            x = self._read(batch)
            with explain_memory_errors(*_memory_advice(x["image"])):
                pictures = trainer(x, training=False)
                wanted = self.wanted.get(batch) or trainer.objective.content_network(x["image"])
                self._keep(batch, wanted)
                terms |= _numbers(batch, trainer.terms(x, pictures, wanted=wanted))
            for i, picture in zip(batch, ops.convert_to_numpy(pictures), strict=True):
                if i < self.shown:
                    painted[i] = to_uint8(picture)
        shown = [painted[i] for i in range(self.shown)]
        return self._mean(terms), paired_sheet(self.photographs[: self.shown], shown)

    def _read(self, batch: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Returns the input of the trainer."""
        return {
            "image": np.stack([self.photographs[i] for i in batch]).astype(np.float32),
            "style": self.styles[[i % len(self.styles) for i in batch]],
        }

    def _keep(self, batch: tuple[int, ...], wanted: Features) -> None:
        """Keeps the content features of a batch for later, if the memory allows."""
        kept = [*(self.wanted | {batch: wanted}).values()]
        if sum(_size(feature) for features in kept for feature in features.values()) <= KEPT_BYTES:
            self.wanted[batch] = wanted

    def _mean(self, terms: Mapping[int, dict[str, float]]) -> dict[str, float]:
        """Averages terms over the pictures; with several styles, also for each style."""
        pairs = [(name, terms[i]) for i, name in enumerate(self.names)]
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


def _numbers(batch: tuple[int, ...], terms: Mapping[str, Tensor]) -> dict[int, dict[str, float]]:
    """Returns the terms of each picture by its number."""
    columns = {name: ops.convert_to_numpy(term) for name, term in terms.items()}
    return {
        i: {name: float(column[place]) for name, column in columns.items()}
        for place, i in enumerate(batch)
    }


def _size(feature: Tensor) -> int:
    """Returns the bytes of a feature."""
    return math.prod(feature.shape) * (2 if "16" in str(feature.dtype) else 4)


def _rounded(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 5)
