"""Keras' global settings as this package needs them, whatever the user's are."""

import contextlib
import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec

from onestroke.backend import find_backend, read_keras_settings
from onestroke.errors import SettingsError
from onestroke.machine import prepare_gpus

BACKENDS = ("tensorflow", "jax")
DEFAULTS = {"floatx": "float32", "image_data_format": "channels_last", "epsilon": 1e-7}

# Keras keeps floatx and the dtype policy for the whole process. Two threads that build networks
# would restore each other's settings, so the block is entered by one thread at a time.
_LOCK = threading.RLock()


def check_backend(*supported: str) -> None:
    """Raises a SettingsError unless Keras runs, or will run, on a supported backend.

    Args:
        supported: the backends; both of ``BACKENDS`` by default.
    """
    backend, origin = find_backend()
    names = supported or BACKENDS
    if backend not in names:
        raise SettingsError(
            f"Keras runs on the backend {backend} ({origin}), which is not supported here; set "
            f"KERAS_BACKEND={names[0]} before Keras is imported"
        )
    if find_spec(backend) is None:
        remedy = (
            "pip install 'onestroke[train]'"
            if backend == "tensorflow"
            else f"install it or set KERAS_BACKEND={names[0]}"
        )
        raise SettingsError(
            f"Keras runs on the backend {backend} ({origin}), which is not installed; {remedy}"
        )


def computes_on_processor() -> bool:
    """Returns whether Keras runs on TensorFlow and on a processor.

    For forms of layers that are faster there; nothing else was measured.
    """
    import keras

    is_processor = keras.distribution.list_devices()[0].startswith("cpu")
    return is_processor and keras.backend.backend() == "tensorflow"


def differs_from_defaults() -> bool:
    """Returns whether Keras would start with other settings of the user; Keras is not imported."""
    values, _ = read_keras_settings()
    changed = any(values.get(name, value) != value for name, value in DEFAULTS.items())
    backend = os.environ.get("KERAS_BACKEND", "")
    return changed and backend in BACKENDS and bool(find_spec("keras") and find_spec(backend))


def set_defaults() -> None:
    """Sets Keras' defaults in this process, which must be onestroke's own: the command line."""
    import keras

    keras.config.set_floatx(DEFAULTS["floatx"])
    keras.config.set_image_data_format(DEFAULTS["image_data_format"])
    keras.config.set_epsilon(DEFAULTS["epsilon"])


def check_precision() -> None:
    """Raises a SettingsError unless Keras' floatx is float32, as trainings and exports need.

    A block of ``keras_defaults`` around a whole training would keep other threads waiting.
    """
    check_backend()
    import keras

    if (floatx := keras.config.floatx()) != DEFAULTS["floatx"]:
        raise SettingsError(
            f"Keras' floatx is {floatx}, and float32 is needed here; call "
            "keras.config.set_floatx('float32') before, or correct it in keras.json"
        )


@contextlib.contextmanager
def keras_defaults(precision: str = "float32") -> Iterator[None]:
    """Sets floatx, the picture format and the dtype policy for a block, then restores the user's.

    One thread at a time is in such a block; others wait. A thread that builds other Keras layers
    meanwhile, outside of this package, sees the settings of the block.

    Args:
        precision: the dtype policy of layers that are built in the block.

    Raises:
        SettingsError: Keras runs on a backend that this package does not support.
    """
    check_backend()
    import keras

    if keras.backend.backend() == "tensorflow":
        prepare_gpus()
    with _LOCK:
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        layout = keras.config.image_data_format()
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy(precision)
        keras.config.set_image_data_format("channels_last")
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
            keras.config.set_image_data_format(layout)
