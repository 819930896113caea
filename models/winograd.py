"""Frozen 3 x 3 convolutions with a quarter of the multiplications, for processors.

The algorithm F(4x4, 3x3) of Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural
Networks". It computes blocks of 4 x 4 pixels from tiles of 6 x 6 pixels:

    output tile = A^T [(G kernel G^T) * (B^T input tile B)] A

The product ``*`` of each of the 36 positions is a matrix multiplication over the channels of all
tiles. For 256 channels and more, this took half of the time of oneDNN's convolution on AVX2, and so
did the gradient (docs/choices.md). Features differ by about 1e-5 of their size.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from onestroke.models.layers import Tensor

BLOCK, TILE = 4, 6  # sides of the output block and of the input tile, in pixels

_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])

# Rows and columns at once: matrices over the 36 positions of a tile, and the 16 of a block.
INPUT_TRANSFORM = np.kron(_B, _B).astype(np.float32)
OUTPUT_TRANSFORM = np.kron(_A, _A).astype(np.float32)


def transform_kernel(kernel: np.ndarray) -> np.ndarray:
    """Returns ``G kernel G^T`` of a kernel ``(3, 3, in, out)``, as ``(36, in, out)`` float32."""
    taps = kernel.reshape(9, -1)
    return (np.kron(_G, _G).astype(np.float32) @ taps).reshape(TILE * TILE, *kernel.shape[2:])


class WinogradConvolution(keras.layers.Layer):
    """A frozen 3 x 3 convolution without padding, with a bias and a ReLU.

    Its weights are the transformed kernel, see ``transform_kernel``, and the bias. No gradient
    flows to them.

    Args:
        filters: channels of the output.

    Input shape: ``(batch, height + 2, width + 2, channels)`` float32.
    Output shape: ``(batch, height, width, filters)`` float32.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, shape: tuple) -> None:
        """Creates the weights."""
        kernel = (TILE * TILE, shape[-1], self.filters)
        self.kernel = self.add_weight(shape=kernel, trainable=False, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), trainable=False, name="bias")

    def call(self, x: Tensor) -> Tensor:
        """Convolves, adds the bias and applies the ReLU."""
        return ops.relu(self.convolve(x) + self.bias)

    def convolve(self, x: Tensor) -> Tensor:
        """Returns the output before the bias and the ReLU."""
        kernel = ops.convert_to_tensor(self.kernel)

        def compute(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            return _convolve(x, kernel), lambda change: _input_gradient(change, kernel)

        return ops.custom_gradient(compute)(x)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Takes two from height and width where they are known."""
        return (shape[0], *(side and side - 2 for side in shape[1:3]), self.filters)


def _convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """Returns the convolution of ``(batch, height + 2, width + 2, channels)``."""
    batch, height, width, _ = ops.shape(x)
    height, width = height - 2, width - 2
    rows, columns = _count_blocks(height), _count_blocks(width)
    # The last tiles end within one more row and column of blocks. Each step replaces ``x``, so that
    # memory holds two of these arrays at a time.
    x = _pad(x, BLOCK * (rows + 1) - height - 2, BLOCK * (columns + 1) - width - 2)
    x = _split(x)
    x = _overlap(x, axis=0)
    x = _overlap(x, axis=1)
    x = _transform(INPUT_TRANSFORM, x)
    x = ops.matmul(x, kernel)
    x = _transform(OUTPUT_TRANSFORM, x)
    x = _merge(ops.reshape(x, (BLOCK, BLOCK, batch, rows, columns, kernel.shape[2])))
    return x[:, :height, :width]


def _input_gradient(change: Tensor, kernel: Tensor) -> Tensor:
    """Returns the gradient of ``_convolve`` for its input: the same steps, transposed.

    Args:
        change: the gradient for the output, ``(batch, height, width, filters)``.
        kernel: the transformed kernel.
    """
    batch, height, width, _ = ops.shape(change)
    rows, columns = _count_blocks(height), _count_blocks(width)
    blocks = _split(_pad(change, BLOCK * rows - height, BLOCK * columns - width))
    products = ops.matmul(_transform(OUTPUT_TRANSFORM.T, blocks), ops.transpose(kernel, (0, 2, 1)))
    tiles = _transform(INPUT_TRANSFORM.T, products)
    tiles = ops.reshape(tiles, (TILE, TILE, batch, rows, columns, kernel.shape[1]))
    return _merge(_add_overlap(tiles))[:, : height + 2, : width + 2]


def _count_blocks(side: Tensor) -> Tensor:
    return (side + BLOCK - 1) // BLOCK


def _pad(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return ops.pad(x, ((0, 0), (0, rows), (0, columns), (0, 0)))


def _split(x: Tensor) -> Tensor:
    """Returns the blocks of pictures, ``(4, 4, batch, rows, columns, channels)``."""
    batch, height, width, channels = ops.shape(x)
    x = ops.reshape(x, (batch, height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels))
    return ops.transpose(x, (2, 4, 0, 1, 3, 5))


def _merge(blocks: Tensor) -> Tensor:
    """Returns the pictures of blocks; the inverse of ``_split``."""
    _, _, batch, rows, columns, channels = ops.shape(blocks)
    x = ops.transpose(blocks, (2, 3, 0, 4, 1, 5))
    return ops.reshape(x, (batch, BLOCK * rows, BLOCK * columns, channels))


def _transform(matrix: np.ndarray, x: Tensor) -> Tensor:
    """Multiplies by a matrix over the positions; returns ``(positions, tiles, channels)``."""
    channels = x.shape[-1]
    return ops.reshape(
        ops.matmul(matrix, ops.reshape(x, (matrix.shape[1], -1))), (len(matrix), -1, channels)
    )


def _overlap(blocks: Tensor, axis: int) -> Tensor:
    """Extends each block by two rows of the next one, or with ``axis`` 1 by two columns.

    The last blocks of the pictures are dropped.
    """
    if axis == 0:
        return ops.concatenate([blocks[:, :, :, :-1], blocks[:2, :, :, 1:]], axis=0)
    return ops.concatenate([blocks[:, :, :, :, :-1], blocks[:, :2, :, :, 1:]], axis=1)


def _add_overlap(tiles: Tensor) -> Tensor:
    """Adds the last two rows and columns of each tile to the next block: ``_overlap`` transposed.

    Returns one more row and one more column of blocks.
    """
    first, rest = tiles[:BLOCK], tiles[BLOCK:]
    none, more = (0, 0), (0, 2 * BLOCK - TILE)
    rows = ops.pad(first, (none, none, none, (0, 1), none, none)) + ops.pad(
        rest, (more, none, none, (1, 0), none, none)
    )
    first, rest = rows[:, :BLOCK], rows[:, BLOCK:]
    return ops.pad(first, (none, none, none, none, (0, 1), none)) + ops.pad(
        rest, (none, more, none, none, (1, 0), none)
    )
