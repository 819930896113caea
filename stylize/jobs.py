"""The plan of which picture is painted into which file, made before any picture is opened.

This module does not import TensorFlow, so that a mistake in a path is reported at once.
"""

import mimetypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onestroke.errors import SettingsError
from onestroke.files import check_file, check_writable, expand_path, find_overwritten
from onestroke.picture_search import find_pictures
from onestroke.pictures import STANDARD_STREAM, WRITABLE_SUFFIXES, PictureError

IGNORES_CASE = sys.platform in ("darwin", "win32")  # Cat.jpg and cat.jpg are one file there
STANDARD_OUTPUTS = (STANDARD_STREAM, "/dev/stdout")


@dataclass(frozen=True)
class Job:
    """One picture to paint, and the file to write."""

    source: Path
    target: Path


def plan_jobs(inputs: Sequence[Path | str], output: Path | str) -> list[Job]:
    """Pairs every picture with the file it is painted into.

    Args:
        inputs: pictures, folders of pictures (with all their subfolders) or globs; ``-`` alone is
            standard input.
        output: a file, if there is one picture and the name ends in a picture's suffix; ``-`` is
            standard output, as PNG; else a folder, in which the folders of the inputs are created
            again. An output folder inside an input is not searched for pictures.

    Raises:
        PictureError: an input is missing or holds no pictures.
        SettingsError: the output would overwrite an input, or one picture another, or cannot be
            written.
    """
    if not inputs:
        raise SettingsError("no picture or folder to paint is given")
    if len(inputs) > 1 and STANDARD_STREAM in map(str, inputs):
        raise SettingsError("- is standard input, which holds one picture; give it alone")
    to_stream = str(output) in STANDARD_OUTPUTS
    output = Path(STANDARD_STREAM) if to_stream else expand_path(output)
    pairs = [pair for place in inputs for pair in _pictures_of(place, output)]
    # A picture that two inputs contain, for example `photos photos/cat.jpg`, is painted once.
    found = list(
        {(source.resolve(), relative): (source, relative) for source, relative in pairs}.values()
    )
    if to_stream:
        return [_single_job(inputs, found, output)]
    if _is_picture_name(output) and not output.is_dir():
        jobs = [_single_job(inputs, found, output)]
        check_file(output)
    else:
        _check_folder_name(inputs, output)
        jobs = [Job(source, output / _writable(relative)) for source, relative in found]
        check_writable(output)
    _check_targets_differ(jobs)
    if lost := find_overwritten((job.target for job in jobs), (job.source for job in jobs)):
        raise SettingsError(f"{lost} is an input and would be overwritten; choose another output")
    return jobs


def _pictures_of(place: Path | str, output: Path) -> list[tuple[Path, Path]]:
    """Returns the pictures of one input, each with its path in the output folder."""
    if str(place) == STANDARD_STREAM:
        return [(Path(STANDARD_STREAM), Path("stdin.png"))]
    sources = find_pictures(place)
    folder = expand_path(place)
    if not folder.is_dir():
        return [(source, Path(source.name)) for source in sources]
    inner, outer = output.resolve(), folder.resolve()
    if inner == outer:
        raise SettingsError(
            f"{place} is both the input and the output folder; choose another output"
        )
    if inner.is_relative_to(outer):
        # An earlier call painted these; they are not photographs.
        sources = [source for source in sources if not source.resolve().is_relative_to(inner)]
        if not sources:
            raise PictureError(f"no pictures in {place} outside the output folder {output}")
    return [(source, source.relative_to(folder)) for source in sources]


def _is_picture_name(path: Path) -> bool:
    kind, _ = mimetypes.guess_type(path.name)
    return path.suffix.lower() in WRITABLE_SUFFIXES or (kind or "").startswith("image/")


def _check_folder_name(inputs: Sequence[Path | str], output: Path) -> None:
    """Raises a SettingsError for one picture and a name like ``painted.jgp``, a mistyped suffix."""
    single = len(inputs) == 1 and expand_path(inputs[0]).is_file()
    if single and output.suffix and not output.exists():
        raise SettingsError(
            f"{output} ends in no suffix of a picture ({' '.join(WRITABLE_SUFFIXES)}); choose "
            "another name, or create the folder first"
        )


def _single_job(inputs: Sequence[Path | str], found: list[tuple[Path, Path]], output: Path) -> Job:
    if len(found) > 1 or expand_path(inputs[0]).is_dir():
        have = "has" if len(inputs) == 1 else "have"
        number = f"{have} {len(found)} {'picture' if len(found) == 1 else 'pictures'}"
        raise SettingsError(
            f"the output {output} is one file, but {_describe_inputs(inputs)} {number}; choose a "
            "folder as output"
        )
    if str(output) != STANDARD_STREAM and output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise SettingsError(
            f"cannot write {output}; choose a name that ends in one of "
            f"{' '.join(WRITABLE_SUFFIXES)}"
        )
    return Job(found[0][0], output)


def _describe_inputs(inputs: Sequence[Path | str]) -> str:
    return str(inputs[0]) if len(inputs) == 1 else f"{len(inputs)} inputs"


def _writable(path: Path) -> Path:
    """Replaces the suffix by .png if pictures of its kind are not written."""
    return path if path.suffix.lower() in WRITABLE_SUFFIXES else path.with_suffix(".png")


def _check_targets_differ(jobs: list[Job]) -> None:
    sources: dict[str, Path] = {}
    for job in jobs:
        name = str(job.target).casefold() if IGNORES_CASE else str(job.target)
        other = sources.setdefault(name, job.source)
        if other != job.source:
            raise SettingsError(
                f"both {other} and {job.source} would be painted into {job.target}; "
                "rename one, or paint them in two calls"
            )
