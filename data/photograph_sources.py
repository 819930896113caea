"""Where photographs come from: folders, TensorFlow Datasets, or the package itself.

Nothing here starts TensorFlow, so that a mistyped path is found at once; only a `tfds:` source
brings TensorFlow Datasets in.
"""

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from onestroke.errors import OnestrokeError
from onestroke.files import expand_path
from onestroke.picture_search import find_pictures
from onestroke.pictures import Picture, PictureError, log_notes, read_picture

Split = Literal["train", "validation"]

_BUNDLED = Path(__file__).parent / "photographs"
_BUNDLED_FOLDERS: dict[Split, str] = {"train": "training", "validation": "validation"}
_SOURCES_IN_WORDS = "a data source is a folder, a glob, tfds:NAME[:SPLIT] or bundled"

# NAME may carry TFDS' own version (coco/2017:1.1.0), SPLIT a slice with a colon (train[:10%]).
_TFDS_SOURCE = re.compile(r"tfds:(?P<name>[^:]+(:[\d.*]+)?)(:(?P<split>[A-Za-z].*))?")


class DataError(OnestrokeError):
    """Photographs to train on cannot be found, or too many of them cannot be read."""


class Photographs(ABC):
    """A collection of photographs with random access; safe to read in several threads."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, index: int) -> str:
        """What messages call a photograph."""

    @abstractmethod
    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        """Decode one photograph.

        Args:
            index: 0 to `len(self) - 1`.
            shrink_to: see `onestroke.pictures.read_picture`.

        Returns:
            (height, width, 3) uint8 RGB, upright.

        Raises:
            PictureError: it is missing, broken or too large.
        """


def open_source(source: str | Sequence[str], *, split: Split = "train") -> Photographs:
    """Open a collection of photographs.

    Args:
        source: a folder (with its subfolders), a glob, `tfds:NAME[:SPLIT]` (TensorFlow Datasets,
            downloaded on first use), `bundled` (the few photographs of this package), or several
            of these, which are read as one collection.
        split: which part of `bundled`, and of a `tfds` source that names none.

    Raises:
        DataError: there is no such source, or no photograph in it.
    """
    if not isinstance(source, str):
        if not source:
            raise DataError(f"no data source given; {_SOURCES_IN_WORDS}")
        return _Several([open_source(part, split=split) for part in source])
    if source == "bundled":
        return _Files(_BUNDLED / _BUNDLED_FOLDERS[split])
    if source.startswith("tfds:"):
        return _open_tfds(source, split)
    return _Files(source)


def read_some(source: str | Sequence[str], count: int, short_side: int) -> dict[str, np.ndarray]:
    """Reads a few photographs from all over a source.

    Args:
        source: see ``open_source``; its validation photographs where it has a choice.
        count: how many at most.
        short_side: pixels that the caller needs; see ``onestroke.pictures.read_picture``.

    Returns:
        By name, ``(height, width, 3)`` uint8 RGB.

    Raises:
        DataError: there is no such source, or no photograph in it.
        PictureError: a photograph is broken.
    """
    photographs = open_source(source, split="validation")
    count = min(count, len(photographs))
    chosen = [i * len(photographs) // count for i in range(count)]
    return {photographs.name(i): photographs.read(i, shrink_to=short_side) for i in chosen}


class _Files(Photographs):
    def __init__(self, source: Path | str) -> None:
        try:
            found = find_pictures(source)
        except PictureError as error:
            raise DataError(f"{error}; {_SOURCES_IN_WORDS}") from error
        # Text, at a fifth of the memory of Path: this list is all that grows with a collection.
        self._paths = [str(path) for path in found]
        self._noted: set[int] = set()

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        return self._paths[index]

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        picture = read_picture(self._paths[index], shrink_to=shrink_to)
        if picture.notes and index not in self._noted:
            self._noted.add(index)
            log_notes(picture)
        return picture.over_white()


class _Examples(Photographs):
    """A split of TensorFlow Datasets; its `image` is the file's bytes, or an array."""

    def __init__(self, examples: Sequence[dict[str, Any]], source: str) -> None:
        self._examples = examples
        self._source = source

    def __len__(self) -> int:
        return len(self._examples)

    def name(self, index: int) -> str:
        return f"{self._source}[{index}]"

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        image = self._examples[index]["image"]
        if isinstance(image, bytes):
            return read_picture(image, shrink_to=shrink_to, name=self.name(index)).over_white()
        pixels = np.asarray(image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
            raise PictureError(
                f"{self.name(index)}: expected (height, width, 1, 3 or 4) uint8; "
                f"received {pixels.shape} {pixels.dtype}"
            )
        if pixels.shape[2] == 4:
            return Picture(pixels[:, :, :3], pixels[:, :, 3]).over_white()
        return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


class _Several(Photographs):
    def __init__(self, parts: Sequence[Photographs]) -> None:
        self._parts = parts
        self._ends = list(itertools.accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        part, place = self._find(index)
        return part.name(place)

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        part, place = self._find(index)
        return part.read(place, shrink_to)

    def _find(self, index: int) -> tuple[Photographs, int]:
        number = int(np.searchsorted(self._ends, index, side="right"))
        start = self._ends[number - 1] if number else 0
        return self._parts[number], index - start


def _open_tfds(source: str, default_split: Split) -> Photographs:
    match = _TFDS_SOURCE.fullmatch(source)
    if match is None:
        raise DataError(f"expected tfds:NAME[:SPLIT], as in tfds:coco/2017; received {source}")
    name, split = match["name"], match["split"] or default_split
    tfds = _import_tfds(source)
    builder = _prepare(tfds, name)
    try:
        # The files as they are: Pillow unpacks a JPEG at a fraction of its size, TFDS cannot.
        decoders = {"image": tfds.decode.SkipDecoding()}
        examples = builder.as_data_source(split=split, decoders=decoders)
    except (ValueError, KeyError) as error:
        known = ", ".join(builder.info.splits) or "none yet"
        raise DataError(f"tfds:{name} has no split {split}; expected one of: {known}") from error
    except NotImplementedError as error:
        raise DataError(
            f"tfds:{name} is stored without random access in {builder.data_path}; "
            "set TFDS_DATA_DIR to another folder, or move that one away, and it is made again"
        ) from error
    if not len(examples):
        raise DataError(f"tfds:{name}:{split} is empty; choose another split")
    return _Examples(examples, f"tfds:{name}:{split}")


def _import_tfds(source: str) -> Any:
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise DataError(
            f"{source} needs TensorFlow Datasets; install it: pip install tensorflow-datasets"
        ) from error
    return tensorflow_datasets


def _prepare(tfds: Any, name: str) -> Any:
    """Find a data set and see that it is on the disk, which may take a download."""
    try:
        builder = _find_builder(tfds, name)
    except Exception as error:  # TFDS raises ValueError, its own errors, or what its parser met
        raise DataError(
            f"tfds:{name} is no data set of TensorFlow Datasets ({_first_line(error)}); "
            "the names are at https://www.tensorflow.org/datasets/catalog"
        ) from error
    features = builder.info.features or {}
    if "image" not in features:
        raise DataError(
            f"tfds:{name} holds no photographs: expected a feature image; "
            f"it has {', '.join(sorted(features)) or 'none'}"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever the network, the disk and a hundred data sets can do
        raise DataError(
            f"tfds:{name} is not on this machine and could not be downloaded "
            f"({_first_line(error)}); connect to the network, or copy it from a machine that has "
            "it and set TFDS_DATA_DIR to its folder, or name a folder of photographs"
        ) from error
    return builder


def _find_builder(tfds: Any, name: str) -> Any:
    try:
        return tfds.builder(name, file_format="array_record")
    except ValueError as error:
        if "file format" not in str(error).lower():
            raise
        # It is on this disk, stored otherwise; reading tells whether that will do.
        return tfds.builder(name)


def _first_line(error: Exception, length: int = 160) -> str:
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line if len(line) <= length else line[: length - 1] + "…"


def absolute_source(source: str) -> str:
    """Makes a path absolute; ``bundled`` and names of TensorFlow Datasets stay as they are."""
    if source == "bundled" or source.startswith("tfds:"):
        return source
    return str(expand_path(source).resolve())
