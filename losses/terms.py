"""Content, style and variation losses, all dimensionless.

Every term is the energy of a difference divided by the energy of its target, so that a weight of 1
means the same for any painting, picture size, batch size and choice of layers.
Features and pictures are ``(batch, height, width, channels)`` floats; every loss is ``(batch,)``,
one number for each picture.
"""

from collections.abc import Mapping

from keras import ops

from onestroke.models.layers import Tensor

FLAT = 1.0  # squared pixel values, added to the variance of a photograph of one colour
TINY = 1e-8  # for features that are all zero; those of a black picture are not, due to biases


def gram_matrix(features: Tensor) -> Tensor:
    """Correlations between channels, averaged over all positions (Gatys et al. 2016, eq. 3).

    Departure: divided by height x width, so that it does not depend on the picture's size.

    Returns:
        ``(batch, channels, channels)`` float32.
    """
    _, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (-1, height * width, channels))
    # In float16, products of features overflow. Processors without bfloat16 instructions add up
    # bfloat16 products in bfloat16, which was 0.65 % off.
    flat = ops.cast(flat, "float32")
    products = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return products / ops.cast(height * width, "float32")


def relative_error(actual: Tensor, target: Tensor) -> Tensor:
    """Energy of the difference divided by the energy of the target, for each picture.

    ``|actual - target|² / |target|²``, summed over all axes but the batch. 0 if both are equal, 1
    if ``actual`` is zero.
    """
    actual, target = ops.cast(actual, "float32"), ops.cast(target, "float32")
    axes = tuple(range(1, len(target.shape)))
    difference = ops.mean(ops.square(ops.subtract(actual, target)), axis=axes)
    return difference / (ops.mean(ops.square(target), axis=axes) + TINY)


def weighted_mean(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Averages the losses of layers by weight, so that more layers do not increase the term."""
    total = sum(weights.values())
    return sum(losses[name] * (weight / total) for name, weight in weights.items())


def content_loss(
    actual: Mapping[str, Tensor], target: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Feature reconstruction loss (Johnson et al. 2016, eq. 2).

    Departure: divided by the energy of the target's features instead of their number.
    """
    losses = {name: relative_error(actual[name], target[name]) for name in weights}
    return weighted_mean(losses, weights)


def style_losses(actual: Mapping[str, Tensor], grams: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Style reconstruction loss of each layer (Johnson et al. 2016, eq. 4).

    Departure: divided by the energy of the painting's Gram matrix instead of its size. The loss of
    typical photographs is divided out in ``losses.style_targets``.

    Args:
        actual: features of the pictures.
        grams: Gram matrices of the painting's features, ``(1, channels, channels)``, or of a
            painting for each picture, by layer.
    """
    return {name: relative_error(gram_matrix(actual[name]), grams[name]) for name in grams}


def variation(picture: Tensor) -> Tensor:
    """Mean square difference of neighbouring pixels, per picture.

    Departure: squares instead of the absolute values of total variation, as most implementations
    of style transfer do. Squares penalise single outliers more.

    Returns:
        ``(batch,)`` float32, in squared pixel values.
    """
    picture = ops.cast(picture, "float32")
    down = ops.mean(ops.square(picture[:, 1:] - picture[:, :-1]), axis=(1, 2, 3))
    across = ops.mean(ops.square(picture[:, :, 1:] - picture[:, :, :-1]), axis=(1, 2, 3))
    return down + across


def variation_loss(picture: Tensor, painting_variation: Tensor) -> Tensor:
    """Variation divided by that of the painting: 1 is as rough as the painting.

    After Johnson et al. 2016, section 3.2 (total variation regularisation).
    """
    return variation(picture) / painting_variation


def reproduction_loss(picture: Tensor, photograph: Tensor) -> Tensor:
    """Mean square error of a reproduced photograph, divided by the photograph's variance.

    1 for a picture of the photograph's mean colour.
    """
    picture, photograph = ops.cast(picture, "float32"), ops.cast(photograph, "float32")
    axes = (1, 2, 3)
    spread = ops.mean(ops.var(photograph, axis=(1, 2)), axis=-1)
    return ops.mean(ops.square(picture - photograph), axis=axes) / (spread + FLAT)
