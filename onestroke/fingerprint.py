"""Cache keys: equal for equal inputs computed by the same libraries, different otherwise."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np


def fingerprint_of(about: object, pictures: Sequence[np.ndarray] = ()) -> str:
    """Returns a key of 32 hexadecimal digits.

    Args:
        about: everything besides the pictures that changes the result; its ``repr`` is hashed.
        pictures: arrays of any shape; shape, dtype and values are hashed.
    """
    digest = hashlib.sha256(repr(about).encode())
    for picture in pictures:
        digest.update(f"{picture.shape} {picture.dtype}".encode() + picture.tobytes())
    return digest.hexdigest()[:32]


def numeric_libraries() -> tuple[str, ...]:
    """Returns Keras and its backend with their versions: they determine the rounding."""
    import keras

    backend = keras.backend.backend()
    return keras.__version__, backend, version(backend)
