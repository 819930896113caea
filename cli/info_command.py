"""``onestroke info``: describe a model or a run."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onestroke.cli.terminal import out

if TYPE_CHECKING:
    from onestroke.stylize.model import Model
    from onestroke.train.run_folder import RunFolder

EXAMPLES = (
    "onestroke info base",
    "onestroke info runs/wave --all",
)


def info(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|RUN", help="Style file, run folder, or export.")
    ],
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also print paintings, losses and settings: the whole model card."
        ),
    ] = False,
) -> None:
    """Print what a model or a run records about itself."""
    import yaml

    from onestroke.stylize.model import open_model
    from onestroke.train.run_folder import find_run

    run = find_run(model)
    if run:
        details = run.summary()
        facts = _describe_run(run, details)
    else:
        opened = open_model(model)
        facts, details = _describe_model(opened), opened.card.model_dump(mode="json")
    # Lists of names in one line, as long as they fit.
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, default_flow_style=None)
    if everything:
        rest = {key: value for key, value in details.items() if key not in facts}
        text += yaml.safe_dump(rest, sort_keys=False, allow_unicode=True)
    else:
        command = shlex.join(["onestroke", "info", str(model), "--all"])
        text += f"# `{command}` prints everything that is recorded."
    out.print(text.rstrip())


def _describe_model(model: "Model") -> dict[str, Any]:
    """Returns the facts that are read first."""
    from onestroke.files import size_on_disk

    card = model.card
    facts: dict[str, Any] = {
        "style_names": list(card.style_names),
        "default_style": card.style_names[card.default],
        "model": model.name,
        "preset": card.preset,
        "file": str(model.path),
        "megabytes": round(size_on_disk(model.path) / 1e6, 2),
        "onestroke": card.onestroke,
        "licence": card.licence,
        "notices": list(card.notices),
    }
    if card.export:
        facts["export"] = card.export.model_dump(mode="json")
    return facts


def _describe_run(run: "RunFolder", summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a run that are read first, and those of its style file."""
    from onestroke.stylize.model import open_model

    progress = {name: summary[name] for name in ("steps", "style_file", "latest")}
    if run.style_file.is_file():
        return {**_describe_model(open_model(run.path)), **progress}
    settings = run.settings()
    names = settings.style.all_names()
    return {"style_names": list(names), "preset": settings.network.preset, **progress}
