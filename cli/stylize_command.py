"""``onestroke stylize``: paint pictures with a trained style."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from onestroke.cli.options import (
    BASE,
    RUNTIME,
    SIZES,
    Inputs,
    MaxSize,
    Model,
    PreserveColor,
    Runtime,
    Strip,
    StyleBlend,
)
from onestroke.cli.progress_display import format_duration
from onestroke.cli.terminal import filter_native_logs, out, seconds_since_start
from onestroke.errors import OnestrokeError
from onestroke.printable import make_printable
from onestroke.weighted_names import parse_weighted_names

if TYPE_CHECKING:
    from onestroke.stylize.paint_files import FileResult

EXAMPLES = (
    "onestroke stylize photo.jpg --output painted.jpg",
    "onestroke stylize photos --style the_kiss:2 --style starry_night --strength 0.7 "
    "--output painted",
)


def stylize(
    inputs: Inputs,
    output: Annotated[
        Path, typer.Option(help="A picture for one input, else a folder; - is standard output.")
    ],
    model: Model = BASE,
    style: StyleBlend = None,
    strength: Annotated[
        float, typer.Option(help="From 0, the photograph, to 1, the full style.")
    ] = 1.0,
    preserve_color: PreserveColor = False,
    max_size: MaxSize = None,
    paint_size: Annotated[
        int | None,
        typer.Option(
            help="Paint at this long side and enlarge: larger strokes, softer detail.",
            rich_help_panel=SIZES,
        ),
    ] = None,
    strip: Strip = False,
    runtime: Runtime = None,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Resume: keep pictures that exist."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace pictures that exist.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="For an ONNX file: cpu, cuda, directml, coreml or openvino.",
            rich_help_panel=RUNTIME,
        ),
    ] = None,
) -> None:
    """Paint pictures with a trained style."""
    from onestroke.stylize.jobs import STANDARD_OUTPUTS
    from onestroke.stylize.paint_files import PaintOptions, stylize_files

    if str(output) in STANDARD_OUTPUTS:
        out.stderr = True  # the picture goes to standard output
    weights = parse_weighted_names(style) if style else None
    options = PaintOptions(
        strength,
        preserve_color,
        weights,
        max_size,
        paint_size,
        strip=strip,
        skip_existing=skip_existing,
        overwrite=overwrite,
    )
    with filter_native_logs(), _Counter() as counter:
        results = stylize_files(
            inputs,
            model,
            output=output,
            options=options,
            runtime=cast(Any, runtime),
            device=device,
            report=counter,
        )
    if skipped := sum(result.skipped for result in results):
        out.print(f"Skipped {skipped} of {len(results)} pictures, which exist in {output}.")
    failed = [result for result in results if result.error]
    if len(failed) < len(results):
        out.print(_describe_style(model, weights))
        out.print(
            f"Painted {len(results) - len(failed)} of {len(results)} pictures in "
            f"{format_duration(seconds_since_start())}."
        )
    if failed:
        raise typer.Exit(OnestrokeError.status)


def _describe_style(model: Path, weights: Mapping[str, float] | None) -> str:
    """Returns a line that names the style and the number of styles to choose from."""
    from onestroke.stylize.model import open_model

    card = open_model(model).card
    if weights is None:
        weights = {card.style_names[card.default]: 1.0}
    total = sum(weights.values())
    names = [f"{name} {weight / total:.0%}" for name, weight in weights.items()]
    chosen = f"Style: {next(iter(weights)) if len(weights) == 1 else ', '.join(names)}"
    count = len(card.painted_names)
    if count == 1:
        return f"{chosen}."
    return f"{chosen}, of {count}; `onestroke styles --model {shlex.quote(str(model))}` lists them."


class _Counter:
    """Prints a numbered line for every picture; one for an error goes to the error stream.

    At its end, it says how to continue after an interruption.
    """

    def __init__(self) -> None:
        self.done = 0

    def __enter__(self) -> "_Counter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt and self.done:
            out.print("Stopped; the same command with --skip-existing continues.")

    def __call__(self, result: "FileResult", count: int) -> None:
        self.done += 1
        if result.error:
            print(f"onestroke: {make_printable(result.error)}", file=sys.stderr)
        else:
            target = make_printable(str(result.target))
            out.print(f"{self.done}/{count}  {result.seconds:.1f} s  {target}")
