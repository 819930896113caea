"""Keras' global settings as this package needs them, whatever the user's are."""

import contextlib
from collections.abc import Iterator

from onestroke.errors import SettingsError

BACKENDS = ("tensorflow", "jax")


@contextlib.contextmanager
def keras_defaults(precision: str = "float32") -> Iterator[None]:
    """Sets floatx and the dtype policy for a block, then restores the user's.

    Args:
        precision: the dtype policy of layers that are built in the block.

    Raises:
        SettingsError: Keras runs on a backend that this package does not support.
    """
    import keras

    if keras.backend.backend() not in BACKENDS:
        raise SettingsError(
            f"Keras runs on the backend {keras.backend.backend()}, onestroke needs tensorflow; set "
            "KERAS_BACKEND=tensorflow before Keras is imported"
        )
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
