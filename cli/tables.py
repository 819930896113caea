"""The tables that commands print."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from onestroke.optimize.picture_settings import STARTS
from onestroke.pictures import format_size

if TYPE_CHECKING:
    from onestroke.evaluate.blind_votes import VoteCount
    from onestroke.evaluate.comparison import Comparison
    from onestroke.evaluate.evaluation import Result, Speed
    from onestroke.evaluate.face_fidelity import FaceReport
    from onestroke.evaluate.video_stability import Stability
    from onestroke.export.model_benchmark import PaintTiming
    from onestroke.export.verification import Report
    from onestroke.train.step_benchmark import StepTiming

YARDSTICK = {
    "content": ".3g",
    "style": ".3g",
    "palette": ".2f",
    "SSIM": ".2f",
    "CFSD": ".3g",
    "blown": ".3f",
    "mesh": ".1f",
}
QUALITIES = {"grid": ".4f", "clipped": ".1%", "border": ".1f", "colour": ".1f"}


def paint_timing_table(timings: Sequence["PaintTiming"]) -> Table:
    """Returns a row per timing; the ratio is relative to the first model at the same setting."""
    table = Table(caption="ms: median and middle half of the runs; peak: of the whole process")
    for name in ("size", "threads", "model", "ms", "quartiles", "ratio", "peak MB", "MB"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    first: dict[tuple[tuple[int, int], int], float] = {}
    for one in timings:
        base = first.setdefault((one.size, one.threads), one.median)
        low, high = one.quartiles
        table.add_row(
            format_size(one.size),
            str(one.threads),
            one.model,
            f"{1000 * one.median:.1f}",
            f"{1000 * low:.1f}-{1000 * high:.1f}",
            f"{base / one.median:.2f}x",
            "-" if one.peak is None else f"{one.peak / 1e6:.0f}",
            f"{one.bytes / 1e6:.2f}",
        )
    return table


def step_timing_table(timings: Sequence["StepTiming"]) -> Table:
    """Returns a row per combination of crop and precision."""
    table = Table(
        caption="pipeline: pictures/s of the input alone; then the shares of a step's time"
    )
    for name in ("crop", "precision", "steps/s", "pictures/s", "pipeline", *timings[0].shares()):
        table.add_column(name, justify="right", no_wrap=True)
    for one in timings:
        table.add_row(
            str(one.crop),
            one.precision,
            f"{1 / one.step:.3g}",
            f"{one.batch / one.step:.1f}",
            f"{one.pipeline:.0f}",
            *(f"{share:.0%}" for share in one.shares().values()),
        )
    return table


def verification_table(report: "Report") -> Table:
    """Returns the differences of each photograph, and the size and speed of the file."""
    operators = report.operators
    facts = [f"{report.bytes / 1e6:.2f} MB", f"{report.milliseconds:.0f} ms"]
    if operators:
        facts.append(f"{sum(operators.counts.values())} operators")
        parts = "partition" if operators.partitions == 1 else "partitions"
        facts.append(f"{operators.delegated:.0%} in {operators.partitions} XNNPACK {parts}")
    table = Table(title=Path(report.path).name, caption=", ".join(facts))
    for name in ("photograph", "PSNR", "largest", "mean difference"):
        table.add_column(name, justify="left" if name == "photograph" else "right", no_wrap=True)
    for one in report.differences:
        table.add_row(one.picture, f"{one.psnr:.1f} dB", f"{one.largest:.3f}", f"{one.mean:.4f}")
    return table


def evaluation_tables(results: Sequence["Result"], speeds: Sequence["Speed"]) -> list[Table]:
    """Returns the tables of losses and iterations, of picture quality, and of speed."""
    losses = Table(
        caption=(
            "style: share of the photographs' style loss; iterations: of L-BFGS, until it is as "
            "good as one pass, median"
        )
    )
    qualities = Table(caption="photographs -> pictures (painting)")
    head = ("network", "size")
    for name in (*head, "loss", "content", "style", "from noise", "from the photograph"):
        losses.add_column(name, justify="left" if name == "network" else "right")
    for name in (*head, "grid", "clipped", "border", "colour distance"):
        qualities.add_column(name, justify="left" if name == "network" else "right")
    for result in results:
        losses.add_row(
            result.model,
            str(result.size),
            f"{result.mean('loss'):.3f}",
            f"{result.mean('content'):.3f}",
            f"{result.mean('style'):.3f} ({result.style_share():.0%})",
            *(_iterations(result, start) for start in STARTS),
        )
        qualities.add_row(
            result.model,
            str(result.size),
            *(_quality(result, key, form) for key, form in QUALITIES.items()),
        )
    return [losses, qualities, *([_speed_table(speeds)] if speeds else [])]


def comparison_tables(comparisons: Sequence["Comparison"]) -> list[Table]:
    """Returns the tables of the yardstick: a row per network, opponent and photographs."""
    if not comparisons:
        return []
    table = Table(
        caption="means of whole pictures; content, style, palette, CFSD: lower is better; SSIM: "
        "higher; blown: share of white pixels (that of the painting); mesh: about 1 without one"
    )
    layers = Table(caption="error of the Gram matrices, relative to those of the painting")
    for name in ("picture", "style of", *YARDSTICK):
        right = name in YARDSTICK
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    keys = [key for key in comparisons[0].mean(comparisons[0].rows[0]) if key.startswith("gram_")]
    for name in ("picture", "style of", *(key.removeprefix("gram_") for key in keys)):
        layers.add_column(name, justify="right" if name.startswith("relu") else "left")
    for one in comparisons:
        for row in one.rows:
            mean = one.mean(row)
            cells = {name: f"{mean[name.lower()]:{form}}" for name, form in YARDSTICK.items()}
            cells["blown"] += f" ({one.painting['blown']:.3f})"
            table.add_row(row, one.model, *cells.values())
            layers.add_row(row, one.model, *(f"{mean[key]:.1%}" for key in keys))
    return [table, layers]


def vote_table(counts: Sequence["VoteCount"]) -> Table:
    """Returns a row per network: how many votes of a blind sheet prefer it."""
    table = Table(caption="preferred: votes for the network; Wilson's 95 % interval of the share")
    for name in ("network", "against", "voters", "votes", "preferred", "share", "95 % interval"):
        right = name not in ("network", "against")
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for one in counts:
        low, high = one.interval
        table.add_row(
            one.model or "all",
            one.against or "all",
            str(one.voters),
            str(one.votes),
            str(one.preferred),
            f"{one.share:.0%}",
            f"{low:.0%} to {high:.0%}",
        )
    return table


def stability_table(results: Sequence["Stability"]) -> Table:
    """Returns a row per clip, network and way of painting."""
    table = Table(
        caption="RMSE in [0, 1]; warping error: of frames against those before, moved along; "
        "flicker: of regions where the clip is still"
    )
    figures = ["warping_error", "flicker"]
    if any(one.style is not None for one in results):
        figures += ["style", "content"]
    for name in ("clip", "network", "painted"):
        table.add_column(name, no_wrap=True)
    for name in ("pairs", *figures):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for one in results:
        values = [getattr(one, name) for name in figures]
        table.add_row(
            one.clip,
            one.model or "-",
            one.way,
            str(len(one.warping_errors)),
            *("-" if value is None else f"{value:.4f}" for value in values),
        )
    return table


def face_table(report: "FaceReport") -> Table:
    """Returns a row per network: how many faces are still recognised after the painting."""
    others = report.others_distance
    table = Table(
        caption=(
            f"{len(report.faces)} faces; kept: taken for the same person, at a distance below "
            f"{report.models[0].threshold:.2f}; nearest: its own photograph is the nearest face"
            + (f"; two faces of the photographs are {others:.2f} apart" if others else "")
        )
    )
    for name in ("network", "faces kept", "nearest", "mean distance"):
        table.add_column(name, justify="left" if name == "network" else "right")
    for model in report.models:
        table.add_row(
            model.model,
            f"{model.kept:.0%}",
            f"{model.identified:.0%}",
            f"{model.mean_distance:.3f}",
        )
    return table


def _quality(result: "Result", key: str, form: str) -> str:
    before, after = result.mean(key, "photographs"), result.mean(key)
    return f"{before:{form}} -> {after:{form}} ({result.painting[key]:{form}})"


def _iterations(result: "Result", start: str) -> str:
    if start not in result.curves:
        return "-"
    median = result.median_overtaken(start)
    if median is not None:
        return f"{median:g}"
    ks = zip(result.curves[start], result.overtaken(start), strict=True)
    return f"> {min(curve.iterations for curve, k in ks if k is None)}"


def _speed_table(speeds: Sequence["Speed"]) -> Table:
    from onestroke.evaluate.evaluation import ITERATIONS_REPLACED

    table = Table(caption=f"one pass against {ITERATIONS_REPLACED} iterations, medians, in turn")
    for name in ("network", "size", "pass, ms", "iteration, ms", "ratio"):
        table.add_column(name, justify="left" if name == "network" else "right")
    for speed in speeds:
        table.add_row(
            speed.model,
            str(speed.size),
            f"{1000 * np.median(speed.passes):.0f}",
            f"{1000 * np.median(speed.iterations):.0f}",
            f"{speed.ratio:.0f}",
        )
    return table
