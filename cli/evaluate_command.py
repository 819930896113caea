"""``onestroke evaluate``: compare networks with the optimisation of the same loss."""

from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.options import Overrides
from onestroke.cli.terminal import filter_native_logs, out
from onestroke.errors import SettingsError
from onestroke.weighted_names import parse_weighted_names

EXAMPLES = (
    "onestroke evaluate --model runs/wave --data photographs --report report",
    "onestroke evaluate --model base --model base_mobile --data photographs --report report "
    "--baseline-iterations 0",
)
BASELINE = "Comparison with an optimisation"
VIDEO = "Flicker of painted videos"


def evaluate(
    models: Annotated[
        list[str],
        typer.Option("--model", help="A style file, a run or an export; may be repeated."),
    ],
    report: Annotated[Path, typer.Option(help="Folder for tables, plots and pictures.")],
    data: Annotated[
        list[str] | None, typer.Option(help="Photographs not trained on, as for train.")
    ] = None,
    videos: Annotated[
        list[Path] | None,
        typer.Option(
            "--video",
            help="A clip, or a folder of frames, in place of --data.",
            rich_help_panel=VIDEO,
        ),
    ] = None,
    flow: Annotated[
        Path | None,
        typer.Option(
            help="Folder of frame pairs with true flow: *img0, *img1, *flow.flo.",
            rich_help_panel=VIDEO,
        ),
    ] = None,
    frames: Annotated[
        int,
        typer.Option(min=2, help="Of each clip, the first ones.", rich_help_panel=VIDEO),
    ] = 50,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[:WEIGHT]",
            help="The painting, unless the run folder records it; of several styles, those to "
            "measure. For videos, a style of the model.",
        ),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            min=64,
            help="Sides of the square pictures; default: 256 and 512. Long side of videos: 640.",
        ),
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
    """Measure losses and speed of networks, or flicker of videos."""
    if videos or flow:
        _evaluate_videos(models, videos or [], flow, report, (style, sizes, frames))
        return
    if not data:
        raise SettingsError("there is nothing to measure; add --data, --video or --flow")
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


def _evaluate_videos(
    models: list[str],
    videos: list[Path],
    flow: Path | None,
    report: Path,
    choice: tuple[list[str] | None, list[int] | None, int],
) -> None:
    """Measures the flicker of videos, and prints the table."""
    style, sizes, frames = choice
    with filter_native_logs():
        from onestroke.cli.tables import stability_table
        from onestroke.evaluate.video_stability import VideoEvaluationOptions, evaluate_videos

        weights = parse_weighted_names(style) if style else None
        options = VideoEvaluationOptions(weights, max(sizes or [640]), frames)
        results = evaluate_videos(models, videos, report, options, flow_folder=flow, show=out.print)
    out.print(stability_table(results))
    out.print(f"Report: {report}")
