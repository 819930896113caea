"""Packages that only some commands need, and what to say where they are missing."""

from collections.abc import Sequence
from importlib.util import find_spec

from onestroke.errors import SettingsError

TRAIN = ("tensorflow", "keras")
WITHOUT_TENSORFLOW = ("keras", "tensorboard", "h5py")  # trainings on another backend
PLOT = ("matplotlib",)
FLOW = ("cv2",)
VIDEO = ("imageio_ffmpeg", *FLOW)
RUN_TFLITE = ("ai_edge_litert",)
WRITE_TFLITE = (*RUN_TFLITE, "ai_edge_quantizer")
RUN_ONNX = ("onnxruntime",)
WRITE_ONNX = (*RUN_ONNX, "onnx", "tf2onnx")

# By the names under which the packages are imported.
EXTRAS = {
    "train": (*TRAIN, "tensorflow_datasets", "tensorboard", "scipy", "h5py"),
    "export": ("ai_edge_quantizer",),
    "onnx": WRITE_ONNX,
    "plot": PLOT,
    "video": VIDEO,
    "jax": ("jax",),
    "ray": ("ray",),
}


def check_training(backend: str) -> None:
    """Raises a SettingsError unless a backend of Keras and what trainings need are installed."""
    if backend == "tensorflow":
        check_tensorflow("trainings")
    else:
        _check(f"trainings on {backend}", (backend, *WITHOUT_TENSORFLOW), f"train,{backend}")


def check_tensorflow(purpose: str, *, extra: str = "train") -> None:
    """Raises a SettingsError unless TensorFlow and Keras are installed.

    Args:
        purpose: what needs them, in the plural, for the message.
        extra: that installs all that the purpose needs.
    """
    _check(purpose, TRAIN, extra)


def has_tensorflow() -> bool:
    """Returns whether TensorFlow and Keras are installed."""
    return all(find_spec(name) for name in TRAIN)


def check_plots() -> None:
    """Raises a SettingsError unless plots can be drawn."""
    _check("plots", PLOT, "plot")


def check_flow() -> None:
    """Raises a SettingsError unless OpenCV can compute optical flow."""
    _check("smooth videos and their measurement", FLOW, "video")


def check_tflite(*, write: bool = True) -> None:
    """Raises a SettingsError unless TFLite files can be run and, if asked for, written."""
    _check("TFLite files", WRITE_TFLITE if write else RUN_TFLITE, "export")


def check_onnx(*, write: bool = True) -> None:
    """Raises a SettingsError unless ONNX files can be run and, if ``write``, written."""
    _check("ONNX files", WRITE_ONNX if write else RUN_ONNX, "onnx")


def find_extra(package: str) -> str | None:
    """Returns the extra that installs a package, None for a package of another kind."""
    return next((extra for extra, names in EXTRAS.items() if package in names), None)


def _check(purpose: str, packages: Sequence[str], extra: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"{purpose} need {' and '.join(missing).replace('_', '-')}; "
            f"pip install 'onestroke[{extra}]'"
        )
