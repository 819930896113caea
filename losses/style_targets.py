"""Targets of the style loss, computed once per painting and cached.

The distance of a painting is the median style loss of the bundled photographs. Divided by it, a
style loss of 1 is that of a typical photograph and 0 that of the painting, for every painting.
Without the division, the weak Gram matrices of a pale painting (Monet's Impression, Sunrise: 12)
would dominate the loss.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.data.paintings import Style
from onestroke.data.photograph_sources import open_source
from onestroke.errors import explain_memory_errors
from onestroke.fingerprint import fingerprint_of, numeric_libraries
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.packed_grams import Grams, recall_grams
from onestroke.losses.terms import gram_matrix, relative_error, variation
from onestroke.models.layers import Tensor
from onestroke.models.vgg19 import block_and_layer, loss_network
from onestroke.models.vgg19_weights import Vgg19Weights
from onestroke.pictures import group_by_size, shrink

PHOTOGRAPH_SIDE = 256  # long side in pixels of the photographs that define the distance
BATCH = 2  # photographs that are measured at once; faster than one with oneDNN on AVX2
MEASURED_AS = 4  # version of the measurement; increases when it changes
REACH = 144
"""Pixels that rows of features depend on, in each direction, up to relu5_4; a multiple of 16."""

PHOTOGRAPH_GRAMS = Path(__file__).with_name("photograph_grams.npz")
"""Gram matrices of the bundled photographs; ``tools/pack_grams.py`` writes the file."""


@dataclass(frozen=True)
class StyleTargets:
    """Targets of the style loss for each style, computed once before training.

    Attributes:
        grams: Gram matrices of each style layer's features, ``(styles, channels, channels)``.
        distance: style loss of a typical photograph before it is divided by this, ``(styles,)``.
        variation: mean square differences of neighbouring pixels, ``(styles,)``.
        identity: ``(styles,)``, 1 for the style that returns photographs unchanged, 0 for others.
        factor: of the style term's weight, ``(styles,)``; see ``style.weights``.
    """

    grams: Mapping[str, Tensor]
    distance: Tensor
    variation: Tensor
    identity: Tensor
    factor: Tensor

    def of(self, style: Tensor) -> "StyleTargets":
        """Returns the targets of each picture; ``style`` is ``(batch, styles)``, one-hot."""
        index = ops.argmax(style, axis=-1)
        return StyleTargets(
            {name: ops.take(gram, index, axis=0) for name, gram in self.grams.items()},
            ops.take(self.distance, index),
            ops.take(self.variation, index),
            ops.take(self.identity, index),
            ops.take(self.factor, index),
        )


def measure_styles(
    settings: LossSettings,
    vgg19: Vgg19Weights,
    styles: Sequence[Style],
    *,
    factors: Sequence[float] = (),
    identity: bool = False,
    folder: Path | None = None,
) -> StyleTargets:
    """Measures paintings with the loss network in 32 bits; the identity comes last.

    Args:
        settings: the style layers and the pooling.
        vgg19: weights of the loss network.
        styles: the paintings.
        factors: of the weight of each painting's style term; by default 1.
        identity: whether there is one more style, which returns photographs unchanged.
        folder: cache of the measurements, by the paintings' pixels; None for no cache.
    """
    measure = _PaintingMeasure(settings, vgg19, folder)
    measured = []
    for style in styles:
        file = folder / f"{_fingerprint(style, settings, vgg19)}.npz" if folder else None
        arrays = _read(file, [*settings.style, "variation", "errors"]) if file else None
        if arrays is None:
            height, width = style.pictures[0].shape[:2]
            with explain_memory_errors(f"for a painting of {width} x {height}", "lower style.size"):
                arrays = measure.measure(style)
            if file:
                with contextlib.suppress(OSError):  # without a cache it only takes longer
                    write_arrays(file, arrays)
        measured.append(arrays)
    if identity:  # not used, but the arrays need a row for it
        measured.append(measured[0])
    weights = np.array([settings.style[name] for name in sorted(settings.style)], np.float32)
    distances = [np.median(arrays["errors"] @ (weights / weights.sum())) for arrays in measured]

    def gather(name: str) -> Tensor:
        return ops.convert_to_tensor(np.concatenate([arrays[name] for arrays in measured]))

    return StyleTargets(
        {name: gather(name) for name in settings.style},
        ops.convert_to_tensor(distances, "float32"),
        gather("variation"),
        ops.convert_to_tensor([0.0] * len(styles) + [1.0] * identity, "float32"),
        ops.convert_to_tensor([*(factors or [1.0] * len(styles)), *[1.0] * identity], "float32"),
    )


def typical_photographs() -> list[np.ndarray]:
    """Reads the bundled photographs, ``(height, width, 3)`` uint8 RGB, long side 256 pixels."""
    source = open_source(["bundled"], split="train")
    read = (source.read(i, PHOTOGRAPH_SIDE) for i in range(len(source)))
    return [shrink(photograph, PHOTOGRAPH_SIDE) for photograph in read]


class _PaintingMeasure:
    """Measures paintings, and the style loss of photographs against them.

    Args:
        settings: the style layers and the pooling.
        vgg19: weights of the loss network.
        folder: cache of the Gram matrices of the bundled photographs; None for no cache.
    """

    def __init__(self, settings: LossSettings, vgg19: Vgg19Weights, folder: Path | None) -> None:
        self.layers = sorted(settings.style)
        self.vgg19 = vgg19
        self.pooling = settings.pooling
        self.folder = folder

    def measure(self, style: Style) -> dict[str, np.ndarray]:
        """Returns the measurements of a blend of paintings.

        They are the Gram matrix of each layer, ``(1, channels, channels)``; ``variation``,
        ``(1,)``; and ``errors``, the relative errors of photographs' Grams, ``(photographs,
        layers)``, the layers by name.
        """
        shares = np.asarray(style.shares, np.float64) / np.sum(style.shares)
        arrays: dict[str, np.ndarray] = {"variation": np.zeros(1, np.float32)}
        for picture, share in zip(style.pictures, shares.astype(np.float32), strict=True):
            batch = np.asarray(picture, np.float32)[None]
            arrays["variation"] += share * ops.convert_to_numpy(variation(batch))
            for name, gram in self._grams(picture).items():
                arrays[name] = arrays.get(name, 0) + share * gram[None]
        arrays["errors"] = np.array(
            [
                [float(relative_error(grams[name][None], arrays[name])[0]) for name in self.layers]
                for grams in self._photographs
            ],
            np.float32,
        )
        return arrays

    @cached_property
    def network(self) -> keras.Model:
        """The loss network, built at the first measurement."""
        return loss_network(self.layers, self.vgg19, pooling=self.pooling)

    @cached_property
    def _photographs(self) -> list[Grams]:
        """Gram matrices of the bundled photographs."""
        return recall_grams(
            photograph_key(self.vgg19, self.pooling),
            self.layers,
            lambda: measure_bundled_photographs(self.network),
            shipped=[PHOTOGRAPH_GRAMS],
            folder=self.folder,
        )

    def _grams(self, picture: np.ndarray) -> Grams:
        """Returns the Gram matrix of each layer.

        The upper and the lower half of a large picture are a batch of two, because oneDNN on AVX2
        takes minutes for a single one; see ``onestroke.onednn``.
        """
        height = len(picture)
        # Features of a row lie on the same pixels in both halves if one begins at a multiple of 16.
        start = (height - 2 * REACH) // 32 * 16
        if start <= 0:
            return measure_grams(self.network, np.asarray(picture, np.float32)[None])
        halves = np.stack([picture[: height - start], picture[start:]]).astype(np.float32)
        features = self.network(halves)
        return {name: _gram_of_halves(name, features[name], start) for name in features}


def _gram_of_halves(layer: str, features: Tensor, start: int) -> np.ndarray:
    """Returns the Gram matrix of a picture, ``(channels, channels)``.

    Args:
        layer: the name of the layer.
        features: of the picture's halves, ``(2, height, width, channels)``.
        start: the row of the picture at which the second half begins.
    """
    block, _ = block_and_layer(layer)
    stride = 2 ** (block - 1)
    # Further from the cut than features reach, the rows are those of the whole picture.
    parts = [features[:1, : (start + REACH) // stride], features[1:, REACH // stride :]]
    counts = [part.shape[1] * part.shape[2] for part in parts]
    grams = [ops.convert_to_numpy(gram_matrix(part))[0] for part in parts]
    return sum(n * gram for n, gram in zip(counts, grams, strict=True)) / sum(counts)


def measure_bundled_photographs(network: keras.Model) -> list[Grams]:
    """Measures the Gram matrices of the bundled photographs, two of one size at once.

    Args:
        network: VGG19 with the layers to measure.
    """
    photographs = typical_photographs()
    measured: dict[int, Grams] = {}
    for batch in group_by_size(photographs, BATCH):
        pictures = np.stack([photographs[i] for i in batch]).astype(np.float32)
        grams = _measure_each(network, pictures)
        for place, i in enumerate(batch):
            measured[i] = {name: gram[place] for name, gram in grams.items()}
    return [measured[i] for i in range(len(photographs))]


def measure_grams(network: keras.Model, pictures: Any) -> Grams:
    """Returns the mean Gram matrices of pictures, ``(channels, channels)`` by layer.

    Args:
        network: VGG19 with the layers to measure.
        pictures: ``(batch, height, width, 3)`` float32 RGB in [0, 255].
    """
    return {name: gram.mean(axis=0) for name, gram in _measure_each(network, pictures).items()}


def _measure_each(network: keras.Model, pictures: Any) -> dict[str, np.ndarray]:
    """Returns the Gram matrices of each picture, ``(batch, channels, channels)`` by layer."""
    features = network(pictures)
    return {name: ops.convert_to_numpy(gram_matrix(f)) for name, f in features.items()}


def photograph_key(vgg19: Vgg19Weights, pooling: str) -> tuple[object, ...]:
    """Returns what the Gram matrices of the bundled photographs depend on, besides the layers."""
    return (MEASURED_AS, "photographs", vgg19.sha256, pooling)


def _fingerprint(style: Style, settings: LossSettings, vgg19: Vgg19Weights) -> str:
    """Returns a key that is equal only for equal measurements."""
    about = (sorted(settings.style), settings.pooling, vgg19.sha256, [*style.shares])
    return fingerprint_of((MEASURED_AS, numeric_libraries(), about), style.pictures)


def _read(file: Path, names: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Returns a cached measurement; None if there is none or it is broken."""
    try:
        return read_arrays(file, names)
    except (OSError, BrokenArraysError):
        return None
