"""Contact sheets: sizes and places by hand."""

import numpy as np
from PIL import Image

from onestroke.contact_sheet import (
    add_label,
    arrange_in_columns,
    fit_square,
    join_across,
    join_down,
    paired_sheet,
)


def block(height: int, width: int, colour: str) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def test_joining_across_and_down() -> None:
    images = [block(10, 20, "red"), block(30, 5, "blue")]
    across = join_across(images, gap=4)
    assert across.size == (29, 30)
    assert across.getpixel((0, 0)) == (255, 0, 0)
    assert across.getpixel((22, 0)) == (255, 255, 255)  # the gap
    assert across.getpixel((24, 29)) == (0, 0, 255)
    assert across.getpixel((0, 29)) == (255, 255, 255)  # below the lower image
    down = join_down(images, gap=4)
    assert down.size == (20, 44)
    assert down.getpixel((0, 14)) == (0, 0, 255)


def test_labels_widen_narrow_sheets() -> None:
    labelled = add_label(block(40, 4, "red"), "a rather long label", height=20)
    assert labelled.height == 60
    assert labelled.width > 60
    assert labelled.getpixel((0, 20)) == (255, 0, 0)
    assert np.asarray(labelled)[:20].min() < 128  # the text


def test_fitting_into_a_square() -> None:
    square = fit_square(np.zeros((40, 80, 3), np.uint8), 20)
    assert square.size == (20, 20)
    assert square.getpixel((19, 9)) == (0, 0, 0)
    assert square.getpixel((0, 10)) == (255, 255, 255)


def test_columns_follow_the_aspect() -> None:
    blocks = [block(10, 10, "red") for _ in range(6)]
    assert arrange_in_columns(blocks, gap=0, aspect=1.5).size == (30, 20)
    assert arrange_in_columns(blocks, gap=2, aspect=100).size == (70, 10)
    assert arrange_in_columns(blocks[:1], gap=2).size == (10, 10)


def test_pairs_are_four_in_a_row() -> None:
    above = [np.full((6, 8, 3), i, np.uint8) for i in range(5)]
    below = [np.full((6, 8, 3), 100 + i, np.uint8) for i in range(5)]
    pixels = np.asarray(paired_sheet(above, below))
    assert pixels.shape == (24, 32, 3)
    assert pixels[::6, ::8, 0].tolist() == [
        [0, 1, 2, 3],
        [100, 101, 102, 103],
        [4, 255, 255, 255],
        [104, 255, 255, 255],
    ]
