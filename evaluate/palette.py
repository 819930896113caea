"""How far the colours of a picture are from those of a painting.

Neither TensorFlow nor Keras is needed.
"""

import numpy as np

LINES = 64  # through the colour space; Bonneel et al. 2015 call them slices
QUANTILES = np.linspace(0, 1, 257)[1:-1]
BLOWN = 92.0  # L*; lighter pixels show no detail
# IEC 61966-2-1: linear sRGB to XYZ, and XYZ of its white, D65.
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
WHITE = np.array([0.9505, 1.0, 1.089])


def to_cielab(picture: np.ndarray) -> np.ndarray:
    """Converts sRGB to CIELAB (CIE 15: L*, a*, b*) with the white point D65.

    Args:
        picture: ``(height, width, 3)`` uint8 RGB.

    Returns:
        ``(pixels, 3)`` float64: L* in [0, 100], a* and b*.
    """
    values = picture.reshape(-1, 3) / 255.0
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    ratio = linear @ RGB_TO_XYZ.T / WHITE
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def palette_of(colours: np.ndarray) -> np.ndarray:
    """Describes colours by their quantiles on fixed lines through the colour space.

    Args:
        colours: ``(pixels, 3)`` CIELAB.

    Returns:
        ``(255, 64)``: quantiles of the projections onto each line.
    """
    lines = np.random.default_rng(0).normal(size=(LINES, 3))  # as directions, spread evenly
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    return np.quantile(colours @ lines.T, QUANTILES, axis=0)


def palette_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the sliced Wasserstein distance of two palettes (Bonneel et al. 2015).

    Args:
        one, other: see ``palette_of``.

    Returns:
        The mean over the lines, in units of CIELAB. Colours that are all moved by d in one
        direction are about d / 2 apart.
    """
    return float(np.mean(np.abs(one - other)))


def blown_share(colours: np.ndarray) -> float:
    """Returns the share of nearly white pixels, L* above 92, of ``(pixels, 3)`` CIELAB."""
    return float(np.mean(colours[:, 0] > BLOWN))
