"""Which backend Keras runs on, found without importing Keras."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def find_backend() -> tuple[str, str]:
    """Returns Keras' backend and where it is set, without importing Keras."""
    if "keras" in sys.modules:
        import keras

        return keras.backend.backend(), "imported already"
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend, "KERAS_BACKEND"
    values, file = read_keras_settings()
    return (str(values["backend"]), file) if "backend" in values else ("tensorflow", "the default")


def runs_on_jax() -> bool:
    """Returns whether Keras runs on JAX."""
    return find_backend()[0] == "jax"


def backend_title() -> str:
    """Returns the name of Keras' backend as its authors write it."""
    return "JAX" if runs_on_jax() else "TensorFlow"


def read_keras_settings() -> tuple[dict[str, Any], str]:
    """Returns the user's settings of Keras, and the file."""
    file = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")) / "keras.json"
    try:
        values = json.loads(file.read_text())
    except (OSError, ValueError):  # as Keras, which takes its defaults then
        values = {}
    return values if isinstance(values, dict) else {}, str(file)
