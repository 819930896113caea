"""A contact sheet of the styles of a model: one photograph painted in each style."""

from pathlib import Path

import numpy as np
from PIL import Image

from onestroke.contact_sheet import add_label, arrange_in_columns
from onestroke.models.card import IDENTITY
from onestroke.pictures import shrink
from onestroke.stylize.model import Model, load

SIDE = 256  # long side of each picture, in pixels
LABEL = 20  # height of the labels, in pixels
GAP = 8  # pixels between the pictures


def make_style_sheet(model: Path | str | Model, photograph: np.ndarray) -> Image.Image:
    """Paints a photograph in every style of a model.

    Args:
        model: see ``onestroke.load``.
        photograph: ``(height, width, 3)`` uint8 RGB; shown first.
    """
    stylizer = load(model)
    small = shrink(photograph, SIDE)
    pictures = {IDENTITY: small}
    for name in stylizer.style_names:
        if name != IDENTITY:
            pictures[name] = stylizer(small, style=name)
    blocks = [
        add_label(Image.fromarray(picture), name, height=LABEL)
        for name, picture in pictures.items()
    ]
    return arrange_in_columns(blocks, gap=GAP)
