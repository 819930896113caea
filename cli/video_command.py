"""``onestroke video``: paint a video with a trained style."""

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from onestroke.cli.options import (
    BASE,
    SIZES,
    MaxSize,
    Model,
    PreserveColor,
    Runtime,
    StyleBlend,
)
from onestroke.cli.progress_display import format_duration, open_display
from onestroke.cli.terminal import INTERRUPTED, filter_native_logs, out
from onestroke.weighted_names import parse_weighted_names

EXAMPLES = (
    "onestroke video clip.mp4 --output painted.mp4",
    "onestroke video clip.mp4 --style the_kiss --max-size 640 --smooth --output painted.mp4",
)
FILE = "File"


def video(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video.")],
    output: Annotated[
        str, typer.Option(help="An .mp4, .mov, .mkv or .webm file; - for raw RGB frames.")
    ],
    model: Model = BASE,
    style: StyleBlend = None,
    strength: Annotated[float, typer.Option(help="From 0, the video, to 1, the full style.")] = 1.0,
    preserve_color: PreserveColor = False,
    max_size: MaxSize = None,
    paint_size: Annotated[
        int | None,
        typer.Option(
            help="Paint at this long side and enlarge: larger strokes, and faster.",
            rich_help_panel=SIZES,
        ),
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Less flicker; needs the extra `video`.")
    ] = False,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave out date, place and device (metadata).")
    ] = False,
    codec: Annotated[
        str | None,
        typer.Option(
            metavar="h264|h265|vp9|ffv1",
            help="Default: h264, or vp9 for .webm.",
            rich_help_panel=FILE,
        ),
    ] = None,
    quality: Annotated[
        int, typer.Option(help="From 0 to 100, the largest file.", rich_help_panel=FILE)
    ] = 80,
    runtime: Runtime = None,
) -> None:
    """Paint a video with a trained style; its sound is kept."""
    from onestroke.pictures import STANDARD_STREAM
    from onestroke.stylize.video import VideoOptions, stylize_video

    weights = parse_weighted_names(style) if style else None
    options = VideoOptions(
        strength, preserve_color, weights, max_size, paint_size, codec, quality, smooth, strip
    )
    raw = output == STANDARD_STREAM
    if raw:
        out.stderr = True  # the frames go to standard output
    display = open_display(out, "frame")
    try:
        with filter_native_logs():
            result = stylize_video(
                source,
                model,
                output=sys.stdout.buffer if raw else output,
                options=options,
                runtime=cast(Any, runtime),
                report=display,
            )
    except KeyboardInterrupt:
        if not raw:
            out.print("Stopped; the same command continues after the last finished piece.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        display.close()
    resumed = f", {result.resumed} of them by an earlier command" if result.resumed else ""
    noun = "frame" if result.frames == 1 else "frames"
    out.print(f"Painted {result.frames} {noun} in {format_duration(result.seconds)}{resumed}.")
