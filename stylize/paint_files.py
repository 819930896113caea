"""Painting files: single pictures, several, and folders of them."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.errors import SettingsError, is_out_of_memory
from onestroke.files import check_replaced
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import (
    Picture,
    PictureError,
    log_notes,
    read_picture,
    shrink,
    write_picture,
)
from onestroke.stylize.jobs import Job, plan_jobs
from onestroke.stylize.model import Runtime, load, open_model
from onestroke.stylize.strength import check_strength
from onestroke.stylize.stylizer import StyleChoice, check_side, note_paint_size, weigh_styles

logger = logging.getLogger("onestroke.stylize")

WORKERS = 2  # threads that decode and encode; Pillow lets others run meanwhile
AHEAD = 2  # pictures decoded, and as many painted, that wait in memory

Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FileResult:
    """What became of one picture.

    Attributes:
        source: the picture that was read.
        target: the picture that was written, if there was no error.
        seconds: reading, painting and writing together.
        error: one line that says what is wrong with the picture, or None.
        skipped: the target existed, and nothing was done.
    """

    source: Path
    target: Path
    seconds: float
    error: str | None = None
    skipped: bool = False


@dataclass(frozen=True)
class PaintOptions:
    """How pictures are painted.

    Attributes:
        strength: from 0, the photograph, to 1, the full style.
        preserve_color: keep the photograph's colours under the painting's strokes.
        style: of a network that holds several, the name of one or weights by name; None takes the
            first.
        max_size: shrink pictures whose long side is longer than this.
        paint_size: paint at this long side, and enlarge the paint to the picture's size.
        strip: leave out the photograph's metadata, such as its date and place.
        skip_existing: do not paint pictures whose target exists, as after an interruption.
        overwrite: replace files that exist at a target; without it and ``skip_existing`` they are
            an error.
    """

    strength: float = 1.0
    preserve_color: bool = False
    style: StyleChoice | None = None
    max_size: int | None = None
    paint_size: int | None = None
    strip: bool = False
    skip_existing: bool = False
    overwrite: bool = False

    def check(self) -> None:
        """Raises a SettingsError for a value out of its range."""
        check_strength(self.strength)
        check_side("a maximal size", self.max_size)
        check_side("a paint size", self.paint_size)
        if self.skip_existing and self.overwrite:
            raise SettingsError(
                "--skip-existing and --overwrite cannot be combined; leave one of them out"
            )


def stylize_files(
    inputs: Sequence[Path | str],
    model: Path | str,
    *,
    output: Path | str,
    options: PaintOptions | None = None,
    runtime: Runtime | None = None,
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
        runtime: what runs a style file; see ``onestroke.load``.
        device: what an ONNX file is run on; see ``onestroke.load``.
        report: called after every painted picture with what became of it and how many there are
            to paint.

    Returns:
        What became of each picture, first the skipped ones, then those painted in turn.

    Raises:
        OnestrokeError: an input, the model or an option is wrong as a whole, or a target exists
            and the options do not say what to do with it; nothing is written then,
            and most such mistakes are found before TensorFlow starts.
    """
    options = options or PaintOptions()
    options.check()
    jobs = plan_jobs(inputs, output)
    check_replaced(
        [job.target for job in jobs],
        overwrite=options.overwrite or options.skip_existing,
        remedy=", --skip-existing to keep it, or choose another output",
    )
    opened = open_model(model)
    weigh_styles(options.style, opened.card.style_names)
    existing = [job for job in jobs if options.skip_existing and job.target.exists()]
    results = [FileResult(job.source, job.target, 0.0, skipped=True) for job in existing]
    jobs = [job for job in jobs if job not in existing] if existing else jobs
    if not jobs:
        return results
    paint = partial(
        load(opened, runtime=runtime, device=device),
        strength=options.strength,
        preserve_color=options.preserve_color,
        style=options.style,
        paint_size=options.paint_size,
    )
    for result in _paint_all(jobs, paint, options):
        results.append(result)
        if report:
            report(result, len(jobs))
    return results


@dataclass(frozen=True)
class _Work:
    """One picture on its way: read, painted, written.

    Attributes:
        job: the files.
        picture: what the last step returned.
        seconds: of the steps so far, without the time spent waiting for another picture.
        error: what went wrong in one of them, or None.
    """

    job: Job
    picture: Picture | None = None
    seconds: float = 0.0
    error: str | None = None


def _paint_all(jobs: Sequence[Job], paint: Paint, options: PaintOptions) -> Iterator[FileResult]:
    """Paints pictures one after the other, while others are decoded and encoded."""
    pool = ThreadPoolExecutor(WORKERS)
    waiting = iter(jobs)
    written: deque[Future[_Work]] = deque()
    noted = False  # one line is enough for a folder
    try:
        read = deque(pool.submit(_read_job, job, options) for job in islice(waiting, AHEAD))
        while read:
            work = read.popleft().result()
            read.extend(pool.submit(_read_job, job, options) for job in islice(waiting, 1))
            if work.picture and not noted:
                size = work.picture.pixels.shape
                if note := note_paint_size(work.job.source, size, options.paint_size):
                    logger.warning("%s", note)
                    noted = True
            work = _step(work, lambda picture: replace(picture, pixels=paint(picture.pixels)))
            written.append(pool.submit(_write_job, work))
            while len(written) > AHEAD or (written and written[0].done()):
                yield _result(written.popleft().result())
        for future in written:
            yield _result(future.result())
    finally:
        pool.shutdown(cancel_futures=True)


def _read_job(job: Job, options: PaintOptions) -> _Work:
    return _step(_Work(job), lambda _: _read(job.source, options))


def _write_job(work: _Work) -> _Work:
    def write(picture: Picture) -> None:
        write_picture(work.job.target, picture)

    return _step(work, write)


def _step(work: _Work, action: Callable[[Any], Picture | None]) -> _Work:
    """Does one step of a picture, unless a step before it failed.

    Args:
        work: the picture so far.
        action: receives the picture of the step before and returns that of this one.
    """
    if work.error:
        return work
    start, picture, error = time.perf_counter(), None, None
    source = work.job.source
    try:
        picture = action(work.picture)
    except PictureError as mistake:
        error = str(mistake)
        if str(source) not in error and str(work.job.target) not in error:
            error = f"{source}: {error}"  # an array does not know its name
    except Exception as failure:
        if not is_out_of_memory(failure):
            raise
        error = f"{source}: too little memory for a picture of its size; try --max-size"
    return _Work(work.job, picture, work.seconds + time.perf_counter() - start, error)


def _result(work: _Work) -> FileResult:
    return FileResult(work.job.source, work.job.target, work.seconds, work.error)


def _read(source: Path, options: PaintOptions) -> Picture:
    max_size = options.max_size
    picture = read_picture(source, shrink_to=max_size, with_metadata=not options.strip)
    log_notes(picture)
    if max_size is None:
        return picture
    alpha = None if picture.alpha is None else shrink(picture.alpha, max_size)
    pixels = shrink(picture.pixels, max_size)
    if min(pixels.shape[:2]) < MINIMUM_SIDE <= min(picture.pixels.shape[:2]):
        raise PictureError(
            f"expected {MINIMUM_SIDE} pixels a side or more; {source} would be {pixels.shape[0]}x"
            f"{pixels.shape[1]} (height x width); choose a larger --max-size or leave it out"
        )
    return replace(picture, pixels=pixels, alpha=alpha)
