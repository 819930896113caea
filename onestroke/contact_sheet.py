"""Contact sheets: several pictures in one, with labels, on white."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PER_ROW = 4  # pairs in a row of `paired_sheet`


def join_across(images: Sequence[Image.Image], *, gap: int = 0) -> Image.Image:
    """Places images side by side, aligned at the top, ``gap`` pixels apart."""
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return sheet


def join_down(images: Sequence[Image.Image], *, gap: int = 0) -> Image.Image:
    """Places images below one another, aligned at the left, ``gap`` pixels apart."""
    height = sum(image.height for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (max(image.width for image in images), height), "white")
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height + gap
    return sheet


def add_label(image: Image.Image, text: str, *, height: int) -> Image.Image:
    """Adds a line of text above an image; a sheet narrower than the text is widened.

    Args:
        image: the image.
        text: the label.
        height: of the line, in pixels.
    """
    font = ImageFont.load_default(height * 0.7)
    width = max(image.width, math.ceil(font.getlength(text)))
    sheet = Image.new("RGB", (width, height + image.height), "white")
    ImageDraw.Draw(sheet).text((0, 0), text, "black", font)
    sheet.paste(image, (0, height))
    return sheet


def fit_square(picture: np.ndarray, side: int) -> Image.Image:
    """Reduces ``(height, width, 3)`` uint8 RGB to fit into a white square of ``side`` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, (0, 0))
    return square


def arrange_in_columns(
    blocks: Sequence[Image.Image], *, gap: int, aspect: float = 1.5
) -> Image.Image:
    """Arranges images of similar size in columns, row by row.

    Args:
        blocks: the images.
        gap: pixels between them.
        aspect: width over height of the sheet, approximately.
    """
    width = max(block.width for block in blocks) + gap
    height = max(block.height for block in blocks) + gap

    def aspect_error(columns: int) -> float:
        rows = math.ceil(len(blocks) / columns)
        return abs(math.log(columns * width / (rows * height) / aspect))

    columns = min(range(1, len(blocks) + 1), key=aspect_error)
    rows = math.ceil(len(blocks) / columns)
    sheet = Image.new("RGB", (columns * width - gap, rows * height - gap), "white")
    for i, block in enumerate(blocks):
        sheet.paste(block, (i % columns * width, i // columns * height))
    return sheet


def paired_sheet(above: Sequence[np.ndarray], below: Sequence[np.ndarray]) -> Image.Image:
    """Places photographs above their paintings, four pairs in a row.

    Args:
        above: the photographs, ``(height, width, 3)`` uint8 RGB each.
        below: their paintings, of the same sizes.
    """
    rows = []
    for first in range(0, len(above), PER_ROW):
        for pictures in (above, below):
            part = pictures[first : first + PER_ROW]
            rows.append(join_across([Image.fromarray(picture) for picture in part]))
    return join_down(rows)
