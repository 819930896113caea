"""``onestroke styles``: list the styles of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.options import BASE, Model
from onestroke.cli.terminal import filter_native_logs, out
from onestroke.printable import make_printable

if TYPE_CHECKING:
    from onestroke.stylize.model import Model as OpenedModel

EXAMPLES = ("onestroke styles", "onestroke styles --model runs/wave --sheet styles.png")
IDENTITY_MEANING = "the photograph, unchanged; --strength blends with it"


def styles(
    model: Model = BASE,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a picture with a sample of every style."),
    ] = None,
) -> None:
    """List the styles of a model."""
    from onestroke.models.card import IDENTITY
    from onestroke.stylize.model import open_model

    opened = open_model(model)
    card = opened.card
    names = {name: make_printable(name) for name in card.style_names}
    width = max(map(len, names.values()))
    default = card.style_names[card.default] if len(card.style_names) > 1 else None
    for name, shown in names.items():
        caption = make_printable(card.style(name).caption)
        meaning = IDENTITY_MEANING if name == IDENTITY else caption
        mark = "  (default)" if name == default else ""
        out.print(f"{shown:{width}}  {meaning}{mark}".rstrip())
    for notice in card.notices:
        out.print(make_printable(notice))
    if sheet is not None:
        _write_sheet(opened, sheet)


def _write_sheet(model: "OpenedModel", sheet: Path) -> None:
    import numpy as np

    from onestroke.data.photograph_sources import open_source
    from onestroke.files import check_file
    from onestroke.pictures import Picture, check_suffix, write_picture
    from onestroke.stylize.style_sheet import make_style_sheet

    check_suffix(sheet)
    check_file(sheet)
    photograph = open_source(["bundled"], split="validation").read(0)
    with filter_native_logs():
        pixels = np.asarray(make_style_sheet(model, photograph))
    write_picture(sheet, Picture(pixels))
    out.print(f"Sheet: {sheet}")
