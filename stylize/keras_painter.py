"""Painting a picture of any size in memory that does not grow with it.

Up to ``WHOLE_PIXELS`` the network sees the whole picture. A larger one is painted in tiles, whose
instance normalisations take their moments from a copy of the picture that is small enough to be
seen whole: Chen et al. 2022, "Towards Ultra-Resolution Neural Style Transfer via Thumbnail
Instance Normalization". With the moments fixed, a pixel depends on its surroundings only as far as
the network reaches, so tiles that overlap by that much have no visible seam. Departure: the paper
pads the tiles at the border; these tiles read more of the picture instead.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from onestroke.models.card import ModelCard
from onestroke.models.presets import PRESETS
from onestroke.models.transform_network import Flow, TransformNetwork
from onestroke.stylize.paint_memory import TENSORFLOW_BYTES
from onestroke.stylize.stylizer import Piece
from onestroke.stylize.tiles import TILE_SIDE, WHOLE_PIXELS, plan_tiles, thumbnail


class KerasPainter:
    """Runs a network over pictures of any size.

    Graphs are traced once, for every size. Run eagerly, a network keeps all its features until
    the end (4.6 GB instead of 1.4 for one megapixel) and is a fifth slower.

    Args:
        network: the trained network.
        whole_pixels: the area up to which it sees the whole picture.
        tile_side: pixels a tile keeps along each axis, a multiple of the network's stride.
    """

    survives_fork = False

    def __init__(
        self,
        network: TransformNetwork,
        *,
        whole_pixels: int = WHOLE_PIXELS,
        tile_side: int = TILE_SIDE,
    ) -> None:
        self.network = network
        self.whole_pixels = whole_pixels
        self.tile_side = tile_side
        self._signature = [
            tf.TensorSpec((1, None, None, 3), tf.float32),
            tf.TensorSpec((1, network.styles), tf.float32),
        ]

    @property
    def card(self) -> ModelCard:
        """The card of the network."""
        return self.network.card

    def memory(self, size: tuple[int, int]) -> int:
        """See ``stylizer.Painter``; a large picture takes the memory of a tile."""
        return min(size[0] * size[1], self.whole_pixels) * TENSORFLOW_BYTES[self.network.preset]

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture, in tiles if it is large; see ``stylizer.Painter``."""
        height, width = picture.shape[:2]
        if height * width <= self.whole_pixels:
            painted = self._paint_whole(_as_batch(picture), style[None])
            yield (slice(0, height), slice(0, width)), painted.numpy()[0]
            return
        moments = self.moments(thumbnail(picture, self.whole_pixels), style)
        yield from self.tiles(picture, style, moments)

    def moments(self, picture: np.ndarray, style: np.ndarray) -> Any:
        """Returns mean and variance for each normalisation in turn, of a picture seen whole.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.
        """
        return self._moments(_as_batch(picture), style[None])

    def tiles(self, picture: np.ndarray, style: np.ndarray, moments: Any) -> Iterator[Piece]:
        """Paints the picture tile by tile, every normalisation with the moments given.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.
            moments: from ``moments``, of the whole picture.
        """
        preset = PRESETS[self.network.preset]
        grid = {"side": self.tile_side, "margin": preset.reach, "stride": preset.stride}
        for rows, columns in plan_tiles(picture.shape[:2], **grid):
            tile = _as_batch(picture[rows.read, columns.read])
            painted = self._paint_tile(tile, style[None], moments).numpy()[0]
            yield (rows.kept, columns.kept), painted[rows.kept_of_read, columns.kept_of_read]

    @cached_property
    def _paint_whole(self) -> Any:
        def paint(image: Any, style: Any) -> Any:
            return self.network.paint(image, Flow(style, moments=None))

        return tf.function(paint, input_signature=self._signature)

    @cached_property
    def _moments(self) -> Any:
        return tf.function(self.network.moments, input_signature=self._signature)

    @cached_property
    def _paint_tile(self) -> Any:
        def paint(image: Any, style: Any, moments: Any) -> Any:
            return self.network.paint(image, Flow(style, moments))

        moments = self._moments.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(tf.TensorSpec.from_tensor, moments)
        return tf.function(paint, input_signature=[*self._signature, specs])


def _as_batch(picture: np.ndarray) -> Any:
    return tf.cast(picture[None], tf.float32)
