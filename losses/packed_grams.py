"""Gram matrices in little space: the largest eigenvectors of each, in 16 bits.

The Gram matrices of a picture take 2.4 MB in five layers of VGG19. Nearly all of their energy lies
in few directions: ``RANK`` eigenvectors take 94 kB, so that measurements that every training needs
can ship with the package.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.fingerprint import fingerprint_of

Grams = Mapping[str, np.ndarray]  # by layer, ``(channels, channels)`` float32

RANK = 32


def pack_grams(grams: Sequence[Grams]) -> dict[str, np.ndarray]:
    """Returns factors by layer, ``(matrices, channels, RANK)`` float16."""
    return {
        name: np.stack([_factor(each[name]) for each in grams]).astype(np.float16)
        for name in grams[0]
    }


def unpack_grams(factors: Mapping[str, np.ndarray]) -> list[Grams]:
    """Returns the matrices of ``pack_grams``."""
    count = len(next(iter(factors.values())))
    wide = {name: factor.astype(np.float32) for name, factor in factors.items()}
    return [{name: factor[i] @ factor[i].T for name, factor in wide.items()} for i in range(count)]


def recall_grams(
    key: Sequence[object],
    layers: Sequence[str],
    measure: Callable[[], Sequence[Grams]],
    *,
    shipped: Iterable[Path],
    folder: Path | None,
) -> list[Grams]:
    """Returns the matrices of a key: from the package, from the cache, or measured and cached.

    Packed in every case, so that equal settings give equal weights.

    Args:
        key: everything that the matrices depend on, besides the layers.
        layers: names of VGG19 layers.
        measure: measures the matrices of these layers.
        shipped: files of the package, written by ``ship_grams``; they may be of other keys.
        folder: the cache; None for no cache.
    """
    digest = fingerprint_of(tuple(key))
    file = folder / f"{fingerprint_of((digest, sorted(layers)))}.npz" if folder else None
    for path in (*shipped, file):
        if path and (factors := _read_factors(path, digest, layers)):
            return unpack_grams(factors)
    factors = pack_grams(measure())
    if file:
        with contextlib.suppress(OSError):  # without a cache it only takes longer
            write_arrays(file, {"key": np.array(digest), **factors})
    return unpack_grams(factors)


def ship_grams(path: Path, key: Sequence[object], grams: Sequence[Grams]) -> None:
    """Writes a file of the package for ``recall_grams``."""
    write_arrays(path, {"key": np.array(fingerprint_of(tuple(key))), **pack_grams(grams)})


def _factor(gram: np.ndarray) -> np.ndarray:
    """Returns ``(channels, RANK)``; multiplied by its transpose it is the nearest such matrix."""
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = values[::-1][:RANK], vectors[:, ::-1][:, :RANK]
    return vectors * np.sqrt(np.maximum(values, 0))


def _read_factors(path: Path, key: str, layers: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Returns the factors of a file; None if it is missing, broken, or of another key."""
    try:
        arrays = read_arrays(path, ["key", *layers])
    except (OSError, BrokenArraysError):
        return None
    return {name: arrays[name] for name in layers} if arrays["key"] == key else None
