"""``onestroke gallery``: photographs in every style, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.options import BASE
from onestroke.cli.terminal import filter_native_logs, out

EXAMPLES = (
    "onestroke gallery photos --output gallery.html",
    "onestroke gallery photo.jpg --model base --model runs/wave --output gallery.html",
)


def gallery(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PHOTO…", help="Pictures or folders; 64 at most.")
    ],
    output: Annotated[Path, typer.Option(help="The .html page; a .png is written beside it.")],
    models: Annotated[
        list[Path] | None,
        typer.Option("--model", help="A model to show; may be repeated; default: base."),
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="Long side of the pictures, in pixels.")] = 512,
) -> None:
    """Show photographs in every style on one page."""
    from onestroke.stylize.gallery import make_gallery

    with filter_native_logs():
        files = make_gallery(inputs, models or [BASE], output, size=size, report=out.print)
    out.print(f"Gallery: {files[0]}, {files[1]}")
