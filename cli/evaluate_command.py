"""``onestroke evaluate``: compare networks with the optimisation of the same loss."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.options import Overrides
from onestroke.cli.terminal import filter_native_logs, out
from onestroke.errors import SettingsError
from onestroke.weighted_names import parse_weighted_names

if TYPE_CHECKING:
    from onestroke.evaluate.evaluate_models import Evaluation

EXAMPLES = (
    "onestroke evaluate --model base --model base_mobile --data photographs --report report "
    "--baseline-iterations 0",
    "onestroke evaluate --model runs/wave --data photographs --against theirs --report report",
)
BASELINE = "Comparison with an optimisation"
VIDEO = "Flicker of painted videos"
VOTES = "Comparison with other pictures"


def evaluate(
    report: Annotated[Path, typer.Option(help="Folder for tables, plots and pictures.")],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A style file, a run or an export; may be repeated."),
    ] = None,
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
    painting: Annotated[
        Path | None,
        typer.Option(
            help="The painting of the style of videos, for style and content loss, unless the run "
            "folder records it.",
            rich_help_panel=VIDEO,
        ),
    ] = None,
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
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder with pictures of the same photographs by anything else; for several "
            "networks, one for all or one for each. Also makes a blind sheet.",
            rich_help_panel=VOTES,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the order of the blind sheet.", rich_help_panel=VOTES)
    ] = 0,
    votes: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of votes on the blind sheet of --report, in place of --model; may be "
            "repeated.",
            rich_help_panel=VOTES,
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Measure networks and pictures, flicker of videos, blind votes."""
    if votes:
        _count_votes(report, votes)
        return
    if not models:
        raise SettingsError("there is no network to measure; add --model, or --votes")
    if videos or flow:
        _evaluate_videos(models, videos or [], flow, report, (style, painting, sizes, frames))
        return
    if painting:
        raise SettingsError("--painting is for videos; name the painting of --data with --style")
    if not data:
        raise SettingsError("there is nothing to measure; add --data, --video or --flow")
    with filter_native_logs():
        from onestroke.evaluate.evaluate_models import EvaluationOptions, evaluate_models

        options = EvaluationOptions(
            sizes or (), iterations, until_overtaken, count, timed, faces, against or (), seed
        )
        evaluation = evaluate_models(
            models,
            data,
            report,
            options,
            styles=style or (),
            overrides=overrides or (),
            show=out.print,
        )
    _print_evaluation(evaluation)
    out.print(f"Report: {report}")
    if against:
        out.print(f"Blind sheet, an empty file of votes, and the key: {report}/blind_*")


def _count_votes(report: Path, votes: list[Path]) -> None:
    """Counts the votes on the blind sheet of a report, and prints the table."""
    from onestroke.cli.tables import vote_table
    from onestroke.evaluate.blind_votes import count_votes

    out.print(vote_table(count_votes(report, votes)))


def _print_evaluation(evaluation: "Evaluation") -> None:
    """Prints the tables."""
    from onestroke.cli.tables import comparison_tables, evaluation_tables, face_table

    for table in evaluation_tables(evaluation.results, evaluation.speeds):
        out.print(table)
    for table in comparison_tables(evaluation.comparisons):
        out.print(table)
    if evaluation.faces:
        if evaluation.faces.models:
            out.print(face_table(evaluation.faces))
        else:
            out.print("No face was found; choose other photographs with --data or --count.")


def _evaluate_videos(
    models: list[str],
    videos: list[Path],
    flow: Path | None,
    report: Path,
    choice: tuple[list[str] | None, Path | None, list[int] | None, int],
) -> None:
    """Measures the flicker of videos, and prints the table."""
    style, painting, sizes, frames = choice
    with filter_native_logs():
        from onestroke.cli.tables import stability_table
        from onestroke.evaluate.video_stability import VideoEvaluationOptions, evaluate_videos

        weights = parse_weighted_names(style) if style else None
        options = VideoEvaluationOptions(
            weights, max(sizes or [640]), frames, str(painting) if painting else None
        )
        results = evaluate_videos(models, videos, report, options, flow_folder=flow, show=out.print)
    out.print(stability_table(results))
    out.print(f"Report: {report}")
