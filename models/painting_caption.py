"""The caption of a style, divided into the painting's title and the line about its painter."""

import re
from dataclasses import dataclass

# "Impression, Sunrise, Claude Monet, 1872": titles contain commas, names of painters do not.
_TITLE_PAINTER_YEAR = re.compile(r"(.+), ([^,]+, \d{3,4})")


@dataclass(frozen=True)
class PaintingCaption:
    """What pictures in a style are labelled with.

    Attributes:
        title: of the painting, or the name of the style.
        painter: the painter and the year; empty if unknown.
    """

    title: str
    painter: str


def divide_caption(name: str, caption: str) -> PaintingCaption:
    """Divides the caption of a style.

    Args:
        name: of the style, the title of a style without a caption.
        caption: from the model card, ideally "title, painter, year"; any other text is the title.
    """
    match = _TITLE_PAINTER_YEAR.fullmatch(caption)
    if match:
        return PaintingCaption(match[1], match[2])
    return PaintingCaption(caption or name.replace("_", " "), "")
