"""Measures of picture quality: grid artefacts, clipping, borders and colours.

Pictures are ``(height, width, 3)`` uint8 RGB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onestroke.pictures import BT601_LUMA

GRID_PERIODS = 4  # pixels; two upsamplings by 2 repeat patterns every 4 and every 2 pixels
MESH_TILE, MESH_STEP = 32, 16  # pixels: side of the squares that are searched, and their distance
FLAT_SHARE = 0.25  # of the squares, the flattest ones
ROUNDING = 1 / 12  # variance of rounding to whole pixel values
BORDER = 8  # pixels; networks pad by up to 4, and by 1 at a quarter of the size


def grid_energy(picture: np.ndarray) -> float:
    """Returns the share of a picture's variance in peaks at the upsampling frequencies.

    A checkerboard repeats every 2 or 4 pixels. It adds energy at the multiples of 1/4 cycle per
    pixel in both directions, but not at the frequencies next to them. Strokes have energy at both.
    The usual energy is therefore subtracted: the median of the surrounding frequencies, of the same
    rows or of the same columns (which contain vertical and horizontal edges), whichever is largest.

    Returns:
        0 or more; about 0.0001 for photographs and paintings.
    """
    luma = picture.astype(np.float64) @ BT601_LUMA
    height, width = (side - side % GRID_PERIODS for side in luma.shape)
    luma = luma[:height, :width] - luma[:height, :width].mean()
    # Opposite edges differ. A window prevents that this appears as high frequencies.
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2(luma * window)) ** 2
    excess = 0.0
    for i in range(GRID_PERIODS):
        for j in range(GRID_PERIODS):
            if i or j:
                excess += _excess(power, i * height // GRID_PERIODS, j * width // GRID_PERIODS)
    return float(excess / max(power.sum(), 1e-12))


def _excess(power: np.ndarray, row: int, column: int) -> float:
    """Returns the energy of a peak, as wide as the window makes it, above the usual energy."""
    near = np.arange(-8, 9)
    patch = power[np.ix_((row + near) % power.shape[0], (column + near) % power.shape[1])]
    middle = slice(7, 10)
    peak = np.zeros(patch.shape, bool)
    peak[middle, middle] = True
    beside = np.delete(patch[middle], middle, axis=1), np.delete(patch[:, middle], middle, axis=0)
    usual = max(
        9 * np.median(patch[~peak]),
        3 * np.median(beside[0], axis=1).sum(),
        3 * np.median(beside[1], axis=0).sum(),
    )
    return max(0.0, float(patch[peak].sum() - usual))


def mesh_ratio(picture: np.ndarray) -> float:
    """Returns how strong a mesh of 2 or 4 pixels is in the flat areas of a picture.

    A mesh in a sky is too weak for ``grid_energy``, which relates it to the variance of the whole
    picture. Here the picture is divided into squares of 32 pixels, and the power spectra of the
    flattest quarter are added up. Squares are flat if their means over 4 x 4 pixels, which no mesh
    changes, are similar. The result is the power at a multiple of 1/4 cycle per pixel divided by
    that of the frequencies around it, the largest such ratio.

    Returns:
        About 1 without a mesh. 1 for pictures smaller than a square.
    """
    luma = picture.astype(np.float64) @ BT601_LUMA
    if min(luma.shape) < MESH_TILE:
        return 1.0
    tiles = np.lib.stride_tricks.sliding_window_view(luma, (MESH_TILE, MESH_TILE))
    tiles = tiles[::MESH_STEP, ::MESH_STEP].reshape(-1, MESH_TILE, MESH_TILE)
    blocks = MESH_TILE // GRID_PERIODS
    coarse = tiles.reshape(-1, blocks, GRID_PERIODS, blocks, GRID_PERIODS).mean((2, 4))
    deviations = coarse.std((1, 2))
    flattest = np.argsort(deviations, kind="stable")[: max(1, int(FLAT_SHARE * len(tiles)))]
    window = np.outer(np.hanning(MESH_TILE), np.hanning(MESH_TILE))
    flat = tiles[flattest] - tiles[flattest].mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(flat * window)) ** 2).mean(0) + ROUNDING * (window**2).sum()
    places = range(0, MESH_TILE, MESH_TILE // GRID_PERIODS)
    return max(_relative_power(power, i, j) for i in places for j in places if i or j)


def _relative_power(power: np.ndarray, row: int, column: int) -> float:
    """Returns the power at a frequency divided by the usual power around it.

    The usual power is the largest of three means, as in ``_excess``: of all frequencies 2 or 3
    steps away, of those in the same row and of those in the same column, where edges have theirs.
    """
    near = np.arange(-3, 4)
    patch = power[np.ix_((row + near) % MESH_TILE, (column + near) % MESH_TILE)]
    beside = np.abs(near) > 1
    ring = beside[:, None] | beside[None]
    usual = max(patch[ring].mean(), patch[3, beside].mean(), patch[beside, 3].mean())
    return float(patch[3, 3] / usual)


def clipped_share(picture: np.ndarray) -> float:
    """Returns the share of the values that are 0 or 255."""
    return float(np.mean((picture == 0) | (picture == 255)))


def border_difference(picture: np.ndarray) -> float:
    """Returns the difference of the mean colours of the border and of the pixels next to it.

    Returns:
        Mean over the four sides and three channels, in pixel values of 255. The scene itself has a
        difference; compare with that of the photograph.
    """
    turned = [np.rot90(picture, turns).astype(np.float64) for turns in range(4)]
    steps = [
        np.abs(side[:BORDER].mean(axis=(0, 1)) - side[BORDER : 2 * BORDER].mean(axis=(0, 1)))
        for side in turned
    ]
    return float(np.mean(steps))


@dataclass(frozen=True)
class Colours:
    """The colours of pictures as a normal distribution of RGB in [0, 255].

    Attributes:
        mean: ``(3,)``.
        covariance: ``(3, 3)``.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, pictures: Sequence[np.ndarray], shares: Sequence[float] = (1.0,)) -> "Colours":
        """Returns the colours of one picture, or of several weighted by their shares in a blend."""
        pixels = [picture.reshape(-1, 3).astype(np.float64) for picture in pictures]
        mean = np.average([p.mean(0) for p in pixels], axis=0, weights=shares)
        spreads = [(p - mean).T @ (p - mean) / len(p) for p in pixels]
        return cls(mean, np.average(spreads, axis=0, weights=shares))


def colour_distance(one: Colours, other: Colours) -> float:
    """Returns the Fréchet distance of two colour distributions (Dowson and Landau 1982, eq. 4).

    Returns:
        In pixel values of 255; 0 for equal means and covariances.
    """
    # The trace of a matrix root is the sum of the roots of the eigenvalues, all 0 or more.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one.covariance @ other.covariance).real, 0))
    squared = np.sum((one.mean - other.mean) ** 2)
    squared += np.trace(one.covariance + other.covariance) - 2 * roots.sum()
    return float(np.sqrt(max(squared, 0.0)))
