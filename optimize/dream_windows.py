"""How the gradient of a picture of any size is computed in bounded memory."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from onestroke.optimize.descent import Terms
from onestroke.stylize.tiles import TileSpan

MARGIN = 32  # pixels around the kept part of a tile, where the edge of the tile changes features

TileLoss = Callable[[np.ndarray], tuple[Terms, np.ndarray]]
"""Returns the terms of the loss of a tile, and the gradient of its shape."""


@dataclass(frozen=True)
class DreamWindows:
    """The loss of a picture and its gradient, tile by tile.

    All tiles of a picture have one size, so that the loss is compiled once. Where they meet is
    shifted randomly, as in Mordvintsev et al.; otherwise, seams would show. Departure: there, the
    picture is shifted and wraps around; here, the tiles are shifted.

    Attributes:
        loss: the loss of a tile.
        side: largest side of a tile.
    """

    loss: TileLoss
    side: int

    def __call__(
        self, picture: np.ndarray, random: np.random.Generator
    ) -> tuple[Terms, np.ndarray]:
        """Returns the mean terms of all tiles, and the gradient of the picture.

        Args:
            picture: ``(height, width, 3)`` RGB floats.
            random: draws the shifts; not used for a picture that is one tile.
        """
        rows, columns = (place_spans(n, self.side, random) for n in picture.shape[:2])
        if len(rows) == len(columns) == 1:
            return self.loss(picture)
        gradient = np.empty(picture.shape, np.float32)
        means: dict[str, float] = {}
        for row, column in itertools.product(rows, columns):
            terms, part = self.loss(picture[row.read, column.read])
            kept = gradient[row.kept, column.kept]
            kept[:] = part[row.kept_of_read, column.kept_of_read]
            share = kept.size / gradient.size
            for name, value in terms.items():
                means[name] = means.get(name, 0.0) + share * value
        return means, gradient


def place_spans(length: int, side: int, random: np.random.Generator) -> list[TileSpan]:
    """Divides a length into parts, each kept from a tile of ``side`` pixels or the whole length.

    Args:
        length: pixels along the axis.
        side: pixels of a tile.
        random: draws the length of the first part.
    """
    if length <= side:
        return [TileSpan(slice(0, length), slice(0, length))]
    step = side - 2 * MARGIN
    edges = [0, *range(int(random.integers(1, step + 1)), length, step), length]
    spans = []
    for start, stop in itertools.pairwise(edges):
        first = min(max(0, start - MARGIN), length - side)
        spans.append(TileSpan(slice(first, first + side), slice(start, stop)))
    return spans
