"""Arrays in ``.npz`` files, which may come from strangers: no code runs, memory is limited."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from onestroke.errors import shorten_text
from onestroke.files import write_whole

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks others at a stroke
UNPACKED_FREELY = 2**28  # bytes; VGG19 has 80 MB
UNPACKED_RATIO = 4  # bytes per byte of a larger file; weights hardly compress


class BrokenArraysError(Exception):
    """An ``.npz`` file is broken, or lacks an array. The message is a part of one line."""


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays, by name, into an ``.npz`` file; it appears whole or not at all."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)

    write_whole(path, write)


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Reads arrays from an ``.npz`` file.

    The sizes that its headers claim are compared with the file before memory is reserved. Arrays
    of Python objects, which would be unpickled, are refused.

    Args:
        path: the file.
        names: of the arrays; by default all.

    Raises:
        OSError: the file cannot be opened.
        BrokenArraysError: it is broken, hostile, or lacks one of the arrays.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _check_members(archive, path.stat().st_size)
                wanted = list(members) if names is None else names
                missing = [name for name in wanted if name not in members]
                if missing:
                    raise BrokenArraysError(f"it has no array {missing[0]}")
                return {name: _read_member(archive, members[name]) for name in wanted}
        except (BrokenArraysError, MemoryError):
            raise
        # The headers are parsed as Python, which raises many kinds for broken ones.
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BrokenArraysError(shorten_text(reason)) from error


def is_whole_archive(path: Path) -> bool:
    """Returns whether the checksums of all arrays in a file are right."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_members(archive, path.stat().st_size)
            return archive.testzip() is None
    except Exception:  # as in `read_arrays`
        return False


def _check_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Returns the members by the names of their arrays, if they are not too large together."""
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max(UNPACKED_FREELY, UNPACKED_RATIO * size):
        raise BrokenArraysError(f"{size} bytes that unpack to {unpacked // 10**6} MB")
    if any(entry.compress_type not in COMPRESSIONS for entry in entries):
        raise BrokenArraysError("its compression is not that of numpy")
    return {entry.filename.removesuffix(".npy"): entry for entry in entries}


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        shape, kind = _read_header(file)
    if kind.hasobject:
        raise BrokenArraysError("an array holds Python objects, which are not read")
    if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize > member.file_size:
        raise BrokenArraysError("an array is larger than the file")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, kind = read(file)
    return shape, kind
