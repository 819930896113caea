"""Finding pictures in folders."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from onestroke.files import expand_path
from onestroke.picture_kinds import ARCHIVE_SUFFIXES, OTHER_SUFFIXES, SUFFIXES
from onestroke.pictures import PictureError

logger = logging.getLogger("onestroke.pictures")

# Thumbnails and deleted files of Synology and QNAP drives, Windows, macOS archives and Linux.
SYSTEM_FOLDERS = frozenset(
    name.casefold()
    for name in (
        "@eaDir",
        "#recycle",
        "#snapshot",
        "@Recycle",
        "@Recently-Snapshot",
        "$RECYCLE.BIN",
        "RECYCLER",
        "System Volume Information",
        "__MACOSX",
        "lost+found",
    )
)


def find_pictures(source: Path | str) -> list[Path]:
    """Lists the pictures of a folder (with all its subfolders), a file or a glob.

    In folders and globs, files count by their suffix (`SUFFIXES`). Hidden files and folders are
    skipped, and so are the system's own: macOS leaves a `._name.jpg` beside each photograph on a
    memory card, a Synology drive a folder of thumbnails. Pictures of kinds that are not read are
    named in the log. A file named outright is taken as it is.

    Returns:
        Paths in the order of their names, at least one.

    Raises:
        PictureError: there is none.
    """
    if source == "":  # as a path, the current folder; to a user, a variable without a value
        raise PictureError("the name of a picture or folder is empty; give its path")
    place = expand_path(source)
    if place.is_dir():
        names = [os.path.join(folder, name) for folder, name in _walk(place)]
        missing = f"no pictures in {source} or its subfolders"
    elif place.exists():
        return [place]
    elif glob.has_magic(str(source)):
        # What the pattern names itself is meant, even if it is a folder of the system.
        named = {part.casefold() for part in place.parts}
        names = [
            match
            for match in glob.iglob(str(place), recursive=True)
            if not (SYSTEM_FOLDERS - named) & {part.casefold() for part in Path(match).parts}
            and not os.path.basename(match).startswith(".")
            and os.path.isfile(match)
        ]
        missing = f"no picture matches {source}"
    else:
        raise PictureError(f"no file or folder {source}; check the path")
    found = sorted((Path(name) for name in names if is_picture_name(name)), key=os.fspath)
    others = _count_others(names)
    if not found:
        raise PictureError(f"{missing}; {_explain_missing(others, names)}")
    if others:
        logger.warning("%s: skipped %s", source, _explain_others(others))
    return found


def is_picture_name(name: str) -> bool:
    """Returns whether a name ends as one of a picture that can be read."""
    return name.lower().endswith(SUFFIXES)


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name.casefold() not in SYSTEM_FOLDERS
        ]
        yield from ((place, name) for name in names if not name.startswith("."))


def _count_others(names: list[str]) -> Counter[str]:
    suffixes = (os.path.splitext(name)[1].lower() for name in names)
    return Counter(s for s in suffixes if s in OTHER_SUFFIXES and s not in SUFFIXES)


def _explain_others(others: Counter[str]) -> str:
    counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
    remedies = []
    if {".heic", ".heif"} & others.keys():
        remedies.append("for HEIC, pip install 'onestroke[heif]'")
    if others.keys() - {".heic", ".heif"}:
        remedies.append("save the others as JPEG or PNG" if remedies else "save as JPEG or PNG")
    return f"{counts} ({'; '.join(remedies)})"


def _explain_missing(others: Counter[str], names: list[str]) -> str:
    if others:
        return f"found {_explain_others(others)}"
    archives = sorted(name for name in names if name.lower().endswith(ARCHIVE_SUFFIXES))
    if archives:
        return f"unpack {archives[0]} first"
    return f"their names end in {' '.join(SUFFIXES)}"
