"""Which pictures are painted into which files, settled before any of them is opened.

Nothing here starts TensorFlow, so that a mistake in a path is answered at once.
"""

import mimetypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onestroke.errors import SettingsError
from onestroke.files import check_writable, expand_path, find_overwritten
from onestroke.picture_search import find_pictures
from onestroke.pictures import WRITABLE_SUFFIXES, PictureError

CASE_BLIND = sys.platform in ("darwin", "win32")  # where Cat.jpg and cat.jpg are one file


@dataclass(frozen=True)
class Job:
    """One picture to paint, and the file to write."""

    source: Path
    target: Path


def plan_jobs(inputs: Sequence[Path | str], output: Path | str) -> list[Job]:
    """Pairs every picture with the file it is painted into.

    Args:
        inputs: pictures, folders of pictures (with all their subfolders) or globs.
        output: a file, if the one input is a picture and the name ends in a picture's suffix;
            else a folder, in which those of the inputs are rebuilt. A folder that lies within an
            input is not searched for pictures.

    Raises:
        PictureError: an input is missing or holds no pictures.
        SettingsError: the output would overwrite an input, or one picture another, or cannot be
            written.
    """
    output = expand_path(output)
    if not inputs:
        raise SettingsError("expected at least one picture or folder to paint; received none")
    pairs = [pair for place in inputs for pair in _pictures_of(place, output)]
    # A picture that two inputs name, as `photos photos/cat.jpg` may, is painted once.
    found = list(
        {(source.resolve(), relative): (source, relative) for source, relative in pairs}.values()
    )
    if _is_picture_name(output) and not output.is_dir():
        jobs = [_single_job(inputs, found, output)]
        check_writable(output.parent)
    else:
        jobs = [Job(source, output / _writable(relative)) for source, relative in found]
        check_writable(output)
    _check_targets_differ(jobs)
    if lost := find_overwritten((job.target for job in jobs), (job.source for job in jobs)):
        raise SettingsError(f"{lost} is an input and would be overwritten; choose another output")
    return jobs


def _pictures_of(place: Path | str, output: Path) -> list[tuple[Path, Path]]:
    """Returns the pictures of one input, each with its place in the output folder."""
    sources = find_pictures(place)
    folder = expand_path(place)
    if not folder.is_dir():
        return [(source, Path(source.name)) for source in sources]
    inner, outer = output.resolve(), folder.resolve()
    if inner == outer:
        raise SettingsError(
            f"expected an output folder other than the input; received {place} for both"
        )
    if inner.is_relative_to(outer):
        # Pictures painted by an earlier call are not photographs to paint.
        sources = [source for source in sources if not source.resolve().is_relative_to(inner)]
        if not sources:
            raise PictureError(f"no pictures in {place} outside the output folder {output}")
    return [(source, source.relative_to(folder)) for source in sources]


def _is_picture_name(path: Path) -> bool:
    kind, _ = mimetypes.guess_type(path.name)
    return path.suffix.lower() in WRITABLE_SUFFIXES or (kind or "").startswith("image/")


def _single_job(inputs: Sequence[Path | str], found: list[tuple[Path, Path]], output: Path) -> Job:
    if len(found) > 1 or expand_path(inputs[0]).is_dir():
        number = "1 picture" if len(found) == 1 else f"{len(found)} pictures"
        raise SettingsError(
            f"expected a folder as output for {number} of {_in_words(inputs)}; "
            f"received the file name {output}"
        )
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise SettingsError(
            f"expected an output that ends in one of {' '.join(WRITABLE_SUFFIXES)}; "
            f"received {output}"
        )
    return Job(found[0][0], output)


def _in_words(inputs: Sequence[Path | str]) -> str:
    return str(inputs[0]) if len(inputs) == 1 else f"{len(inputs)} inputs"


def _writable(path: Path) -> Path:
    """Keeps the suffix of a picture if we write its kind, else replaces it by .png."""
    return path if path.suffix.lower() in WRITABLE_SUFFIXES else path.with_suffix(".png")


def _check_targets_differ(jobs: list[Job]) -> None:
    sources: dict[str, Path] = {}
    for job in jobs:
        name = str(job.target).casefold() if CASE_BLIND else str(job.target)
        other = sources.setdefault(name, job.source)
        if other != job.source:
            raise SettingsError(
                f"both {other} and {job.source} would be painted into {job.target}; "
                "rename one, or paint them in two calls"
            )
