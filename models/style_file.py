"""The style file that ``onestroke train`` writes: a ``.keras`` archive of a ``TransformNetwork``.

Its card is read without TensorFlow, which takes seconds to start.
"""

import contextlib
import io
import json
import shlex
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestroke.errors import ModelError, OnestrokeError, is_out_of_memory
from onestroke.files import expand_path
from onestroke.models.card import ModelCard, parse_card
from onestroke.models.keras_file import (
    CONFIG,
    WEIGHTS,
    UnsafeFileError,
    check_arrays,
    check_members,
)
from onestroke.models.other_files import describe_file, describe_folder
from onestroke.models.presets import ARCHITECTURE

if TYPE_CHECKING:
    from onestroke.models.transform_network import TransformNetwork

REGISTERED_NAME = "onestroke>TransformNetwork"
BUNDLED = {name: Path(__file__).with_name(f"{name}.keras") for name in ("base", "base_mobile")}
"""The style files of the package, by the names that a user gives them."""

RUN_SETTINGS, RUN_STYLE = "settings.yaml", "style.keras"  # in a run folder

MAX_UNPACKED_BYTES = 2**28  # a johnson network with 1,000 styles has about 20 MB

_EXPECTED = (
    "expected a .keras style file that `onestroke train` wrote, a run folder, "
    f"or a bundled model ({', '.join(BUNDLED)})"
)
_REMEDY = "copy it again, or train it again with `onestroke train`"


def find_style_file(model: Path | str) -> Path:
    """Returns the style file of a model after reading its card; see ``open_style_file``."""
    return open_style_file(model)[0]


def open_style_file(model: Path | str) -> tuple[Path, ModelCard]:
    """Returns the style file of a model and its card, which is read once.

    Args:
        model: a style file, the folder of a finished run, or a name in ``BUNDLED``, even where
            a folder of that name exists.

    Raises:
        ModelError: the model is missing, unfinished, broken or of another kind.
    """
    path = BUNDLED.get(str(model)) or expand_path(model)
    if path.suffix == ".onnx" or _is_tflite(path) or (path / "saved_model.pb").is_file():
        raise ModelError(
            f"{model} is an export, which can only paint; give the run or the .keras file that it "
            "was made from"
        )
    if path.is_dir():
        path = _of_run(path)
    if not path.exists() and str(model) in read_card(BUNDLED["base"]).painted_names:
        raise ModelError(f"no model {model}; {model} is a style of base: use --style {model}")
    return path, read_card(path)


def absolute_model(model: str) -> str:
    """Makes a path absolute; the names of bundled models stay as they are."""
    return model if model in BUNDLED else str(expand_path(model).resolve())


def load_network(path: Path) -> "TransformNetwork":
    """Reads the network of a style file that ``find_style_file`` returned.

    The network is built from the card, and the file gives only its weights: Keras reads no
    description of layers, which could name code to run.

    Raises:
        ModelError: the file is broken.
        SettingsError: Keras runs on a backend that cannot load networks here.
    """
    from onestroke.models.keras_defaults import check_backend, keras_defaults

    check_backend()
    from onestroke.models.transform_network import network_of_card

    card = read_card(path)
    try:
        with keras_defaults(), warnings.catch_warnings(), _with_suffix(path) as archive:
            _check_weights(path)
            # Keras would continue with random weights in the layers that the file lacks.
            warnings.filterwarnings("error", "Skipping nested container")
            network = network_of_card(card)
            network.load_weights(archive)
            return network
    except OnestrokeError:
        raise
    except UnsafeFileError as error:
        raise ModelError(f"{path} {error}; {_REMEDY}") from error
    # Keras raises ValueError, TypeError, KeyError and others for broken archives.
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(f"{path} is broken; {_REMEDY}") from error


@contextlib.contextmanager
def _with_suffix(path: Path) -> Iterator[Path]:
    """Gives a file the suffix that Keras demands: mail programs rename attachments."""
    if path.suffix == ".keras":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(path, Path(folder, "style.keras")))


def _check_weights(path: Path) -> None:
    import h5py

    with zipfile.ZipFile(path) as archive:
        weights = archive.read(WEIGHTS)
    with h5py.File(io.BytesIO(weights), "r") as file:
        check_arrays(file, MAX_UNPACKED_BYTES)


def _is_tflite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == b"TFL3"
    except OSError:
        return False


def read_card(path: Path) -> ModelCard:
    """Returns the card of a style file.

    Raises:
        ModelError: the file is missing, broken, of another kind or of another version.
    """
    model = _read_archive(path)
    name = model.get("registered_name") if isinstance(model, dict) else None
    if name != REGISTERED_NAME:
        raise ModelError(f"{path} is a Keras model of another program ({name}); {_EXPECTED}")
    config = model.get("config")
    if not isinstance(config, dict) or config.get("architecture") != ARCHITECTURE:
        raise ModelError(f"{path} was written by another version of onestroke; train it again")
    if "card" not in config:
        raise ModelError(f"{path} has no model card; train it again with `onestroke train`")
    return parse_card(config["card"], str(path))


def _read_archive(path: Path) -> Any:
    """Returns the parsed config of the archive, after checking how large it unpacks."""
    try:
        with zipfile.ZipFile(path) as archive:
            if CONFIG not in archive.namelist():
                raise ModelError(f"{path} is an archive without a model; {_EXPECTED}")
            config = archive.getinfo(CONFIG)
            check_members(archive, MAX_UNPACKED_BYTES)
            return json.loads(archive.read(config))
    except UnsafeFileError as error:
        raise ModelError(f"{path} {error}; {_REMEDY}") from error
    except FileNotFoundError as error:
        raise ModelError(f"no model {path}; {_EXPECTED}") from error
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error
    # A truncated file has no zip directory; flipped bits break a checksum or the JSON syntax.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        RecursionError,
        RuntimeError,
        ValueError,
    ) as error:
        if kind := describe_file(path):
            raise ModelError(f"{path} is {kind}, not a model; {_EXPECTED}") from error
        raise ModelError(f"{path} is not a style file, or is broken; {_REMEDY}") from error


def unique_titles(names: Sequence[Sequence[str]], models: Sequence[str]) -> list[list[str]]:
    """Returns titles for the styles of several models; a name that occurs twice gets its model."""
    counts = Counter(name for each in names for name in each)
    return [
        [f"{name} ({model})" if counts[name] > 1 else name for name in each]
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
    raise ModelError(f"{describe_folder(folder, RUN_STYLE)}; {_EXPECTED}")
