"""Painting files: single pictures, several, and folders of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError, is_out_of_memory
from onestroke.models.size import MINIMUM_SIDE
from onestroke.pictures import (
    Picture,
    PictureError,
    read_picture,
    shrink,
    write_picture,
)
from onestroke.stylize.jobs import Job, plan_jobs
from onestroke.stylize.loading import load
from onestroke.stylize.strength import check_strength

Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FileResult:
    """What became of one picture.

    Attributes:
        source: the picture that was read.
        target: the picture that was written, if there was no error.
        seconds: reading, painting and writing together.
        error: one line that says what is wrong with the picture, or None.
    """

    source: Path
    target: Path
    seconds: float
    error: str | None = None


def stylize_files(
    inputs: Sequence[Path | str],
    model: Path | str,
    output: Path | str,
    *,
    strength: float = 1.0,
    preserve_color: bool = False,
    style: Mapping[str, float] | None = None,
    max_size: int | None = None,
    report: Callable[[FileResult, int], None] | None = None,
) -> list[FileResult]:
    """Paints pictures and folders of pictures.

    A result has the size of its picture, upright, in sRGB, with its alpha where the format holds
    one. A picture that cannot be read or written does not stop the others.

    Args:
        inputs: pictures, folders (with all their subfolders) or globs.
        model: what ``onestroke.load`` takes.
        output: a file, if the one input is a picture and the name ends in a picture's suffix;
            else a folder, in which those of the inputs are rebuilt.
        strength: from 0, the photograph, to 1, the full style.
        preserve_color: keep the photograph's colours under the painting's strokes.
        style: the weight of each style, of a network that holds several; None takes the first.
        max_size: shrink pictures whose long side is longer than this.
        report: called after every picture with what became of it and how many there are in all.

    Returns:
        What became of each picture, in the order they were painted.

    Raises:
        OnestrokeError: an input, the model or an option is wrong as a whole; nothing is written
            then, and most such mistakes are found before TensorFlow starts.
    """
    jobs = plan_jobs(inputs, output)
    check_strength(strength)
    _check_max_size(max_size)
    stylizer = load(model)
    stylizer.style_weights(style)  # an unknown style is no fault of the pictures
    paint = partial(stylizer, strength=strength, preserve_color=preserve_color, style=style)
    results = []
    for job in jobs:
        results.append(_paint_file(job, paint, max_size))
        if report:
            report(results[-1], len(jobs))
    return results


def _check_max_size(max_size: int | None) -> None:
    if max_size is not None and max_size < MINIMUM_SIDE:
        raise SettingsError(
            f"expected a maximal size of {MINIMUM_SIDE} pixels or more; received {max_size}"
        )


def _paint_file(job: Job, paint: Paint, max_size: int | None) -> FileResult:
    start, error = time.perf_counter(), None
    try:
        picture = _read(job.source, max_size)
        write_picture(job.target, replace(picture, pixels=paint(picture.pixels)))
    except PictureError as mistake:
        error = str(mistake)
        if str(job.source) not in error and str(job.target) not in error:
            error = f"{job.source}: {error}"  # an array does not know its name
    except Exception as failure:
        if not is_out_of_memory(failure):
            raise
        error = f"{job.source}: too little memory for a picture of its size; try --max-size"
    return FileResult(job.source, job.target, time.perf_counter() - start, error)


def _read(source: Path, max_size: int | None) -> Picture:
    picture = read_picture(source, shrink_to=max_size)
    if max_size is None:
        return picture
    alpha = None if picture.alpha is None else shrink(picture.alpha, max_size)
    return Picture(shrink(picture.pixels, max_size), alpha)
