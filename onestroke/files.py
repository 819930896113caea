"""Paths that users type, and files and folders that appear whole or not at all."""

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import platformdirs

from onestroke.errors import SettingsError

UNFINISHED = ".unfinished."
"""Prefix of temporary names. Hidden, so that folders of pictures are read without them."""

NAME_BYTES = 255  # longest name of a file on ext4, APFS, NTFS and most others
LEFTOVER_SECONDS = 24 * 3600  # a writer that did not touch its files for a day is dead

# A mounted file (EBUSY), a mount that cannot rename (S3, some FUSE drivers) or change a mode.
_NOT_SUPPORTED = {
    errno.EBUSY,
    errno.EXDEV,
    errno.EPERM,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def expand_path(path: Path | str) -> Path:
    """Returns the path that a user means: ``~`` and ``~user`` are home folders.

    Raises:
        SettingsError: no file can have such a name, or the home folder is unknown.
    """
    try:
        expanded = Path(path).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"the home folder in {path} is unknown; write the full path") from error
    try:
        if any(len(os.fsencode(name)) > NAME_BYTES for name in expanded.parts):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        expanded.lstat()
    except ValueError as error:  # a null character, or half of a surrogate pair
        raise SettingsError(f"{str(path)!r} is not a valid path; check the name") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            name = max(expanded.parts, key=len)
            shown = name if len(name) <= 40 else f"{name[:40]}…"
            raise SettingsError(
                f"the name {shown} is too long for the file system; choose a shorter one"
            ) from error
    return expanded


def shorten_name(name: str) -> str:
    """Returns a file name of at most 255 bytes; a longer one loses the end of its stem."""
    stem, suffix = os.path.splitext(name)
    while stem and len(os.fsencode(stem + suffix)) > NAME_BYTES:
        stem = stem[:-1]
    return stem + suffix


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Calls ``write`` with a temporary path, then renames what it wrote to ``path``.

    ``write`` makes a file or a folder. The temporary path has the same name, in a new folder beside
    ``path``; the name of that folder is random, because processes in two containers may have one
    number. Missing parents are created. If anything fails, ``path`` stays as it was.

    A symbolic link keeps pointing to its file, and a replaced file keeps its mode. Where the file
    system cannot rename (a mounted file, an object store), the content is copied in place.
    """
    path = expand_path(path)
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = _make_temporary_folder(path)
    temporary = folder / path.name
    try:
        write(temporary)
        if temporary.is_dir():
            _replace_folder(temporary, path)
        else:
            _replace_file(temporary, path)
        remove_leftovers(path.parent, [path.name], age=LEFTOVER_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes text in UTF-8; it appears whole or not at all, see ``write_whole``."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def append_text(path: Path, text: str) -> None:
    """Adds text to a file; on mounts that cannot append, such as object stores, writes it anew."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        write_text(path, before + text)


def remove_leftovers(
    folder: Path, names: Collection[str] | None = None, *, age: float = 0.0
) -> None:
    """Deletes the temporary folders of ``write_whole`` that a killed process left in a folder.

    Args:
        folder: where the files were to be written.
        names: only leftovers of files of these names; None for all.
        age: seconds since the last change, at least. A lock that keeps other writers away makes 0
            safe.
    """
    with contextlib.suppress(OSError):
        for left in [p for p in folder.glob(f"{UNFINISHED}*") if p.is_dir()]:
            inside = list(left.iterdir())
            newest = max(path.stat().st_mtime for path in [left, *inside])
            ours = names is None or all(path.name in names for path in inside)
            if ours and time.time() - newest >= age:
                shutil.rmtree(left, ignore_errors=True)


def is_unfinished(path: Path) -> bool:
    """Returns whether the path is temporary: a killed process may have left it."""
    return path.name.startswith(UNFINISHED) or path.parent.name.startswith(UNFINISHED)


