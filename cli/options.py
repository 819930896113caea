"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

# Titles of groups of options in --help.
RUNTIME = "Runtime"
SIZES = "Sizes"
FRAMES = "Intermediate pictures"
BASE = Path("base")  # the bundled network that painting commands use by default

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT…", help="Pictures or folders.")]
Model = Annotated[Path, typer.Option(help="A style file, a finished run or an export.")]
StyleBlend = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:WEIGHT]",
        help="A style of the model; several are blended by weight. `onestroke styles` lists them.",
    ),
]
Paintings = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH[:WEIGHT]", help="A painting; several with weights are one blend."),
]
Runtime = Annotated[
    str | None,
    typer.Option(
        metavar="litert|keras",
        help="For a style file: litert (default), or keras on NVIDIA GPUs.",
        rich_help_panel=RUNTIME,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting."),
]
PreserveColor = Annotated[
    bool, typer.Option("--preserve-color", help="Keep the colours of the photograph.")
]
MaxSize = Annotated[
    int | None,
    typer.Option(help="Longest side of the result, in pixels.", rich_help_panel=SIZES),
]
Strip = Annotated[bool, typer.Option("--strip", help="Leave out date, place and camera (EXIF).")]
FrameFolder = Annotated[
    Path | None,
    typer.Option(help="Folder for intermediate pictures and all losses.", rich_help_panel=FRAMES),
]
FrameInterval = Annotated[
    int,
    typer.Option(
        min=1, help="Iterations between two intermediate pictures.", rich_help_panel=FRAMES
    ),
]


def format_examples(examples: Sequence[str]) -> str:
    """Returns the end of a command's help. Help joins lines, so each example is a paragraph."""
    return "\n\n".join(["Examples:", *(f"  {example}" for example in examples)])
