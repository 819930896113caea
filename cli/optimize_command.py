"""``onestroke optimize``: optimise one picture."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.options import Overrides, Paintings, PreserveColor
from onestroke.cli.terminal import INTERRUPTED, out, quiet_tensorflow, stop_at_interrupt

if TYPE_CHECKING:
    from onestroke.optimize.picture_job import PictureJob
    from onestroke.optimize.picture_optimization import Optimized


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
    config: Annotated[
        Path | None, typer.Option(help="A recipe with the sections style, loss and optimize.")
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="Folder for intermediate pictures and all losses.")
    ] = None,
    frame_every: Annotated[
        int, typer.Option(min=1, help="Iterations between two intermediate pictures.")
    ] = 25,
    overrides: Overrides = None,
) -> None:
    """Optimise one picture (Gatys et al. 2016)."""
    from onestroke.optimize.picture_inputs import check_paths
    from onestroke.optimize.picture_settings import read_picture_settings

    changes = [f"optimize.size={size}"] if size is not None else []
    changes += [f"optimize.start={json.dumps(start)}"] if start is not None else []
    settings = read_picture_settings(config, style or [], [*changes, *(overrides or [])])
    check_paths(content, output, settings, frames)
    with quiet_tensorflow():
        from onestroke.optimize.picture_job import PictureJob

        job = PictureJob(
            content,
            output,
            settings,
            frames=frames,
            frame_every=frame_every,
            preserve_color=preserve_color,
        )
    if done := job.optimization.iteration:
        out.print(f"Resuming at iteration {done} of {job.optimization.iterations}.")
    _report(_run(job), output)


def _run(job: "PictureJob") -> "Optimized":
    from onestroke.cli.progress_display import open_display

    display = open_display(out, "iteration")
    try:
        with stop_at_interrupt() as stop:
            return job.run(show=display, stop=stop)
    finally:
        display.close()


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
