"""``onestroke styles``: list the styles of a model."""

from onestroke.cli.options import BASE, Model
from onestroke.cli.terminal import out


def styles(model: Model = BASE) -> None:
    """List the styles of a model."""
    from onestroke.stylize.model import open_model

    card = open_model(model).card
    width = max(map(len, card.painted_names), default=0)
    for name in card.painted_names:
        out.print(f"{name:{width}}  {card.style(name).caption}".rstrip())
    for notice in card.notices:
        out.print(notice)
