"""From what a user calls a model to what paints with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onestroke.errors import ModelError, SettingsError
from onestroke.models.style_file import (
    BUNDLED,
    find_style_file,
    load_network,
    read_config,
    style_names,
)
from onestroke.stylize import litert_painter, onnx_painter, saved_model_painter
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.onnx_painter import OnnxPainter
from onestroke.stylize.saved_model_painter import SavedModelPainter, is_saved_model
from onestroke.stylize.stylizer import Stylizer

EXPORTED_FILES = (".tflite", ".onnx")


def load(model: Path | str, *, device: str | None = None) -> Stylizer:
    """Loads a trained style, or what was exported from one.

    Args:
        model: a style file (``.keras``), the folder of a finished run, a TFLite file, the folder
            of a SavedModel, an ONNX file, or the name of one in the package.
        device: what an ONNX file is run on, of ``onnx_painter.DEVICES``; by default the processor.

    Raises:
        ModelError: there is none, or it is unfinished, broken, or of another kind.
        SettingsError: the device is not supported, or the model is not an ONNX file.

    Example:
        >>> painted = onestroke.load("runs/wave/style.keras")(photograph)
    """
    path = find_model(model)
    if path.suffix == ".onnx":
        return Stylizer(OnnxPainter(path, device=device or "cpu"))
    if device:
        raise SettingsError(
            f"--device needs an ONNX file; {model} is none; export one with --format onnx"
        )
    if path.suffix == ".tflite":
        return Stylizer(LiteRtPainter(path))
    if is_saved_model(path):
        return Stylizer(SavedModelPainter(path))
    from onestroke.stylize.keras_painter import NetworkPainter

    return Stylizer(NetworkPainter(load_network(path)))


def find_model(model: Path | str) -> Path:
    """Returns the TFLite or ONNX file, the SavedModel folder or style file that is meant.

    A name of the package's own means those, even where a folder is called so.
    Starts no TensorFlow. Of an export, ``load`` finds out whether it is whole.

    Raises:
        ModelError: it is neither, and no style file.
    """
    path = Path(model).expanduser()
    exported = path.suffix in EXPORTED_FILES or is_saved_model(path)
    return path if exported and str(model) not in BUNDLED else find_style_file(model)


def read_training(model: Path | str) -> Mapping[str, Any]:
    """Returns the settings of the training that a style file or an export came from.

    Raises:
        ModelError: there is none, it is broken, or it does not know.
    """
    settings = _read_description(model).get("settings")
    if not settings:
        raise ModelError(f"expected a model that knows its training's settings; {model} does not")
    return settings


def read_style_names(model: Path | str) -> tuple[str, ...]:
    """Returns the names of a model's styles; starts no TensorFlow.

    Raises:
        ModelError: there is none, or it is broken.
    """
    path = find_model(model)
    if path.suffix in EXPORTED_FILES or is_saved_model(path):
        return tuple(_read_description(path)["style_names"])
    return style_names(read_config(path))


def read_captions(model: Path | str) -> Mapping[str, str]:
    """Returns what a model says of its styles' paintings, by the styles' names; may be empty.

    Raises:
        ModelError: there is none, or it is broken.
    """
    return _read_description(model).get("captions", {})


def read_notice(model: Path | str) -> str | None:
    """Returns what the makers of a model's styles want to be said of them, if anything.

    Raises:
        ModelError: there is none, or it is broken.
    """
    return _read_description(model).get("notice")


def describe(model: Path | str) -> Mapping[str, Any]:
    """Returns all that a model says of itself.

    Raises:
        ModelError: there is none, or it is broken.
    """
    path = find_model(model)
    if path.suffix == ".tflite":
        return litert_painter.read_description(path)
    if path.suffix == ".onnx":
        return onnx_painter.read_description(path)
    if is_saved_model(path):
        return saved_model_painter.read_description(path)
    return read_config(path)


def _read_description(model: Path | str) -> Mapping[str, Any]:
    """Returns what exports and style files tell alike."""
    description = describe(model)
    return description.get("metadata", description)
