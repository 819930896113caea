"""Captions of styles, divided for pages."""

import pytest

from onestroke.models.painting_caption import PaintingCaption, divide_caption


@pytest.mark.parametrize(
    ("caption", "title", "painter"),
    [
        ("The Kiss, Gustav Klimt, 1908", "The Kiss", "Gustav Klimt, 1908"),
        ("Impression, Sunrise, Claude Monet, 1872", "Impression, Sunrise", "Claude Monet, 1872"),
        ("sea, at night", "sea, at night", ""),
        ("The Kiss, 1908", "The Kiss, 1908", ""),
        ("", "the kiss", ""),
    ],
)
def test_title_and_painter(caption: str, title: str, painter: str) -> None:
    assert divide_caption("the_kiss", caption) == PaintingCaption(title, painter)