def _make_temporary_folder(path: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    except OSError as error:
        if error.errno not in _NOT_ALLOWED or not _is_writable_file(path):
            raise
    return Path(tempfile.mkdtemp(prefix="onestroke."))  # one writable file in a closed folder


def _replace_file(new: Path, path: Path) -> None:
    special = path.exists() and not path.is_file() and not path.is_dir()  # a pipe or a device
    if path.is_file():
        with contextlib.suppress(OSError):
            new.chmod(path.stat().st_mode & 0o7777)
    _flush(new)
    try:
        if not special:
            os.replace(new, path)
            return
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED or path.is_dir():
            raise
    with new.open("rb") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    if not special:
        _flush(path)


def _replace_folder(new: Path, path: Path) -> None:
    """Renames ``new`` to ``path``, after moving a folder there away."""
    for file in new.rglob("*"):
        if file.is_file():
            _flush(file)
    old = new.with_name("previous.old.")
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except OSError as error:
        if old.exists():
            old.rename(path)
        if error.errno not in _NOT_SUPPORTED or path.is_file():
            raise
        _copy_folder(new, path)


def _copy_folder(new: Path, path: Path) -> None:
    """Fills a folder that cannot be renamed, such as a mount."""
    path.mkdir(exist_ok=True)
    for inside in path.iterdir():
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside)
        else:
            inside.unlink()
    shutil.copytree(new, path, dirs_exist_ok=True)


def _flush(path: Path) -> None:
    """Waits for the disk: a power cut must not leave an empty file of the final name."""
    try:
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED | _NOT_ALLOWED:  # a file may be read-only
            raise


def check_writable(folder: Path) -> None:
    """Raises a SettingsError unless files can be written in the folder, or it can be created."""
    place = folder = expand_path(folder)
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.exists():
        raise SettingsError(
            f"cannot write into {folder}: {place} does not exist; choose another output"
        )
    if not place.is_dir():
        raise SettingsError(f"cannot write into {folder}: {place} is a file; choose another output")
    if not os.access(place, os.W_OK):
        raise SettingsError(f"cannot write into {folder}: no permission; choose another output")


def check_file(path: Path) -> None:
    """Raises a SettingsError unless a file can be written at the path."""
    path = expand_path(path)
    if path.is_dir():
        raise SettingsError(f"cannot write the file {path}: it is a folder; choose another output")
    target = Path(os.path.realpath(path))
    if not _is_writable_file(target):
        check_writable(target.parent if path.is_symlink() else path.parent)


def _is_writable_file(path: Path) -> bool:
    return path.exists() and not path.is_dir() and os.access(path, os.W_OK)


def find_overwritten(written: Iterable[Path], read: Iterable[Path]) -> Path | None:
    """Returns the first of the files to write that is also read; None if there is none.

    Links and different spellings of one file are recognised.
    """
    inputs = {_identify_file(path) for path in read if path.exists()}
    return next(
        (path for path in written if path.exists() and _identify_file(path) in inputs), None
    )


def check_replaced(written: Collection[Path], *, overwrite: bool, remedy: str) -> None:
    """Raises a SettingsError for files that exist, unless they may be replaced.

    Pipes and devices hold nothing that could be lost.

    Args:
        written: the files that a command is about to write.
        overwrite: they may be replaced.
        remedy: what to do about one file; it follows "add --overwrite to replace it".
    """
    existing = [] if overwrite else [path for path in written if expand_path(path).is_file()]
    if not existing:
        return
    if len(written) == 1:
        raise SettingsError(f"{existing[0]} exists; add --overwrite to replace it{remedy}")
    exist = "exists" if len(existing) == 1 else "exist"
    raise SettingsError(
        f"{len(existing)} of the {len(written)} files to write {exist}, such as {existing[0]}; "
        f"add --overwrite to replace what exists{remedy}"
    )


def _identify_file(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def number_duplicates(names: Iterable[str]) -> list[str]:
    """Returns different names: one that occurs again gets the next free number after it."""
    different: list[str] = []
    for name in names:
        candidates = itertools.chain([name], (f"{name}-{k}" for k in itertools.count(2)))
        different.append(next(candidate for candidate in candidates if candidate not in different))
    return different


def cache_folder(name: str) -> Path | None:
    """Returns the user's folder for files that can be made again; None for a user without a home.

    ``XDG_CACHE_HOME`` comes first on every system.
    """
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "onestroke" / name
    try:
        Path.home()
    except RuntimeError:
        return None
    return platformdirs.user_cache_path("onestroke", appauthor=False) / name


def size_on_disk(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)
