"""What can be wrong with a painted picture, in numbers: grids, clipping, frames, colours.

Pictures are ``(height, width, 3)`` uint8 RGB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onestroke.pictures import BT601_LUMA

GRID_PERIODS = 4  # pixels: what is upsampled twice by two repeats itself every 4 and every 2
BORDER = 8  # pixels; a network pads by up to 4 of them, and quarter-size features by 1 each


def grid_energy(picture: np.ndarray) -> float:
    """Share of a picture's variance that stands out at the upsampling frequencies.

    A checkerboard repeats every 2 or 4 pixels, so it adds energy at the multiples of 1/4 cycle a
    pixel, across and down, and nowhere near them. What strokes have there, they have nearby too,
    so the median of the neighbouring frequencies is taken off: of those around, or in the same
    rows or columns, where upright and level edges have theirs, whichever is most.

    Returns:
        0 or more; of photographs and paintings some 0.0001.
    """
    luma = picture.astype(np.float64) @ BT601_LUMA
    height, width = (side - side % GRID_PERIODS for side in luma.shape)
    luma = luma[:height, :width] - luma[:height, :width].mean()
    # The picture's edges do not meet; a window keeps that from looking like high frequencies.
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2(luma * window)) ** 2
    excess = 0.0
    for i in range(GRID_PERIODS):
        for j in range(GRID_PERIODS):
            if i or j:
                excess += _excess(power, i * height // GRID_PERIODS, j * width // GRID_PERIODS)
    return float(excess / max(power.sum(), 1e-12))


def _excess(power: np.ndarray, row: int, column: int) -> float:
    """Energy of a frequency, as wide as the window spreads it, above what is usual nearby."""
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


def clipped_share(picture: np.ndarray) -> float:
    """Share of the values that are 0 or 255, where shades end."""
    return float(np.mean((picture == 0) | (picture == 255)))


def border_difference(picture: np.ndarray) -> float:
    """How far the outermost pixels' mean colour is from that of the pixels just inside.

    Returns:
        Mean over the four sides and three channels, in pixel values of 255. A frame adds to what
        the scene itself has; compare with the photograph's.
    """
    turned = [np.rot90(picture, turns).astype(np.float64) for turns in range(4)]
    steps = [
        np.abs(side[:BORDER].mean(axis=(0, 1)) - side[BORDER : 2 * BORDER].mean(axis=(0, 1)))
        for side in turned
    ]
    return float(np.mean(steps))


@dataclass(frozen=True)
class Colours:
    """The colours of pictures, taken as a normal distribution of RGB in [0, 255].

    Attributes:
        mean: ``(3,)``.
        covariance: ``(3, 3)``.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, pictures: Sequence[np.ndarray], shares: Sequence[float] = (1.0,)) -> "Colours":
        """Returns those of one picture, or of several by their shares in a blend."""
        pixels = [picture.reshape(-1, 3).astype(np.float64) for picture in pictures]
        mean = np.average([p.mean(0) for p in pixels], axis=0, weights=shares)
        spreads = [(p - mean).T @ (p - mean) / len(p) for p in pixels]
        return cls(mean, np.average(spreads, axis=0, weights=shares))


def colour_distance(one: Colours, other: Colours) -> float:
    """Fréchet distance between the colours of pictures (Dowson and Landau 1982, eq. 4).

    Returns:
        In pixel values of 255; 0 for the same mean and covariance of RGB.
    """
    # The trace of a product's root is the sum of its eigenvalues' roots; none is below 0.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one.covariance @ other.covariance).real, 0))
    squared = np.sum((one.mean - other.mean) ** 2)
    squared += np.trace(one.covariance + other.covariance) - 2 * roots.sum()
    return float(np.sqrt(max(squared, 0.0)))
