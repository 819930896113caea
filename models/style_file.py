"""The style file: what ``onestroke train`` leaves, a ``.keras`` archive of a ``TransformNetwork``.

It is looked into before TensorFlow starts, which takes seconds; so this module imports it late.
"""

import json
import shlex
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestroke.errors import ModelError
from onestroke.models.presets import ARCHITECTURE

if TYPE_CHECKING:
    from onestroke.models.transform_network import TransformNetwork

IDENTITY = "photograph"  # the style that gives photographs back, in networks that have one
REGISTERED_NAME = "onestroke>TransformNetwork"
BUNDLED = {name: Path(__file__).with_name(f"{name}.keras") for name in ("base", "base_mobile")}
"""The package's own style files, by the names that a user gives them."""

RUN_SETTINGS, RUN_STYLE = "settings.yaml", "style.keras"  # in the folder of a run

_EXPECTED = (
    "expected a .keras style file that `onestroke train` wrote, a run folder, "
    f"or the package's own, {' or '.join(BUNDLED)}"
)
_MENDING = "copy it again, or train it again with `onestroke train`"


def find_style_file(model: Path | str) -> Path:
    """Returns the style file that is meant, after a look into it; starts no TensorFlow.

    Args:
        model: a style file, the folder of a finished run, or a name in ``BUNDLED``, even where
            a folder is called so.

    Raises:
        ModelError: there is none, or it is unfinished, broken, or of another kind.
    """
    path = BUNDLED.get(str(model)) or Path(model).expanduser()
    if path.suffix in (".tflite", ".onnx") or (path / "saved_model.pb").is_file():
        raise ModelError(
            f"expected a style file; {model} is an export, which can only paint; name the run or "
            "the .keras file that it was made from"
        )
    if path.is_dir():
        path = _of_run(path)
    if not path.exists() and str(model) in painted_styles(
        style_names(read_config(BUNDLED["base"]))
    ):
        raise ModelError(f"no model {model}; expected base, a model that has a style called so")
    read_config(path)
    return path


def load_network(path: Path) -> "TransformNetwork":
    """Reads the network of a style file that ``find_style_file`` returned.

    Raises:
        ModelError: the file is broken.
    """
    import keras

    import onestroke.models.transform_network  # noqa: F401  # registers the class that Keras looks up

    try:
        with warnings.catch_warnings():
            # Keras would go on, with random weights in the layers that the file lacks.
            warnings.filterwarnings("error", "Skipping nested container")
            return keras.models.load_model(path, compile=False)
    # Keras meets broken archives with whatever breaks first: ValueError, TypeError, KeyError, …
    except Exception as error:
        raise ModelError(f"{path} is broken; {_MENDING}") from error


def absolute_model(model: str) -> str:
    """Makes a path absolute; the names of bundled models stay as they are."""
    return model if model in BUNDLED else str(Path(model).expanduser().resolve())


def read_config(path: Path) -> dict[str, Any]:
    """Returns preset, number of styles and metadata of a style file; starts no TensorFlow.

    Raises:
        ModelError: the file is missing, broken, of another kind or another version's.
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
    config = model.get("config")
    if not isinstance(config, dict) or config.get("architecture") != ARCHITECTURE:
        raise ModelError(f"{path} is from another version of onestroke; train it again")
    return config


def style_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names of the styles that a network holds, or made-up ones.

    Args:
        config: from ``read_config``, or the network's own ``get_config``.
    """
    unnamed = [f"style{i}" for i in range(1, config["styles"] + 1)]
    return tuple(config["metadata"].get("style_names", unnamed))


def painted_styles(names: Iterable[str]) -> list[str]:
    """Returns the names of the paintings, without the identity's."""
    return [name for name in names if name != IDENTITY]


def identity_index(names: Sequence[str]) -> int | None:
    """Returns the place of the identity, None if there is none."""
    return names.index(IDENTITY) if IDENTITY in names else None


def told_apart(names: Sequence[Sequence[str]], models: Sequence[str]) -> list[list[str]]:
    """Returns the names of several models' styles; one that comes again names its model too."""
    everywhere = Counter(name for each in names for name in each)
    return [
        [f"{name} ({model})" if everywhere[name] > 1 else name for name in each]
        for each, model in zip(names, models, strict=True)
    ]


def _of_run(folder: Path) -> Path:
    path = folder / RUN_STYLE
    if path.is_file():
        return path
    if (folder / RUN_SETTINGS).is_file():
        raise ModelError(
            f"the run in {folder} is not finished; finish it with "
            f"`onestroke train --run {shlex.quote(str(folder))}`"
        )
    raise ModelError(f"no {RUN_STYLE} in {folder}; {_EXPECTED}")
