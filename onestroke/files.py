"""Writing files and folders that others never see half-written."""

import itertools
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.errors import SettingsError

UNFINISHED = ".unfinished."

# What numpy meets in an .npz file that is missing, cut short, or of other arrays.
BROKEN_ARRAYS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` make a temporary file or folder beside ``path``, then renames it to ``path``.

    The folder that holds it is made if it does not exist. What was at ``path`` is replaced; if
    anything goes wrong, it stays. The temporary name ends as ``path`` does, for writers that go by
    the suffix, and holds the process' number, so that two processes may write the same file.
    """
    temporary = path.with_name(f"{UNFINISHED}{os.getpid()}.{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(temporary)
        if temporary.is_dir():
            _replace_folder(temporary, path)
        else:
            _flush(temporary)
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays, by name, into an .npz file."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)

    write_whole(path, write)


def _replace_folder(new: Path, path: Path) -> None:
    """Renames ``new`` to ``path``; a folder there is set aside first: none is overwritten."""
    for file in new.rglob("*"):
        if file.is_file():
            _flush(file)
    if not path.exists():
        new.rename(path)
        return
    old = path.with_name(f"{UNFINISHED}{os.getpid()}.old.{path.name}")
    path.rename(old)
    try:
        new.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _flush(path: Path) -> None:
    """Waits for the disk: a power cut must not leave an empty file of the final name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def check_writable(folder: Path) -> None:
    """Raises a SettingsError unless files can be written in the folder, or it can be made."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.exists():
        raise SettingsError(f"cannot write into {folder}: no {place}; choose another output")
    if not place.is_dir():
        raise SettingsError(f"cannot write into {folder}: {place} is a file; choose another output")
    if not os.access(place, os.W_OK):
        raise SettingsError(f"cannot write into {folder}: no permission; choose another output")


def check_file(path: Path) -> None:
    """Raises a SettingsError unless a file can be written at the path."""
    check_writable(path.parent)
    if path.is_dir():
        raise SettingsError(f"expected a file to write; {path} is a folder; choose another output")


def first_overwritten(written: Iterable[Path], read: Iterable[Path]) -> Path | None:
    """Returns the first of the files to write that is one to read; None if none is.

    Whichever of its names, links or spellings is used.
    """
    inputs = {_identity(path) for path in read if path.exists()}
    return next((path for path in written if path.exists() and _identity(path) in inputs), None)


def _identity(path: Path) -> tuple[int, int]:
    """What a file is on its disk."""
    status = path.stat()
    return status.st_dev, status.st_ino


def numbered(names: Iterable[str]) -> list[str]:
    """Returns names for files; one that comes again has a number after it, the next free one."""
    apart: list[str] = []
    for name in names:
        candidates = itertools.chain([name], (f"{name}-{k}" for k in itertools.count(2)))
        apart.append(next(candidate for candidate in candidates if candidate not in apart))
    return apart


def cache_folder(name: str) -> Path | None:
    """Returns the user's folder for what can be had again; None for a user without a home."""
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(caches) / "onestroke" / name


def is_unfinished(path: Path) -> bool:
    """Whether a kill in the middle of writing left this file."""
    return path.name.startswith(UNFINISHED)


def size_on_disk(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)
