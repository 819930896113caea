"""How a large picture is divided into tiles that overlap by what the network sees."""

import math
from dataclasses import dataclass

import numpy as np

from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import resize

# In TensorFlow, a johnson network takes 1.25 GB for each megapixel that it sees at once: 2.9 GB in
# all, Python included.
WHOLE_PIXELS = 3 * 2**19
# With margins of 84 pixels a tile is as large at most. Smaller tiles repaint more margin.
TILE_SIDE = 1072


@dataclass(frozen=True)
class TileSpan:
    """One tile along one axis.

    Attributes:
        read: the pixels of the picture that the network sees.
        kept: those of them whose paint is kept.
    """

    read: slice
    kept: slice

    @property
    def kept_of_read(self) -> slice:
        """The kept pixels, counted from the first one read."""
        return slice(self.kept.start - self.read.start, self.kept.stop - self.read.start)


def split_length(length: int, *, side: int, margin: int, stride: int) -> list[TileSpan]:
    """Cuts a length into tiles that read windows of one size; the last may read less.

    A runtime that prepares its memory for one picture size then has at most two sizes along each
    axis, so the tiles at the border read more than their margin.

    Args:
        length: pixels along the axis.
        side: pixels that a tile keeps at most, a multiple of ``stride``.
        margin: pixels that a tile sees, at least, on either side of those it keeps.
        stride: tiles begin at its multiples, where the strided convolutions of the whole do.
    """
    margin = _round_up(margin, stride)
    step = _round_up(-(-length // -(-length // side)), stride)
    window = step + 2 * margin
    last = max(0, _round_up(length - window, stride))
    spans = []
    for start in range(0, length, step):
        first = min(max(0, start - margin), last)
        spans.append(
            TileSpan(
                read=slice(first, min(length, first + window)),
                kept=slice(start, min(length, start + step)),
            )
        )
    return spans


def plan_tiles(
    size: tuple[int, int], *, side: int, margin: int, stride: int
) -> list[tuple[TileSpan, TileSpan]]:
    """Returns the rows and columns of every tile, tiles of equal size one after another.

    Args:
        size: (height, width) of the picture.
        side: pixels that a tile keeps at most along each axis, a multiple of ``stride``.
        margin: pixels that a tile sees, at least, around those it keeps.
        stride: tiles begin at its multiples.
    """
    rows, columns = (
        split_length(length, side=side, margin=margin, stride=stride) for length in size
    )
    tiles = [(row, column) for row in rows for column in columns]
    return sorted(tiles, key=_read_size, reverse=True)


def _read_size(tile: tuple[TileSpan, TileSpan]) -> tuple[int, int]:
    row, column = tile
    return row.read.stop - row.read.start, column.read.stop - column.read.start


def kept_side(pixels: int, *, margin: int, stride: int) -> int:
    """Returns how many pixels along each axis a square tile keeps that reads ``pixels`` at most."""
    side = math.isqrt(pixels) - 2 * _round_up(margin, stride)
    return side // stride * stride


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def thumbnail(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Shrinks to an area of ``pixels`` at most, unless a side would become too short."""
    height, width = picture.shape[:2]
    factor = (pixels / (height * width)) ** 0.5
    size = (max(MINIMUM_SIDE, int(height * factor)), max(MINIMUM_SIDE, int(width * factor)))
    return resize(picture, size)
