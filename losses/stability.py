"""The stability term: noise in a photograph should not change its painting.

After Zheng et al. 2016 ("Improving the Robustness of Deep Neural Networks via Stability Training",
equation 4), who train classifiers so. The regions of a video that are still differ by the noise of
the camera alone. Departure: only a share of the batch is painted twice.
"""

import math
from collections.abc import Callable, Mapping

import keras
from keras import ops

from onestroke.losses.terms import FLAT
from onestroke.models.layers import Tensor

PAIRS = 4  # one picture of this many is painted twice
NOISE = 4.0  # standard deviation in shades
STRIDE = 0.61803398875  # irrational, so its multiples fill the interval from 0 to 1 evenly


def stability_loss(
    paint: Callable[[Mapping[str, Tensor]], Tensor],
    x: Mapping[str, Tensor],
    pictures: Tensor,
    step: Tensor,
) -> Tensor:
    """Paints photographs with noise, and compares them with the paintings.

    The mean square difference divided by the variance of the painting: 0 if noise changes nothing,
    2 if both paintings have nothing in common.

    Args:
        paint: the network.
        x: its input: ``image``, ``(batch, height, width, 3)`` RGB float32 in [0, 255], and
            ``style``, ``(batch, styles)``.
        pictures: the paintings of ``x``.
        step: the number of the step, which determines the noise, so that a resumed training
            repeats it.

    Returns:
        ``(pairs,)`` float32.
    """
    count = (ops.shape(x["image"])[0] + PAIRS - 1) // PAIRS
    first = ops.cast(pictures[:count], "float32")
    noisy = x["image"][:count] + _noise(ops.shape(first), step)
    second = ops.cast(paint({"image": noisy, "style": x["style"][:count]}), "float32")
    difference = ops.mean(ops.square(second - first), axis=(1, 2, 3))
    spread = ops.mean(ops.var(first, axis=(1, 2)), axis=-1)
    return difference / (ops.stop_gradient(spread) + FLAT)


def _noise(shape: tuple, step: Tensor) -> Tensor:
    """Mixes two fixed fields of noise by an angle, so that every step has another one."""
    one, other = (keras.random.normal(shape, stddev=NOISE, seed=seed) for seed in (1, 2))
    angle = 2 * math.pi * ops.mod(ops.cast(step, "float32") * STRIDE, 1.0)
    return ops.cos(angle) * one + ops.sin(angle) * other
