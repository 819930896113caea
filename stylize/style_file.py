"""From what a user calls a model to what paints with it.

A style file is what ``onestroke train`` leaves: a ``.keras`` archive of a ``TransformNetwork``. It
is looked into before TensorFlow starts, which takes seconds; so this module imports it late.
"""

import json
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestroke.errors import ModelError
from onestroke.stylize import litert, saved_model
from onestroke.stylize.litert import LiteRtPainter
from onestroke.stylize.saved_model import SavedModelPainter, is_saved_model
from onestroke.stylize.stylizer import Stylizer

if TYPE_CHECKING:
    from onestroke.models.transform import TransformNetwork

REGISTERED_NAME = "onestroke>TransformNetwork"
_EXPECTED = "expected a .keras style file that `onestroke train` wrote, or a run folder"
_MENDING = "copy it again, or train it again with `onestroke train`"


def load(model: Path | str) -> Stylizer:
    """Loads a trained style, or what was exported from one.

    Args:
        model: a style file (``.keras``), the folder of a finished run, a TFLite file or the
            folder of a SavedModel.

    Raises:
        ModelError: there is none, or it is unfinished, broken, or of another kind.

    Example:
        >>> painted = onestroke.load("runs/wave/style.keras")(photograph)
    """
    path = find_model(model)
    if path.suffix == ".tflite":
        return Stylizer(LiteRtPainter(path))
    if is_saved_model(path):
        return Stylizer(SavedModelPainter(path))
    from onestroke.stylize.painter import NetworkPainter

    return Stylizer(NetworkPainter(load_network(path)))


def find_model(model: Path | str) -> Path:
    """Returns the TFLite file, the folder of the SavedModel or the style file that is meant.

    Starts no TensorFlow. Of an export, ``load`` finds out whether it is whole.

    Raises:
        ModelError: it is neither, and no style file.
    """
    path = Path(model).expanduser()
    return path if path.suffix == ".tflite" or is_saved_model(path) else find_style_file(path)


def find_style_file(model: Path | str) -> Path:
    """Returns the style file that is meant, after a look into it; starts no TensorFlow.

    Raises:
        ModelError: there is none, or it is unfinished, broken, or of another kind.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        path = _of_run(path)
    read_config(path)
    return path


def load_network(path: Path) -> "TransformNetwork":
    """Reads the network of a style file that ``find_style_file`` returned.

    Raises:
        ModelError: the file is broken.
    """
    import keras

    import onestroke.models.transform  # noqa: F401  # registers the class that Keras looks up

    try:
        with warnings.catch_warnings():
            # Keras would go on, with random weights in the layers that the file lacks.
            warnings.filterwarnings("error", "Skipping nested container")
            return keras.models.load_model(path, compile=False)
    # Keras meets broken archives with whatever breaks first: ValueError, TypeError, KeyError, …
    except Exception as error:
        raise ModelError(
            f"{path} is broken, or from another version of onestroke; {_MENDING}"
        ) from error


def read_config(path: Path) -> dict[str, Any]:
    """Returns preset, number of styles and metadata of a style file; starts no TensorFlow.

    Raises:
        ModelError: the file is missing, broken, or of another kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            model = json.loads(archive.read("config.json"))
    except FileNotFoundError as error:
        raise ModelError(f"no model {path}; {_EXPECTED}") from error
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error
    # A file cut short has no zip directory; one with flipped bits fails its checksum or its syntax.
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise ModelError(f"{path} is no style file, or a broken one; {_MENDING}") from error
    name = model.get("registered_name") if isinstance(model, dict) else None
    if name != REGISTERED_NAME:
        raise ModelError(f"{path} is a Keras model, but not of ours ({name}); {_EXPECTED}")
    return model.get("config", {})


def read_training(model: Path | str) -> Mapping[str, Any]:
    """Returns the settings of the training that a style file or an export came from.

    Raises:
        ModelError: there is none, it is broken, or it does not know.
    """
    path = find_model(model)
    if path.suffix == ".tflite":
        description = litert.read_description(path)
    elif is_saved_model(path):
        description = saved_model.read_description(path)
    else:
        description = read_config(path)["metadata"]
    settings = description.get("settings")
    if not settings:
        raise ModelError(f"expected a model that knows its training's settings; {model} does not")
    return settings


def style_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names of the styles that a network holds, or made-up ones.

    Args:
        config: from ``read_config``, or the network's own ``get_config``.
    """
    unnamed = [f"style{i}" for i in range(1, config["styles"] + 1)]
    return tuple(config["metadata"].get("style_names", unnamed))


def _of_run(folder: Path) -> Path:
    path = folder / "style.keras"
    if path.is_file():
        return path
    if (folder / "settings.yaml").is_file():
        raise ModelError(
            f"the run in {folder} is not finished; finish it with `onestroke train --run {folder}`"
        )
    raise ModelError(f"no style.keras in {folder}; {_EXPECTED}")
