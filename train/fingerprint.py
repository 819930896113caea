"""Names of what is remembered: the same for equal pictures, measured alike, and for no others."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version

import keras
import numpy as np


def fingerprint_of(about: object, pictures: Sequence[np.ndarray] = ()) -> str:
    """Returns 32 hexadecimal digits.

    Args:
        about: all that decides besides the pictures; its ``repr`` counts.
        pictures: arrays of any shape; shape, dtype and values count.
    """
    digest = hashlib.sha256(repr(about).encode())
    for picture in pictures:
        digest.update(f"{picture.shape} {picture.dtype}".encode() + picture.tobytes())
    return digest.hexdigest()[:32]


def arithmetic() -> tuple[str, ...]:
    """Returns what rounds: Keras and its backend, with their versions."""
    backend = keras.backend.backend()
    return keras.__version__, backend, version(backend)
