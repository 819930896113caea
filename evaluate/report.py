"""The report of an evaluation: a JSON file, plots and contact sheets."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.contact_sheet import add_label, fit_square, join_across, join_down
from onestroke.evaluate.evaluation import ITERATIONS_REPLACED, Result, Speed
from onestroke.files import number_duplicates, write_text, write_whole

SHOWN = 8  # photographs on a contact sheet
PLOTTED = ("loss", "content", "style")
LABEL = 22  # pixels above each picture
COLOURS = ("#b3402e", "#3c6e8f", "#6a8f3c")  # for the network, then for each start


def write_report(
    folder: Path,
    results: Sequence[Result],
    *,
    speeds: Sequence[Speed],
    about: Mapping[str, Any],
) -> None:
    """Writes ``report.json``, and for each network and size a contact sheet and a plot.

    Args:
        folder: the folder; files of the same names are replaced.
        results: the measurements.
        speeds: the times; may be empty.
        about: machine, versions, models and weights.
    """
    files = _file_names(results)
    record = {
        **about,
        "results": [{**_record(r), **files[r.model, r.size]} for r in results],
        "speeds": _speeds(speeds),
    }
    text = json.dumps(record, indent=1) + "\n"
    write_text(folder / "report.json", text)
    for result in results:
        names = files[result.model, result.size]
        if result.curves:
            write_whole(folder / names["curves"], partial(_plot, result))
        write_whole(folder / names["pictures"], partial(_sheet, result))


def _file_names(results: Sequence[Result]) -> dict[tuple[str, int], dict[str, str]]:
    """Returns the file names of each result: the end of the model name, numbered if not unique."""
    models = list(dict.fromkeys(result.model for result in results))
    names = number_duplicates(
        re.sub(r"[^\w.-]+", "_", Path(model).name) or "network" for model in models
    )
    stems = dict(zip(models, names, strict=True))
    return {
        (r.model, r.size): {
            **({"curves": f"curves_{stems[r.model]}_{r.size}.png"} if r.curves else {}),
            "pictures": f"pictures_{stems[r.model]}_{r.size}.jpg",
        }
        for r in results
    }


def _record(result: Result) -> dict[str, Any]:
    """Returns the figures of a result, without the pixels."""
    return {
        "model": result.model,
        "size": result.size,
        "overtaken": {
            start: {"median": result.median_overtaken(start), "each": result.overtaken(start)}
            for start in result.curves
        },
        "style_share": result.style_share(),
        "mean": {key: result.mean(key) for key in result.pictures[0].figures},
        "painting": result.painting,
        "photographs": [
            {
                "name": name,
                "photograph": photograph.figures,
                "picture": picture.figures,
                "optimised": {s: list(curves[i].terms) for s, curves in result.curves.items()},
            }
            for i, (name, photograph, picture) in enumerate(
                zip(result.names, result.photographs, result.pictures, strict=True)
            )
        ],
    }


def _speeds(speeds: Sequence[Speed]) -> list[dict[str, Any]]:
    return [
        {
            "model": speed.model,
            "size": speed.size,
            "passes": list(speed.passes),
            "iterations": list(speed.iterations),
            "ratio": speed.ratio,
            "iterations_replaced": ITERATIONS_REPLACED,
        }
        for speed in speeds
    ]


def _plot(result: Result, path: Path) -> None:
    """Plots the losses of the optimisations, their mean if equally long, and the network's loss."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.5), layout="constrained")
    for panel, key in zip(figure.subplots(1, len(PLOTTED)), PLOTTED, strict=True):
        for (start, curves), colour in zip(result.curves.items(), COLOURS[1:], strict=True):
            terms = [[values[key] for values in curve.terms] for curve in curves]
            for losses in terms:
                panel.plot(losses, color=colour, linewidth=0.6)
            equally_long = len({len(losses) for losses in terms}) == 1
            mean = np.mean(terms, axis=0) if equally_long else []
            panel.plot(mean, color=colour, label=f"optimised, from {start}")
            median = result.median_overtaken(start)
            if key == "loss" and median is not None:
                panel.axvline(median, color=colour, linestyle=":", label=f"overtaken at {median:g}")
        for of, label, line in (
            ("pictures", f"one pass of {result.model}", "-"),
            ("photographs", "unpainted photographs", "--"),
        ):
            panel.axhline(result.mean(key, of), color=COLOURS[0], linestyle=line, label=label)
        panel.set_yscale("log")
        panel.set_xlabel("L-BFGS iterations")
        panel.set_title(key, fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"{len(result.names)} photographs, {result.size} x {result.size}", fontsize=10)
    figure.savefig(path, dpi=130)


def _sheet(result: Result, path: Path) -> None:
    """Writes rows of a painting, a photograph, its painted picture and its optimisations.

    The JPEG has no chroma subsampling, which would blur grid artefacts.
    """
    side, rows = result.size, []
    for row, name in enumerate(result.names[:SHOWN]):
        photograph, painted = result.photographs[row], result.pictures[row]
        cells = [
            (f"{Path(name).name}: {photograph.figures['loss']:.3f}", photograph.picture),
            (f"one pass: {painted.figures['loss']:.3f}", painted.picture),
        ]
        for start, curves in result.curves.items():
            curve = curves[row]
            label = f"{curve.iterations} iterations from {start}: {curve.terms[-1]['loss']:.3f}"
            cells.append((label, curve.picture))
        if row < len(result.paintings):
            cells.insert(0, ("painting", result.paintings[row]))
        else:
            cells.insert(0, ("", np.full((1, 1, 3), 255, np.uint8)))
        squares = [add_label(fit_square(p, side), label, height=LABEL) for label, p in cells]
        rows.append(join_across([square.crop((0, 0, side, side + LABEL)) for square in squares]))
    join_down(rows).save(path, quality=92, subsampling=0)
