"""``onestroke optimize``: optimise one picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onestroke.cli.options import (
    FrameFolder,
    FrameInterval,
    Overrides,
    Paintings,
    PreserveColor,
    Strip,
)
from onestroke.cli.progress_display import Display, format_duration, open_display
from onestroke.cli.terminal import (
    INTERRUPTED,
    filter_native_logs,
    out,
    seconds_since_start,
    stop_at_interrupt,
)

if TYPE_CHECKING:
    from onestroke.optimize.coarse_to_fine import Optimized
    from onestroke.optimize.picture_settings import PictureSettings

EXAMPLES = (
    "onestroke optimize photo.jpg --style wave.jpg --output painted.jpg",
    "onestroke optimize photo.jpg --style wave.jpg:2 --style scream.jpg --size 1024 "
    "--output painted.jpg",
)


def optimize(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="A photograph.")],
    output: Annotated[Path, typer.Option(help="The picture to write.")],
    style: Paintings = None,
    size: Annotated[
        int | None, typer.Option(help="Long side of the result in pixels; default: 512.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Start from photograph, noise, a picture, or a model of one style."),
    ] = None,
    preserve_color: PreserveColor = False,
    strip: Strip = False,
    config: Annotated[
        Path | None, typer.Option(help="A recipe with the sections style, loss and optimize.")
    ] = None,
    frames: FrameFolder = None,
    frame_every: FrameInterval = 25,
    overrides: Overrides = None,
) -> None:
    """Optimise the pixels of one picture (slow, no training)."""
    from onestroke.optimize.picture_inputs import check_paths
    from onestroke.optimize.picture_settings import read_picture_settings

    changes = [f"optimize.size={size}"] if size is not None else []
    changes += [f"optimize.start={json.dumps(start)}"] if start is not None else []
    settings = read_picture_settings(config, style or [], [*changes, *(overrides or [])])
    check_paths(content, output, settings, frames)
    written = {
        "frames": frames,
        "frame_every": frame_every,
        "preserve_color": preserve_color,
        "strip": strip,
    }
    display = open_display(out, "iteration")
    try:
        result = _run(content, output, settings, written, display)
    finally:
        display.close()
    _report(result, output)
    out.print(f"Finished in {format_duration(seconds_since_start())}.")


def _run(
    content: Path,
    output: Path,
    settings: "PictureSettings",
    written: Mapping[str, Any],
    display: Display,
) -> "Optimized":
    """Optimises the picture.

    Args:
        written: how pictures are written; see ``PictureJob``.
    """
    from onestroke.optimize.picture_start import open_start

    with filter_native_logs():
        start = open_start(settings.optimize.start)
        display.show_phase("starting TensorFlow")
        from onestroke.optimize.picture_job import PictureJob, state_file_of
        from onestroke.optimize.picture_optimization import open_optimization

        optimization = open_optimization(
            content, settings, paint_start=start, state_file=state_file_of(output)
        )
    job = PictureJob(optimization, output, **written)
    if done := optimization.iteration:
        out.print(f"Resuming at iteration {done} of {optimization.iterations}.")
    display.show_phase("preparing the style and the first iteration")
    with stop_at_interrupt() as stop:
        return job.run(show=display, stop=stop)


def _report(result: "Optimized", output: Path) -> None:
    if not result.finished:
        out.print(
            f"Stopped and saved at iteration {result.iterations}. Run the same command to resume."
        )
        raise typer.Exit(INTERRUPTED)
    before, after = result.photograph_terms, result.picture_terms
    out.print(
        f"Style loss {before['style']:.3f} -> {after['style']:.3f} "
        f"({after['style'] / before['style']:.0%}), content loss {after['content']:.3f}."
    )
    out.print(f"Picture: {output}")
