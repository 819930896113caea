"""What can be wrong with a painted picture, in numbers: grids, clipping, frames, colours.

Pictures are ``(height, width, 3)`` uint8 RGB.
"""

import numpy as np
from scipy.linalg import sqrtm

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
GRID_PERIODS = 4  # pixels: what is upsampled twice by two repeats itself every 4 and every 2
BORDER = 8  # pixels; a network pads by up to 4 of them, and quarter-size features by 1 each


def grid_energy(picture: np.ndarray) -> float:
    """Share of a picture's variance that stands out at the upsampling frequencies.

    A checkerboard repeats every 2 or 4 pixels, so it adds energy at the multiples of 1/4 cycle a
    pixel, across and down, and nowhere near them. What strokes have there, they have nearby too,
    so the median of the neighbouring frequencies is taken off.

    Returns:
        0 or more; of photographs and paintings some 0.0001.
    """
    luma = picture.astype(np.float64) @ LUMA
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
    """Energy of a frequency, as wide as the window spreads it, above its surroundings' median."""
    near = np.arange(-4, 5)
    patch = power[np.ix_((row + near) % power.shape[0], (column + near) % power.shape[1])]
    peak = patch[3:6, 3:6]
    ring = np.delete(patch.ravel(), [9 * r + c for r in (3, 4, 5) for c in (3, 4, 5)])
    return max(0.0, peak.sum() - peak.size * float(np.median(ring)))


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


def colour_distance(picture: np.ndarray, painting: np.ndarray) -> float:
    """Fréchet distance between the colours of two pictures, taken as normal distributions.

    Dowson and Landau 1982, eq. 4.

    Returns:
        In pixel values of 255; 0 for the same mean and covariance of RGB.
    """
    one, other = (p.reshape(-1, 3).astype(np.float64) for p in (picture, painting))
    covariances = np.cov(one.T), np.cov(other.T)
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    squared = np.sum((one.mean(0) - other.mean(0)) ** 2)
    squared += np.trace(covariances[0] + covariances[1] - 2 * root)
    return float(np.sqrt(max(squared, 0.0)))
