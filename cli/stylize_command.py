"""``onestroke stylize``: paint pictures with a trained style."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from onestroke.cli.options import BASE, Inputs, Model, PreserveColor, Runtime, StyleBlend
from onestroke.cli.terminal import out, quiet_tensorflow
from onestroke.errors import OnestrokeError
from onestroke.printable import make_printable
from onestroke.weighted_names import parse_weighted_names

if TYPE_CHECKING:
    from onestroke.stylize.paint_files import FileResult


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
    max_size: Annotated[
        int | None, typer.Option(help="Longest side of the result, in pixels.")
    ] = None,
    paint_size: Annotated[
        int | None,
        typer.Option(
            help="Paint at this long side and enlarge: larger strokes, same picture size."
        ),
    ] = None,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave out date, place and camera (EXIF).")
    ] = False,
    runtime: Runtime = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Resume: skip pictures already painted.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="For an ONNX file: cpu, cuda, directml, coreml or openvino."),
    ] = None,
) -> None:
    """Paint pictures with a trained style."""
    from onestroke.pictures import STANDARD_STREAM
    from onestroke.stylize.paint_files import PaintOptions, stylize_files

    if str(output) == STANDARD_STREAM:
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
    )
    with quiet_tensorflow():
        results = stylize_files(
            inputs,
            model,
            output=output,
            options=options,
            runtime=cast(Any, runtime),
            device=device,
            report=_Counter(),
        )
    if skipped := sum(result.skipped for result in results):
        out.print(f"Skipped {skipped} of {len(results)} pictures, which exist in {output}.")
    failed = [result for result in results if result.error]
    if failed and out.stderr:
        raise OnestrokeError(failed[0].error)
    if failed:
        raise OnestrokeError(
            f"{len(failed)} of {len(results)} pictures could not be painted, for the reasons "
            f"above: {', '.join(str(result.source) for result in failed)}"
        )


class _Counter:
    """Prints a numbered line for every picture."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, result: "FileResult", count: int) -> None:
        self.done += 1
        outcome = make_printable(result.error or str(result.target))
        outcome = f"onestroke: {outcome}" if result.error else outcome
        out.print(f"{self.done}/{count}  {result.seconds:.1f} s  {outcome}")
