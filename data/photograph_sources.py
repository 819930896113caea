"""Photographs of folders, of videos, of TensorFlow Datasets and of the package.

This module does not import TensorFlow, so that a mistake in a path is reported at once. Only a
`tfds:` source imports TensorFlow Datasets.
"""

import contextlib
import hashlib
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from onestroke.data.video_frames import decode_frames, is_video
from onestroke.errors import OnestrokeError
from onestroke.files import expand_path
from onestroke.picture_kinds import HEADER_BYTES, explain_unreadable, identify_kind
from onestroke.picture_search import find_pictures
from onestroke.pictures import Picture, PictureError, log_notes, read_picture

Split = Literal["train", "validation"]

_BUNDLED = Path(__file__).parent / "photographs"
_BUNDLED_FOLDERS: dict[Split, str] = {"train": "training", "validation": "validation"}
_SOURCES = "a data source is a folder, a glob, a video, tfds:NAME[:SPLIT] or bundled"

_CHECKED = 16  # files whose headers are read when a source is opened

# NAME may contain a version (coco/2017:1.1.0), SPLIT a slice with a colon (train[:10%]).
_TFDS_SOURCE = re.compile(r"tfds:(?P<name>[^:]+(:[\d.*]+)?)(:(?P<split>[A-Za-z].*))?")


class DataError(OnestrokeError):
    """Photographs cannot be found, or too many of them cannot be read."""


