"""Writing files that others never see half-written."""

import os
from collections.abc import Callable
from pathlib import Path

UNFINISHED = ".unfinished."


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` fill a temporary file beside ``path``, then renames it to ``path``.

    The temporary name ends as ``path`` does, for writers that go by the suffix, and holds the
    process' number, so that two processes may write the same file.
    """
    temporary = path.with_name(f"{UNFINISHED}{os.getpid()}.{path.name}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # a power cut must not leave an empty file of the final name
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_unfinished(path: Path) -> bool:
    """Whether a kill in the middle of writing left this file."""
    return path.name.startswith(UNFINISHED)
