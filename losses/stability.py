"""The stability term: a photograph that moves a little should give a painting that moves with it.

After Ruder et al. 2018 ("Artistic Style Transfer for Videos and Spherical Images"), whose training
also moves single photographs: the true motion is known, and no optical flow is computed.
Departures: the motion is a shift by whole
pixels, which needs no interpolation and reaches every phase of the network's stride; the second
frame also has noise and another brightness, as the frames of a camera have; and only a share of
the batch is painted twice.
"""

from collections.abc import Callable, Mapping

import keras
from keras import ops

from onestroke.losses.terms import FLAT
from onestroke.models.layers import Tensor

PAIRS = 4  # one picture of this many is painted twice
LARGEST_SHIFT = 8  # pixels
NOISE = 4.0  # standard deviation in shades
BRIGHTNESS = 0.04  # largest change, as a share
MARGIN = 8  # pixels at each border, where the padding shows
# Irrational steps, whose multiples fill a cube evenly (Roberts 2018, the R4 sequence). Drawn from
# the number of the step, a resumed training repeats them.
STRIDES = (0.856674883854502869, 0.733891856627126, 0.628706721038, 0.53859725722361)


def stability_loss(
    paint: Callable[[Mapping[str, Tensor]], Tensor],
    x: Mapping[str, Tensor],
    pictures: Tensor,
    step: Tensor,
) -> Tensor:
    """Paints moved photographs, and compares them with the moved paintings.

    The mean square difference divided by the variance of the painting: 0 if the painting moves
    with the photograph, 2 if both paintings have nothing in common.

    Args:
        paint: the network.
        x: its input: ``image``, ``(batch, height, width, 3)`` RGB float32 in [0, 255], and
            ``style``, ``(batch, styles)``.
        pictures: the paintings of ``x``.
        step: the number of the step, from which the motion is drawn.

    Returns:
        ``(pairs,)`` float32.
    """
    batch, height, width, _ = ops.shape(x["image"])
    count = (batch + PAIRS - 1) // PAIRS
    draws = [ops.mod(ops.cast(step, "float32") * stride, 1.0) for stride in STRIDES]
    rows, columns = (ops.cast(draw * (LARGEST_SHIFT + 1), "int32") for draw in draws[:2])
    start = ops.stack([0, rows, columns, 0])
    shape = (count, height - LARGEST_SHIFT, width - LARGEST_SHIFT, 3)
    moved = ops.slice(x["image"], start, shape)
    moved = moved * (1 + BRIGHTNESS * (2 * draws[2] - 1)) + _noise(shape, draws[3])
    second = _inner(paint({"image": moved, "style": x["style"][:count]}))
    first = _inner(ops.slice(ops.cast(pictures, "float32"), start, shape))
    difference = ops.mean(ops.square(second - first), axis=(1, 2, 3))
    spread = ops.mean(ops.var(first, axis=(1, 2)), axis=-1)
    return difference / (ops.stop_gradient(spread) + FLAT)


def _noise(shape: tuple, draw: Tensor) -> Tensor:
    """Mixes two fixed fields of noise by an angle, so that every step has another one."""
    one, other = (keras.random.normal(shape, stddev=NOISE, seed=seed) for seed in (1, 2))
    angle = 2 * 3.141592653589793 * draw
    return ops.cos(angle) * one + ops.sin(angle) * other


def _inner(pictures: Tensor) -> Tensor:
    return ops.cast(pictures, "float32")[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
