"""From the name of a model to its file, its card, and the stylizer that paints with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from onestroke.errors import ModelError, SettingsError
from onestroke.files import expand_path
from onestroke.models.card import ModelCard
from onestroke.models.style_file import BUNDLED, find_style_file, load_network, read_card
from onestroke.stylize.litert_painter import LiteRtPainter, is_tflite, read_tflite_card
from onestroke.stylize.onnx_painter import OnnxPainter, read_onnx_card
from onestroke.stylize.saved_model_painter import (
    SavedModelPainter,
    is_saved_model,
    read_saved_model_card,
)
from onestroke.stylize.stylizer import Stylizer

Kind = Literal["keras", "saved_model", "tflite", "onnx"]


@dataclass(frozen=True)
class Model:
    """A model that exists.

    Attributes:
        name: what the user called it.
        path: the style file, the TFLite or ONNX file, or the folder of the SavedModel.
        kind: of the file.
        card: what the file records about itself.
    """

    name: str
    path: Path
    kind: Kind
    card: ModelCard


def open_model(name: Path | str) -> Model:
    """Finds a model and reads its card. TensorFlow is not imported.

    Args:
        name: a style file (``.keras``), the folder of a finished run, a TFLite or ONNX
            file, the folder of a SavedModel, or the name of a bundled model, even where a folder
            of that name exists.

    Raises:
        ModelError: the model is missing, unfinished, broken or of another kind.
    """
    path = expand_path(name)
    if str(name) not in BUNDLED:
        if is_saved_model(path):
            return Model(str(name), path, "saved_model", read_saved_model_card(path))
        if is_tflite(path):
            return Model(str(name), path, "tflite", read_tflite_card(path))
        if path.suffix == ".onnx":
            return Model(str(name), path, "onnx", read_onnx_card(path))
    path = find_style_file(name)
    return Model(str(name), path, "keras", read_card(path))


def load(model: Path | str | Model, *, device: str | None = None) -> Stylizer:
    """Loads a trained style, or an export of one.

    Args:
        model: see ``open_model``; or a model that is open already.
        device: where an ONNX file runs, of ``onnx_painter.DEVICES``; by default the processor.

    Raises:
        ModelError: the model is missing, unfinished, broken or of another kind.
        SettingsError: the device is not supported, or the model is not an ONNX file.

    Example:
        >>> stylizer = onestroke.load("base")
        >>> painted = stylizer(photograph, style="the_kiss", strength=0.8)
    """
    opened = model if isinstance(model, Model) else open_model(model)
    if opened.kind == "onnx":
        return Stylizer(OnnxPainter(opened.path, opened.card, device=device or "cpu"))
    if device:
        raise SettingsError(
            f"--device needs an ONNX file, not {opened.name}; export one with --format onnx"
        )
    if opened.kind == "tflite":
        return Stylizer(LiteRtPainter(opened.path, opened.card))
    if opened.kind == "saved_model":
        return Stylizer(SavedModelPainter(opened.path, opened.card))
    from onestroke.stylize.keras_painter import KerasPainter

    return Stylizer(KerasPainter(load_network(opened.path)))


def training_settings(model: Model) -> dict:
    """Returns the settings of the newest training of a model.

    Raises:
        ModelError: the model does not record a training.
    """
    if not model.card.settings:
        raise ModelError(
            f"{model.name} does not record the settings of its training, which an evaluation needs"
        )
    return dict(model.card.settings)
