"""Paintings: found, read and resized as the loss network sees them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from onestroke.errors import SettingsError
from onestroke.files import expand_path
from onestroke.picture_search import find_pictures
from onestroke.pictures import PictureError, read_pixels, resize, size_of_short_side
from onestroke.settings_schema import Positive
from onestroke.weighted_names import parse_weighted_names

BUNDLED_PAINTING = Path(__file__).parent / "paintings" / "strokes.jpg"
MAX_ASPECT = 8  # a longer painting would have millions of pixels at the usual short side


def weights_by_name(value: Any) -> Any:
    """Converts ``[a, {b: 2}]`` or ``a`` to ``{a: 1, b: 2}``."""
    entries = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(entries, list | tuple):
        return value
    weights: dict[Any, Any] = {}
    for entry in entries:
        if not isinstance(entry, str | Mapping):
            raise ValueError("expected paths, each alone or with its weight")
        weights.update(entry if isinstance(entry, Mapping) else {entry: 1.0})
    return weights


PictureWeights = Annotated[
    dict[str, Positive], Field(min_length=1), BeforeValidator(weights_by_name)
]
"""The paintings of one style, by path, with their weights in the blend."""


@dataclass(frozen=True)
class Style:
    """One style: a painting, or a blend of several.

    Attributes:
        pictures: the paintings, ``(height, width, 3)`` uint8 RGB.
        shares: the weight of each painting in the blend.
        sha256: of the pixels of each painting in its own size; empty if unknown.
    """

    pictures: Sequence[np.ndarray]
    shares: Sequence[float] = (1.0,)
    sha256: Sequence[str] = ()


def parse_style_weights(styles: Sequence[str]) -> dict[str, float]:
    """Reads ``PATH`` and ``PATH:WEIGHT``; a painting without a weight gets the weight 1.

    Raises:
        SettingsError: a weight is not above 0.
    """
    weights = parse_weighted_names(styles)
    for name, weight in weights.items():
        if not weight > 0:
            raise SettingsError(f"--style {name}:{weight:g}: the weight must be above 0")
    return weights


def find_paintings(styles: Sequence[str]) -> list[str]:
    """Replaces each folder among the styles by the pictures in it.

    Raises:
        SettingsError: a name is empty.
        PictureError: a folder contains no pictures.
    """
    if "" in styles:  # as a path, this would be the current folder
        raise SettingsError("--style is empty; give the path of a painting")
    return [
        name
        for style in styles
        for name in (map(str, find_pictures(style)) if expand_path(style).is_dir() else [style])
    ]


def read_styles(blends: Sequence[Mapping[str, float]], short_side: int) -> list[Style]:
    """Reads the paintings of several styles at the size that the loss network sees.

    Args:
        blends: for each style its paintings, by path, with their weights.
        short_side: of every painting after resizing, in pixels.

    Raises:
        PictureError: a painting is missing, broken, of one colour, or too long and narrow.
    """
    return [_read_style(blend, short_side) for blend in blends]


def _read_style(blend: Mapping[str, float], short_side: int) -> Style:
    paintings = [read_painting(name) for name in blend]
    return Style(
        [resize(p, size_of_short_side(p.shape[:2], short_side)) for p in paintings],
        list(blend.values()),
        [hashlib.sha256(f"{p.shape}".encode() + p.tobytes()).hexdigest() for p in paintings],
    )


def read_painting(name: str) -> np.ndarray:
    """Reads a painting in its own size; ``bundled`` is the painting of the package.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        PictureError: the painting is missing, broken, of one colour, or too long and narrow.
    """
    pixels = read_pixels(BUNDLED_PAINTING if name == "bundled" else name)
    if max(pixels.shape[:2]) > MAX_ASPECT * min(pixels.shape[:2]):
        raise PictureError(
            f"the painting {name} is {pixels.shape[1]} x {pixels.shape[0]} pixels; its long side "
            f"may be at most {MAX_ASPECT} times its short side; crop it"
        )
    if np.ptp(pixels, axis=(0, 1)).max() == 0:
        raise PictureError(f"the painting {name} has only one colour; choose another picture")
    return pixels
