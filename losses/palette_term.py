"""The palette term: how far the colours of a picture are from those of its painting.

It is the sliced Wasserstein distance (Bonneel et al. 2015), which Heitz et al. 2021 compute of
features as a style loss; departure: here of the pixels alone. Gram matrices leave the palette open,
because many distributions of colours have the same correlations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from onestroke.data.paintings import Style
from onestroke.losses.style_targets import typical_photographs
from onestroke.models.layers import Tensor

# The slopes of CIELAB's L*, a* and b* for sRGB values in [0, 255], at a middle grey.
RGB_TO_LAB = np.array(
    [[0.083, 0.280, 0.028], [0.374, -0.573, 0.199], [0.132, 0.409, -0.541]], np.float32
)
LINES = 12  # through the colour space
QUANTILES = 256


@dataclass(frozen=True)
class PaletteTargets:
    """Colours of the paintings.

    Attributes:
        quantiles: of the colours' projections onto each line, ``(styles, lines, quantiles)``.
        distance: of a typical photograph, before it is divided by this, ``(styles,)``.
    """

    quantiles: Tensor
    distance: Tensor

    def of(self, style: Tensor) -> "PaletteTargets":
        """Returns the targets of each picture; ``style`` is ``(batch, styles)``, one-hot."""
        index = ops.argmax(style, axis=-1)
        return PaletteTargets(
            ops.take(self.quantiles, index, axis=0), ops.take(self.distance, index)
        )


def palette_lines() -> np.ndarray:
    """Returns the projections of RGB onto lines that are spread evenly, ``(3, lines)``.

    The lines are a Fibonacci lattice on half of a sphere (Swinbank and Purser 2006).
    """
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(LINES)
    height = (np.arange(LINES) + 0.5) / LINES
    radius = np.sqrt(1 - height**2)
    directions = np.stack([height, radius * np.cos(turn), radius * np.sin(turn)])
    return RGB_TO_LAB.T @ directions.astype(np.float32)


def measure_palettes(styles: Sequence[Style], *, identity: bool = False) -> PaletteTargets:
    """Measures the colours of paintings; the identity, whose row is not used, comes last.

    Args:
        styles: the paintings. A blend has the mean of their quantiles.
        identity: whether there is one more style, which returns photographs unchanged.
    """
    rows = []
    for style in styles:
        shares = np.divide(style.shares, np.sum(style.shares))
        rows.append(np.tensordot(shares, [_quantiles(p) for p in style.pictures], axes=1))
    if identity:
        rows.append(rows[0])
    quantiles = np.stack(rows).astype(np.float32)
    photographs = np.stack([_quantiles(photograph) for photograph in typical_photographs()])
    gaps = np.square(photographs[:, None] - quantiles).mean(axis=(2, 3))
    return PaletteTargets(
        ops.convert_to_tensor(quantiles),
        ops.convert_to_tensor(np.median(gaps, axis=0), "float32"),
    )


def palette_loss(pictures: Tensor, targets: PaletteTargets) -> Tensor:
    """Returns the squared distance of the palettes: 0 of the painting, 1 of a typical photograph.

    Args:
        pictures: ``(batch, height, width, 3)`` RGB float32 in [0, 255].
        targets: of one painting, or of the painting of each picture.

    Returns:
        ``(batch,)`` float32.
    """
    batch, height, width, _ = ops.shape(pictures)
    colours = ops.reshape(ops.cast(pictures, "float32"), (batch, height * width, 3))
    projected = ops.transpose(ops.matmul(colours, palette_lines()), (0, 2, 1))
    # The sorted pixel i of n is compared with the quantile (i + 0.5) / n of the painting.
    count = height * width
    place = np.clip((np.arange(count) + 0.5) / count * QUANTILES - 0.5, 0, QUANTILES - 1)
    low = np.minimum(place.astype(np.int32), QUANTILES - 2)
    share = (place - low).astype(np.float32)
    one, next_one = (ops.take(targets.quantiles, i, axis=2) for i in (low, low + 1))
    wanted = one * (1 - share) + next_one * share
    gaps = ops.mean(ops.square(ops.sort(projected, axis=-1) - wanted), axis=(1, 2))
    return gaps / targets.distance


def _quantiles(picture: np.ndarray) -> np.ndarray:
    """Returns the quantiles of a picture's projections, ``(lines, quantiles)``."""
    projected = picture.reshape(-1, 3).astype(np.float32) @ palette_lines()
    places = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.quantile(projected, places, axis=0, method="hazen").T
