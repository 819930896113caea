"""Packages that only some commands need, and what to say where they are missing."""

from collections.abc import Sequence
from importlib.util import find_spec

from onestroke.errors import SettingsError

PLOT = ("matplotlib",)
RUN_TFLITE = ("ai_edge_litert",)
WRITE_TFLITE = (*RUN_TFLITE, "ai_edge_quantizer")
RUN_ONNX = ("onnxruntime",)
WRITE_ONNX = (*RUN_ONNX, "onnx", "tf2onnx")


def check_plots() -> None:
    """Raises a SettingsError unless plots can be drawn."""
    _check("plots", PLOT, "plot")


def check_tflite(*, write: bool = True) -> None:
    """Raises a SettingsError unless TFLite files can be run and, if asked for, written."""
    _check("TFLite files", WRITE_TFLITE if write else RUN_TFLITE, "export")


def check_onnx(*, write: bool = True) -> None:
    """Raises a SettingsError unless ONNX files can be run and, if ``write``, written."""
    _check("ONNX files", WRITE_ONNX if write else RUN_ONNX, "onnx")


def _check(purpose: str, packages: Sequence[str], extra: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"{purpose} need {' and '.join(missing).replace('_', '-')}; "
            f"pip install 'onestroke[{extra}]'"
        )
