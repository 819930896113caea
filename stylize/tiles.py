"""How a large picture is divided into tiles that overlap by what the network sees."""

from dataclasses import dataclass

import numpy as np

from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import resize

# A johnson network takes 0.9 GB for each megapixel it sees at once: 2.0 GB in all, Python included.
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
    """Cuts a length into tiles of nearly the same size.

    Args:
        length: pixels along the axis.
        side: pixels that a tile keeps at most, a multiple of ``stride``.
        margin: pixels that a tile sees, at least, on either side of those it keeps.
        stride: tiles begin at its multiples, where the strided convolutions of the whole do.
    """
    margin = _round_up(margin, stride)
    step = _round_up(-(-length // -(-length // side)), stride)
    return [
        TileSpan(
            read=slice(max(0, start - margin), min(length, start + step + margin)),
            kept=slice(start, min(length, start + step)),
        )
        for start in range(0, length, step)
    ]


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def thumbnail(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Shrinks to an area of ``pixels`` at most, unless a side would become too short."""
    height, width = picture.shape[:2]
    factor = (pixels / (height * width)) ** 0.5
    size = (max(MINIMUM_SIDE, int(height * factor)), max(MINIMUM_SIDE, int(width * factor)))
    return resize(picture, size)
