"""``onestroke export``: write a style for servers, phones or browsers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.terminal import filter_native_logs, out
from onestroke.errors import SettingsError
from onestroke.printable import make_printable
from onestroke.weighted_names import parse_weighted_names

if TYPE_CHECKING:
    from onestroke.export.export_options import ExportOptions
    from onestroke.export.verification import Report

EXAMPLES = (
    "onestroke export --model runs/wave --format tflite --quantize dynamic --output wave.tflite",
    "onestroke export --model base --format web --output page",
)
TFLITE = "TFLite files and pages"
ONNX = "ONNX files"


def export(
    models: Annotated[
        list[str],
        typer.Option("--model", help="A style file or a finished run; a page accepts several."),
    ],
    kind: Annotated[
        str, typer.Option("--format", help="saved_model, tflite, onnx, web or runtime.")
    ],
    output: Annotated[Path, typer.Option(help="The .tflite or .onnx file or folder to write.")],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:WEIGHT]", help="Export one style or blend; default: all styles."
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            help="Kernels of TFLite files: none, float16, weights, dynamic (default of a page) or "
            "int8.",
            rich_help_panel=TFLITE,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            help="Fixed picture size, required by GPUs and NPUs.",
            rich_help_panel=TFLITE,
        ),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(help="Order of the axes: nhwc (channels last) or nchw.", rich_help_panel=ONNX),
    ] = "nhwc",
    opset: Annotated[
        int | None, typer.Option(help="Operator version; default: 15.", rich_help_panel=ONNX)
    ] = None,
    uint8: Annotated[
        bool,
        typer.Option("--uint8", help="uint8 input and output.", rich_help_panel=TFLITE),
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Photographs to measure the ranges of int8 on, as for train.",
            rich_help_panel=TFLITE,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing export.")
    ] = False,
) -> None:
    """Export a style for servers, phones or browsers."""
    from onestroke.export.export_options import parse_options

    quantize = quantize or ("dynamic" if kind == "web" else "none")
    options = parse_options(kind, quantize, size, uint8=uint8, layout=layout, opset=opset)
    _check_combination(models, options, style, data)
    reports = _export(models, output, options, style=style, data=data or [], overwrite=overwrite)
    from onestroke.cli.tables import verification_table

    for report in reports:
        out.print(verification_table(report))
    if kind == "web":
        page = make_printable(str(output))
        out.print(f"Exported {page}. See it with:\n  onestroke serve {page}")
    else:
        out.print(f"Exported {output}; the report is in {output}.json")


def _check_combination(
    models: list[str], options: "ExportOptions", style: list[str] | None, data: list[str] | None
) -> None:
    kind = options.format
    if len(models) > 1 and kind != "web":
        raise SettingsError(f"--format {kind} exports one model; {len(models)} were given")
    if data and options.quantize != "int8":
        raise SettingsError("--data needs --quantize int8, which measures its ranges on it")
    if style and kind == "web":
        raise SettingsError("a page contains every style; leave out --style")


def _export(
    models: list[str],
    output: Path,
    options: "ExportOptions",
    *,
    style: list[str] | None,
    data: list[str],
    overwrite: bool,
) -> "list[Report]":
    from onestroke.export.export_pictures import calibration_photographs
    from onestroke.export.exporter import write_export
    from onestroke.export.web_page import export_page

    representative = calibration_photographs(data, options)
    with filter_native_logs():
        if options.format == "web":
            return export_page(
                models, output, options, representative=representative, overwrite=overwrite
            )
        weights = parse_weighted_names(style) if style else None
        report = write_export(
            models[0],
            output,
            options,
            style=weights,
            representative=representative,
            overwrite=overwrite,
        )
    return [report]
