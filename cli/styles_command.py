"""``onestroke styles``: list the styles of a model."""

from onestroke.cli.options import BASE, Model
from onestroke.cli.terminal import out
from onestroke.printable import make_printable


def styles(model: Model = BASE) -> None:
    """List the styles of a model."""
    from onestroke.stylize.model import open_model

    card = open_model(model).card
    names = {name: make_printable(name) for name in card.painted_names}
    width = max(map(len, names.values()), default=0)
    for name, shown in names.items():
        out.print(f"{shown:{width}}  {make_printable(card.style(name).caption)}".rstrip())
    for notice in card.notices:
        out.print(make_printable(notice))
