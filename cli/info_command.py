"""``onestroke info``: describe a model or a run."""

from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.terminal import out

EXAMPLES = (
    "onestroke info base",
    "onestroke info runs/wave",
)


def info(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|RUN", help="Style file, run folder, or export.")
    ],
) -> None:
    """Print what a model or a run records about itself."""
    import yaml

    from onestroke.stylize.model import open_model
    from onestroke.train.run_folder import find_run

    run = find_run(model)
    record = run.summary() if run else open_model(model).card.model_dump(mode="json")
    out.print(yaml.safe_dump(record, sort_keys=False, allow_unicode=True).rstrip())
