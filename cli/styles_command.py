"""``onestroke styles``: list the styles of a model."""

from onestroke.cli.options import BASE, Model
from onestroke.cli.terminal import out


def styles(model: Model = BASE) -> None:
    """List the styles of a model."""
    from onestroke.models.style_file import painted_styles
    from onestroke.stylize.model import read_captions, read_notice, read_style_names

    captions = read_captions(model)
    names = painted_styles(read_style_names(model))
    width = max(map(len, names), default=0)
    for name in names:
        out.print(f"{name:{width}}  {captions.get(name, '')}".rstrip())
    if notice := read_notice(model):
        out.print(notice)
