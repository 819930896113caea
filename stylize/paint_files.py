"""Painting files: single pictures, several, and folders of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from onestroke.errors import is_out_of_memory
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import Picture, PictureError, read_picture, shrink, write_picture
from onestroke.stylize.jobs import Job, plan_jobs
from onestroke.stylize.model import load, open_model
from onestroke.stylize.strength import check_strength
from onestroke.stylize.stylizer import StyleChoice, check_side, weigh_styles

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


@dataclass(frozen=True)
class PaintOptions:
    """How pictures are painted.

    Attributes:
        strength: from 0, the photograph, to 1, the full style.
        preserve_color: keep the photograph's colours under the painting's strokes.
        style: of a network that holds several, the name of one or weights by name; None takes the
            default.
        max_size: shrink pictures whose long side is longer than this.
        paint_size: paint at this long side, and enlarge the paint to the picture's size.
    """

    strength: float = 1.0
    preserve_color: bool = False
    style: StyleChoice | None = None
    max_size: int | None = None
    paint_size: int | None = None

    def check(self) -> None:
        """Raises a SettingsError for a value out of its range."""
        check_strength(self.strength)
        check_side("a maximal size", self.max_size)
        check_side("a paint size", self.paint_size)


def stylize_files(
    inputs: Sequence[Path | str],
    model: Path | str,
    *,
    output: Path | str,
    options: PaintOptions | None = None,
    device: str | None = None,
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
        options: how they are painted.
        device: what an ONNX file is run on; see ``onestroke.load``.
        report: called after every picture with what became of it and how many there are in all.

    Returns:
        What became of each picture, in the order they were painted.

    Raises:
        OnestrokeError: an input, the model or an option is wrong as a whole; nothing is written
            then, and most such mistakes are found before TensorFlow starts.
    """
    options = options or PaintOptions()
    options.check()
    jobs = plan_jobs(inputs, output)
    opened = open_model(model)
    weigh_styles(options.style, opened.card.style_names)
    paint = partial(
        load(opened, device=device),
        strength=options.strength,
        preserve_color=options.preserve_color,
        style=options.style,
        paint_size=options.paint_size,
    )
    results = []
    for job in jobs:
        results.append(_paint_file(job, paint, options.max_size))
        if report:
            report(results[-1], len(jobs))
    return results


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
    pixels = shrink(picture.pixels, max_size)
    if min(pixels.shape[:2]) < MINIMUM_SIDE <= min(picture.pixels.shape[:2]):
        raise PictureError(
            f"expected {MINIMUM_SIDE} pixels a side or more; {source} would be {pixels.shape[0]}x"
            f"{pixels.shape[1]} (height x width); choose a larger --max-size or leave it out"
        )
    return Picture(pixels, alpha)
