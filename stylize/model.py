"""From the name of a model to its file, its card, and the stylizer that paints with it."""

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from onestroke.errors import ModelError, SettingsError
from onestroke.extras import check_tensorflow, has_tensorflow
from onestroke.files import expand_path
from onestroke.models.card import ModelCard
from onestroke.models.style_file import BUNDLED, load_network, open_style_file
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.onnx_painter import OnnxPainter, read_onnx_card
from onestroke.stylize.runtime_file import find_runtime_file, runtime_file_of
from onestroke.stylize.saved_model_painter import (
    SavedModelPainter,
    is_saved_model,
    read_saved_model_card,
)
from onestroke.stylize.stylizer import Stylizer
from onestroke.stylize.tflite_metadata import is_tflite, read_tflite_card

logger = logging.getLogger("onestroke.stylize")

Runtime = Literal["litert", "keras"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
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
        if path.suffix == ".onnx" or _starts_as_onnx(path):
            return Model(str(name), path, "onnx", read_onnx_card(path))
    path, card = open_style_file(name)
    return Model(str(name), path, "keras", card)


def load(
    model: Path | str | Model, *, runtime: Runtime | None = None, device: str | None = None
) -> Stylizer:
    """Loads a trained style, or an export of one.

    Args:
        model: see ``open_model``; or a model that is open already.
        runtime: what runs a style file or a run: ``"litert"``, which needs no TensorFlow and paints
            with the runtime file beside the style file, or ``"keras"``, for NVIDIA GPUs. By
            default LiteRT; without a runtime file, Keras where TensorFlow is installed.
        device: where an ONNX file runs, of ``onnx_painter.DEVICES``; by default the processor.

    Raises:
        ModelError: the model is missing, unfinished, broken or of another kind.
        SettingsError: the device or the runtime is not supported for this model.

    Example:
        >>> stylizer = onestroke.load("base")
        >>> painted = stylizer("photo.jpg", style="the_kiss", strength=0.8)
    """
    check_runtime(runtime)
    opened = model if isinstance(model, Model) else open_model(model)
    if runtime and opened.kind != "keras" and (runtime, opened.kind) != ("litert", "tflite"):
        raise SettingsError(
            f"{opened.name} is an export, which has a runtime of its own; omit the runtime "
            f"{runtime}"
        )
    if opened.kind == "onnx":
        painter = OnnxPainter(opened.path, opened.card, device=device or "cpu")
        return Stylizer(painter, name=opened.name)
    if device:
        raise SettingsError(
            f"--device needs an ONNX file, not {opened.name}; export one with --format onnx"
        )
    if opened.kind == "tflite":
        return Stylizer(LiteRtPainter(opened.path, opened.card), name=opened.name)
    if opened.kind == "saved_model":
        check_tensorflow("SavedModels")
        return Stylizer(SavedModelPainter(opened.path, opened.card), name=opened.name)
    if runtime != "keras" and (found := _choose_runtime_file(opened.path, runtime)):
        return Stylizer(LiteRtPainter(found), name=opened.name)
    check_tensorflow("paintings with Keras")
    from onestroke.models.keras_defaults import check_backend

    check_backend("tensorflow")
    from onestroke.stylize.keras_painter import KerasPainter

    return Stylizer(KerasPainter(load_network(opened.path)), name=opened.name)


def _starts_as_onnx(path: Path) -> bool:
    """Returns whether a file begins with a version and a producer, as ONNX files do."""
    try:
        with path.open("rb") as file:
            start = file.read(3)
    except OSError:
        return False
    return start[:1] == b"\x08" and start[2:] == b"\x12"


def check_runtime(runtime: str | None) -> None:
    """Raises a SettingsError for a runtime that does not exist."""
    if runtime not in (None, *RUNTIMES):
        raise SettingsError(f"unknown runtime {runtime!r}; choose {' or '.join(RUNTIMES)}")


def _choose_runtime_file(style_file: Path, runtime: Runtime | None) -> Path | None:
    """Returns the runtime file of a style file, None if Keras can do without.

    Raises:
        ModelError: there is none, and LiteRT was chosen or TensorFlow is not installed.
    """
    found = find_runtime_file(style_file)
    if found:
        return found
    path = runtime_file_of(style_file)
    state = "is of another version of" if path.is_file() else "is missing beside"
    problem = f"{path.name} {state} {style_file}"
    remedy = (
        f"write it with `onestroke export --format runtime --model {shlex.quote(str(style_file))} "
        f"--output {shlex.quote(str(path))}{' --overwrite' if path.is_file() else ''}`"
    )
    if runtime == "litert":
        raise ModelError(f"{problem}; {remedy}")
    if not has_tensorflow():
        raise ModelError(
            f"{problem}, and painting without it needs TensorFlow; pip install 'onestroke[train]', "
            f"or where TensorFlow is installed, {remedy}"
        )
    logger.warning("%s; painting with TensorFlow, which starts more slowly; %s", problem, remedy)
    return None


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
