"""Writes down an evaluation: a table, a JSON file, plots, and pictures to look at."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

from onestroke.files import write_whole
from onestroke.train.baseline import STARTS
from onestroke.train.evaluation import ITERATIONS_REPLACED, Result, Speed

SHOWN = 6  # photographs on a contact sheet
LABEL = 22  # pixels above each picture
COLOURS = ("#b3402e", "#3c6e8f", "#6a8f3c", "#8f6a3c", "#6a3c8f", "#333333")


def write_report(
    folder: Path,
    results: Sequence[Result],
    speeds: Sequence[Speed],
    about: Mapping[str, Any],
) -> None:
    """Writes ``report.json``, and a plot and a contact sheet for each network and size.

    Args:
        folder: where to; what is there of the same names is replaced.
        results: the measurements.
        speeds: the times; may be empty.
        about: machine, versions, models and weights.
    """
    record = {**about, "results": [_record(r) for r in results], "speeds": _speeds(speeds)}
    text = json.dumps(record, indent=1) + "\n"
    write_whole(folder / "report.json", lambda path: path.write_text(text, encoding="utf-8"))
    for result in results:
        name = f"{Path(result.model).name}_{result.size}"
        write_whole(folder / f"curves_{name}.png", partial(_plot, result))
        write_whole(folder / f"pictures_{name}.jpg", partial(_sheet, result))


def as_tables(results: Sequence[Result], speeds: Sequence[Speed]) -> list[Table]:
    """Sets the networks side by side: losses, iterations, qualities; then their speed."""
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
    for one in results:
        losses.add_row(
            one.model,
            str(one.size),
            f"{one.mean('loss'):.3f}",
            f"{one.mean('content'):.3f}",
            f"{one.mean('style'):.3f} ({one.style_share():.0%})",
            *(_iterations(one, start) for start in STARTS),
        )
        qualities.add_row(
            one.model,
            str(one.size),
            *(
                f"{shown.format(one.mean(key, 'photographs'))} -> {shown.format(one.mean(key))} "
                f"({shown.format(one.painting[key])})"
                for key, shown in (
                    ("grid", "{:.4f}"),
                    ("clipped", "{:.1%}"),
                    ("border", "{:.1f}"),
                    ("colour", "{:.1f}"),
                )
            ),
        )
    return [losses, qualities, *([_speed_table(speeds)] if speeds else [])]


def _iterations(result: Result, start: str) -> str:
    median = result.median_overtaken(start)
    ended = max(len(curve.terms) for curve in result.curves[start])
    return f"> {ended}" if median is None else f"{median:g}"


def _speed_table(speeds: Sequence[Speed]) -> Table:
    table = Table(caption=f"one pass against {ITERATIONS_REPLACED} iterations, medians, in turn")
    for name in ("network", "size", "pass, ms", "iteration, ms", "ratio"):
        table.add_column(name, justify="left" if name == "network" else "right")
    for one in speeds:
        table.add_row(
            one.model,
            str(one.size),
            f"{1000 * np.median(one.passes):.0f}",
            f"{1000 * np.median(one.iterations):.0f}",
            f"{one.ratio:.0f}",
        )
    return table


def _record(result: Result) -> dict[str, Any]:
    """Returns everything but the pixels."""
    return {
        "model": result.model,
        "size": result.size,
        "overtaken": {
            start: {"median": result.median_overtaken(start), "each": result.overtaken(start)}
            for start in STARTS
        },
        "style_share": result.style_share(),
        "mean": {key: result.mean(key) for key in result.pictures[0].figures},
        "painting": result.painting,
        "photographs": [
            {
                "name": name,
                "photograph": photograph.figures,
                "picture": picture.figures,
                "optimised": {s: list(result.curves[s][i].terms) for s in STARTS},
            }
            for i, (name, photograph, picture) in enumerate(
                zip(result.names, result.photographs, result.pictures, strict=True)
            )
        ],
    }


def _speeds(speeds: Sequence[Speed]) -> list[dict[str, Any]]:
    return [
        {
            "model": one.model,
            "size": one.size,
            "passes": list(one.passes),
            "iterations": list(one.iterations),
            "ratio": one.ratio,
        }
        for one in speeds
    ]


def _plot(result: Result, path: Path) -> None:
    """Draws the mean loss of the optimisations by iteration, and the network's as a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panel = figure.subplots()
    for start, colour in zip(STARTS, COLOURS[1:], strict=False):
        losses = [[terms["loss"] for terms in curve.terms] for curve in result.curves[start]]
        shortest = min(map(len, losses))
        mean = np.mean([loss[:shortest] for loss in losses], axis=0)
        panel.plot(np.arange(1, shortest + 1), mean, color=colour, label=f"optimised, from {start}")
    for value, label, style in (
        (result.mean("loss"), f"one pass of {result.model}", "-"),
        (result.mean("loss", "photographs"), "the photographs themselves", ":"),
    ):
        panel.axhline(value, color=COLOURS[0], linestyle=style, label=label)
    panel.set_yscale("log")
    panel.set_xlabel("L-BFGS iterations")
    panel.set_ylabel("loss")
    panel.set_title(f"{len(result.names)} photographs, {result.size} x {result.size}", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)
    figure.savefig(path, dpi=130)


def _sheet(result: Result, path: Path) -> None:
    """Sets photographs, the network's pictures and the optimisations side by side."""
    columns = [
        ("photograph", [one.picture for one in result.photographs]),
        ("one pass", [one.picture for one in result.pictures]),
        *(
            (
                f"{len(result.curves[s][0].terms)} iterations, from {s}",
                [curve.picture for curve in result.curves[s]],
            )
            for s in STARTS
        ),
    ]
    rows = min(SHOWN, len(result.names))
    side = result.size
    sheet = Image.new("RGB", (len(columns) * side, LABEL + rows * side), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (label, pictures) in enumerate(columns):
        draw.text((column * side + 6, 4), label, fill="black", font=ImageFont.load_default(13))
        for row in range(rows):
            sheet.paste(Image.fromarray(pictures[row]), (column * side, LABEL + row * side))
    sheet.save(path, quality=90)
