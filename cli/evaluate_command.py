"""``onestroke evaluate``: compare networks with the optimisation of the same loss."""

from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.options import Overrides
from onestroke.cli.terminal import filter_native_logs, out

EXAMPLES = (
    "onestroke evaluate --model runs/wave --data photographs --report report",
    "onestroke evaluate --model base --model base_mobile --data photographs --report report "
    "--baseline-iterations 0",
)
BASELINE = "Comparison with an optimisation"


def evaluate(
    models: Annotated[
        list[str],
        typer.Option("--model", help="A style file, a run or an export; may be repeated."),
    ],
    data: Annotated[list[str], typer.Option(help="Photographs not trained on, as for train.")],
    report: Annotated[Path, typer.Option(help="Folder for tables, plots and pictures.")],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[:WEIGHT]",
            help="The painting, unless the run folder records it; of several styles, those to "
            "measure.",
        ),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=64, help="Sides of the square pictures; default: 256 and 512."),
    ] = None,
    iterations: Annotated[
        int,
        typer.Option(
            "--baseline-iterations",
            min=0,
            help="Largest number per optimisation; 0 for none.",
            rich_help_panel=BASELINE,
        ),
    ] = 100,
    until_overtaken: Annotated[
        bool,
        typer.Option(
            "--until-overtaken",
            help="Stop each optimisation once it equals the network.",
            rich_help_panel=BASELINE,
        ),
    ] = False,
    count: Annotated[int, typer.Option(min=1, help="Photographs, evenly from the source.")] = 8,
    timed: Annotated[
        list[int] | None,
        typer.Option(
            "--time-size",
            min=0,
            help="Sides to time; default: those of --size, else 256, 512, 1024; 0 for none.",
            rich_help_panel=BASELINE,
        ),
    ] = None,
    faces: Annotated[
        bool,
        typer.Option(
            "--faces", help="Measure whether faces are still recognised after the painting."
        ),
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Measure losses, picture quality and speed of networks."""
    with filter_native_logs():
        from onestroke.cli.tables import evaluation_tables, face_table
        from onestroke.evaluate.evaluate_models import EvaluationOptions, evaluate_models

        options = EvaluationOptions(sizes or (), iterations, until_overtaken, count, timed, faces)
        evaluation = evaluate_models(
            models,
            data,
            report,
            options,
            styles=style or (),
            overrides=overrides or (),
            show=out.print,
        )
    for table in evaluation_tables(evaluation.results, evaluation.speeds):
        out.print(table)
    if evaluation.faces:
        if evaluation.faces.models:
            out.print(face_table(evaluation.faces))
        else:
            out.print("No face was found; choose other photographs with --data or --count.")
    out.print(f"Report: {report}")
