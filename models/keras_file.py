"""Checks of Keras' files before Keras reads them: what is in them, and how large they unpack.

A small archive can unpack to gigabytes, a small HDF5 file can claim an array of any size or take
arrays from other files, and a model's description can name code to run.
"""

import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"  # in the archive
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks others at a stroke
MAX_JSON_BYTES = 2**22  # a card of 1,000 styles has about 0.5 MB

LAYERS = frozenset(
    {
        *(
            "Functional",
            "Sequential",
            "InputLayer",
            "Rescaling",
            "Normalization",
            "Dense",
            "Dropout",
        ),
        *("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "BatchNormalization"),
        *("LayerNormalization", "UnitNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU"),
        *("ELU", "Softmax", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "Flatten"),
        *("GlobalAveragePooling2D", "Concatenate", "Add", "Subtract", "Multiply", "Average"),
        *(
            "Maximum",
            "Minimum",
            "ZeroPadding2D",
            "Cropping2D",
            "UpSampling2D",
            "Reshape",
            "Permute",
        ),
    }
)
"""Layers that only compute. Of the others, some run code of the file (Lambda) or read files."""

PARTS = frozenset(
    {
        *("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal"),
        *("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"),
        *("Zeros", "Ones", "Constant", "L1", "L2", "L1L2", "MaxNorm", "NonNeg", "UnitNorm"),
        *("DTypePolicy", "__keras_tensor__", "function"),
    }
)
"""What a layer is made of: initial weights, penalties, activations."""


class UnsafeFileError(Exception):
    """A file is not read, or not by Keras. The message is the rest of a line about it."""


def check_members(archive: zipfile.ZipFile, limit: int) -> None:
    """Raises an UnsafeFileError unless an archive contains what Keras writes, of limited size.

    Args:
        archive: the ``.keras`` file.
        limit: bytes that its members unpack to, at most.
    """
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limit:
        raise UnsafeFileError(_too_large(unpacked, limit))
    names = [entry.filename for entry in entries]
    if sorted(names) != [CONFIG, METADATA, WEIGHTS]:
        foreign = [name for name in names if name not in (CONFIG, METADATA, WEIGHTS)]
        reason = f"contains {foreign[0]!r}" if foreign else "does not contain what Keras writes"
        raise UnsafeFileError(f"{reason}, and is not read")
    for entry in entries:
        if entry.compress_type not in COMPRESSIONS:
            raise UnsafeFileError("has a compression that Keras does not write, and is not read")
        if entry.filename != WEIGHTS and entry.file_size > MAX_JSON_BYTES:
            raise UnsafeFileError(f"has a {entry.filename} that is too large")


def check_arrays(file: "h5py.File", limit: int) -> None:
    """Raises an UnsafeFileError for arrays that are too large together, or in other files.

    Args:
        file: the open HDF5 file.
        limit: bytes of all arrays together, at most.
    """
    claimed = sum(
        # A chunk is unpacked whole, however small the array is.
        max(entry.size, math.prod(entry.chunks or ())) * entry.dtype.itemsize
        for entry in _list_arrays(file, set())
    )
    if claimed > limit:
        raise UnsafeFileError(_too_large(claimed, limit))


def _list_arrays(group: "h5py.Group", seen: set[int]) -> Iterator["h5py.Dataset"]:
    import h5py

    place = h5py.h5o.get_info(group.id).addr
    if place in seen:  # a group may contain itself
        raise UnsafeFileError("has groups that contain each other, and is not read")
    seen.add(place)
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise UnsafeFileError("refers to another file and is not read")
        entry = group[name]
        if isinstance(entry, h5py.Group):
            yield from _list_arrays(entry, seen)
        elif not isinstance(entry, h5py.Dataset):
            continue
        elif entry.external or entry.is_virtual or entry.dtype.hasobject:
            raise UnsafeFileError("refers to another file and is not read")
        else:
            yield entry


def _too_large(size: int, limit: int) -> str:
    return f"unpacks to {size // 10**6} MB, more than the {limit // 10**6} MB that are read"


def load_keras_model(path: Path, limit: int, models: frozenset[str] = frozenset()) -> "keras.Model":
    """Loads a whole model, of this or another program, whose layers only compute.

    Args:
        path: a ``.keras`` or ``.h5`` file.
        limit: bytes of all its arrays together, at most.
        models: registered names of classes that may occur besides those of Keras.

    Raises:
        UnsafeFileError: the file contains other layers, too much, or refers to other files.
        Exception: the file is broken; Keras raises many kinds.
    """
    import h5py
    import keras

    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            check_members(archive, limit)
            config = json.loads(archive.read(CONFIG))
            with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as file:
                check_arrays(file, limit)
    else:
        with h5py.File(path, "r") as file:
            check_arrays(file, limit)
            config = json.loads(file.attrs["model_config"])
    _check_classes({key: config.get(key) for key in _DESCRIPTION}, models)
    return keras.saving.load_model(path, compile=False, safe_mode=True)


_DESCRIPTION = ("module", "class_name", "config", "registered_name", "build_config")


def _check_classes(node: Any, models: frozenset[str]) -> None:
    """Raises an UnsafeFileError for a class that is not known to compute only."""
    if isinstance(node, dict):
        name, registered = node.get("class_name"), node.get("registered_name")
        home = node.get("module") or "keras"
        if name is not None and registered not in models:
            of_keras = home == "builtins" or str(home).split(".")[0] == "keras"
            plain = registered in (None, name)
            if not (of_keras and plain and name in LAYERS | PARTS):
                raise UnsafeFileError(f"contains {str(name)[:80]!r}, which may run code; not read")
        for value in node.values():
            _check_classes(value, models)
    elif isinstance(node, list):
        for value in node:
            _check_classes(value, models)
