"""Reading paintings at the size that the loss network sees."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from onestroke.errors import SettingsError
from onestroke.files import expand_path
from onestroke.picture_search import find_pictures
from onestroke.pictures import (
    PictureError,
    largest_deviation,
    read_pixels,
    resize,
    shrink,
    size_of_short_side,
)
from onestroke.settings_schema import Positive
from onestroke.weighted_names import parse_weighted_names

logger = logging.getLogger("onestroke.data")

BUNDLED_PAINTING = Path(__file__).parent / "paintings" / "strokes.jpg"
MINIMUM_DEVIATION = 1.0
"""Standard deviation of a painting's channels at 256 pixels, at least: that of one black pixel on
a white sheet of 256 x 256. Below it, the losses divide by almost nothing."""

ENLARGED = 1.5  # a painting that is enlarged by more than this is named

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


def read_styles(blends: Sequence[Mapping[str, float]], short_sides: Sequence[int]) -> list[Style]:
    """Reads the paintings of several styles at the size that the loss network sees.

    Args:
        blends: for each style its paintings, by path, with their weights.
        short_sides: for each style the short side of its paintings after resizing, in pixels.

    Raises:
        PictureError: a painting is missing, broken, of one colour, or too long and narrow.
    """
    return [
        _read_style(blend, short_side)
        for blend, short_side in zip(blends, short_sides, strict=True)
    ]


def _read_style(blend: Mapping[str, float], short_side: int) -> Style:
    paintings = [read_painting(name) for name in blend]
    for name, painting in zip(blend, paintings, strict=True):
        height, width = painting.shape[:2]
        if short_side > ENLARGED * min(height, width):
            logger.warning(
                "the painting %s has only %d x %d pixels and is enlarged to a short side of %d; "
                "a larger file gives finer strokes",
                *(name, width, height, short_side),
            )
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
    check_variation(pixels, name)
    return pixels


def check_variation(pixels: np.ndarray, name: str) -> None:
    """Raises a PictureError for a painting of nearly one colour, which has no style.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        name: of the painting.
    """
    # Seen from far, so that a few specks on a blank sheet do not count.
    deviation = largest_deviation(shrink(pixels, 256))
    if deviation < MINIMUM_DEVIATION:
        raise PictureError(
            f"the painting {name} has nearly one colour (standard deviation {deviation:.2g} of "
            f"255); choose another picture"
        )