class Photographs(ABC):
    """A collection of photographs with random access; safe to read in several threads."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, index: int) -> str:
        """Returns the name of a photograph for messages."""

    def fingerprint(self) -> str:
        """Returns a hash that is equal for the same photographs in the same order."""
        return hashlib.sha256(f"{len(self)} {self.name(0)}".encode()).hexdigest()

    @abstractmethod
    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        """Decodes one photograph.

        Args:
            index: 0 to `len(self) - 1`.
            shrink_to: see `onestroke.pictures.read_picture`.

        Returns:
            (height, width, 3) uint8 RGB, upright, over white.

        Raises:
            PictureError: the photograph is missing, broken or too large.
        """


def open_source(source: str | Sequence[str], *, split: Split = "train") -> Photographs:
    """Opens a collection of photographs.

    Args:
        source: a folder (with its subfolders), a glob, a video (see `video_frames`),
            `tfds:NAME[:SPLIT]` (TensorFlow Datasets, downloaded on first use), `bundled` (the few
            photographs of this package), or several of these, which are read as one collection.
        split: the part of `bundled`, and of a `tfds` source that names none.

    Raises:
        DataError: there is no such source, or it has no photographs.
        VideoError: a video is broken.
    """
    if not isinstance(source, str):
        if not source:
            raise DataError(f"no data source given; {_SOURCES}")
        return _Several([open_source(part, split=split) for part in source])
    if source == "bundled":
        return _Files(_BUNDLED / _BUNDLED_FOLDERS[split])
    if source.startswith("tfds:"):
        return _open_tfds(source, split)
    return _Frames(source) if is_video(source) else _Files(source)


def read_some(
    source: str | Sequence[str],
    count: int,
    short_side: int | None,
    *,
    stems: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """Reads a few photographs that are spread evenly over a source.

    Args:
        source: see ``open_source``; validation photographs if it has several splits.
        count: how many at most.
        short_side: pixels that the caller needs; see ``onestroke.pictures.read_picture``.
        stems: names without folder and suffix; other photographs are left out. None for all.

    Returns:
        By name, ``(height, width, 3)`` uint8 RGB.

    Raises:
        DataError: there is no such source, or it has no such photographs.
        PictureError: a photograph is broken.
    """
    photographs = open_source(source, split="validation")
    known = range(len(photographs))
    named = [i for i in known if stems is None or Path(photographs.name(i)).stem in stems]
    if not named:
        raise DataError(
            f"none of the {len(photographs)} photographs has one of the names "
            f"{', '.join(sorted(stems or ())[:3])}, …; give the same photographs"
        )
    count = min(count, len(named))
    chosen = [named[i * len(named) // count] for i in range(count)]
    return {photographs.name(i): photographs.read(i, shrink_to=short_side) for i in chosen}


class _Files(Photographs):
    """Files of a folder, a glob or one path."""

    def __init__(self, source: Path | str) -> None:
        try:
            found = find_pictures(source)
        except PictureError as error:
            raise DataError(f"{error}; {_SOURCES}") from error
        _check_headers(found)
        # Text takes a fifth of the memory of Path, and only this list grows with a collection.
        self._paths = [str(path) for path in found]
        self._noted: set[int] = set()

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        return self._paths[index]

    def fingerprint(self) -> str:
        """Hashes all sizes and the content of some files, wherever the folder is.

        Reading all of a large collection would take minutes.
        """
        digest = hashlib.sha256()
        step = -(-len(self) // _CHECKED)
        for index, name in enumerate(self._paths):
            path = Path(name)
            with contextlib.suppress(OSError):  # named when the photograph is read
                digest.update(f"{index} {path.stat().st_size} ".encode())
                digest.update(path.read_bytes() if index % step == 0 else b"")
        return digest.hexdigest()

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        picture = read_picture(self._paths[index], shrink_to=shrink_to)
        if picture.notes and index not in self._noted:
            self._noted.add(index)
            log_notes(picture)
        return picture.over_white()


class _Frames(Photographs):
    """Frames of a video."""

    def __init__(self, source: str) -> None:
        frames = decode_frames(source)
        self._names, self._files = list(frames), list(frames.values())

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return self._names[index]

    def fingerprint(self) -> str:
        return hashlib.sha256(b"".join(self._files)).hexdigest()

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        picture = read_picture(self._files[index], shrink_to=shrink_to, name=self.name(index))
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
    """Several collections as one."""

    def __init__(self, parts: Sequence[Photographs]) -> None:
        self._parts = parts
        self._ends = list(itertools.accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        part, place = self._find(index)
        return part.name(place)

    def fingerprint(self) -> str:
        parts = " ".join(part.fingerprint() for part in self._parts)
        return hashlib.sha256(parts.encode()).hexdigest()

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        part, place = self._find(index)
        return part.read(place, shrink_to)

    def _find(self, index: int) -> tuple[Photographs, int]:
        number = int(np.searchsorted(self._ends, index, side="right"))
        start = self._ends[number - 1] if number else 0
        return self._parts[number], index - start


def _check_headers(paths: Sequence[Path]) -> None:
    """Raises a DataError if none of a few files is a picture: an archive, a list, web pages."""
    step = -(-len(paths) // _CHECKED)
    starts = []
    for path in paths[::step]:
        try:
            with path.open("rb") as file:
                starts.append(file.read(HEADER_BYTES))
        except OSError:
            return  # the file is read again later, where a failing drive has its own message
    if any(identify_kind(start) for start in starts):
        return
    reason = explain_unreadable(starts[0]) if starts[0] else "empty (0 bytes)"
    raise DataError(f"{paths[0]} is {reason}; {_SOURCES}")


def _open_tfds(source: str, default_split: Split) -> Photographs:
    match = _TFDS_SOURCE.fullmatch(source)
    if match is None:
        raise DataError(f"expected tfds:NAME[:SPLIT], as in tfds:coco/2017; received {source}")
    name, split = match["name"], match["split"] or default_split
    tfds = _import_tfds(source)
    builder = _prepare(tfds, name)
    try:
        # Without decoding: Pillow decodes a JPEG at a fraction of its size, TFDS cannot.
        decoders = {"image": tfds.decode.SkipDecoding()}
        examples = builder.as_data_source(split=split, decoders=decoders)
    except (ValueError, KeyError) as error:
        known = ", ".join(builder.info.splits) or "none yet"
        raise DataError(f"tfds:{name} has no split {split}; expected one of: {known}") from error
    except NotImplementedError as error:
        raise DataError(
            f"tfds:{name} is stored without random access in {builder.data_path}; "
            "set TFDS_DATA_DIR to another folder, or move that one away to have it prepared again"
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
    """Finds a data set and downloads it if it is not on the disk."""
    try:
        builder = _find_builder(tfds, name)
    except Exception as error:  # TFDS raises ValueError, its own errors and its parser's
        raise DataError(
            f"tfds:{name} is not a data set of TensorFlow Datasets ({_first_line(error)}); "
            "the names are at https://www.tensorflow.org/datasets/catalog"
        ) from error
    features = builder.info.features or {}
    if "image" not in features:
        raise DataError(
            f"tfds:{name} has no photographs: it has no feature image but "
            f"{', '.join(sorted(features)) or 'none'}; choose another data set"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # of the network, the disk or the data set
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
        # The data set is on this disk in another file format; reading shows whether that works.
        return tfds.builder(name)


def _first_line(error: Exception, length: int = 160) -> str:
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line if len(line) <= length else line[: length - 1] + "…"


def absolute_source(source: str) -> str:
    """Makes a path absolute; ``bundled`` and names of TensorFlow Datasets stay as they are."""
    if source == "bundled" or source.startswith("tfds:"):
        return source
    return str(expand_path(source).resolve())
