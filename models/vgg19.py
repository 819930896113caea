"""The loss network: VGG19 of Simonyan and Zisserman 2014, frozen, with named features.

Layers have the names of the papers: ``relu4_2`` is the second convolution of the fourth block,
after its ReLU.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from onestroke.errors import SettingsError
from onestroke.models.keras_defaults import computes_on_processor
from onestroke.models.layers import CHANNELS, Tensor
from onestroke.models.vgg19_weights import EXPECTED_LAYERS, LAYERS, WIDTHS, Vgg19Weights
from onestroke.models.winograd import WinogradConvolution, transform_kernel

WINOGRAD_BLOCK = 3
"""The first block with 256 channels, from which on Winograd's algorithm is faster."""

POOLINGS = {"max": keras.layers.MaxPooling2D, "avg": keras.layers.AveragePooling2D}
PADDINGS = ("edge", "zeros")


class EdgePadding(keras.layers.Layer):
    """Repeats the outermost rows and columns of ``(batch, height, width, channels)`` once."""

    def call(self, x: Tensor) -> Tensor:
        """Returns two rows and two columns more."""
        return ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Adds two to height and width where they are known."""
        return (shape[0], *(side and side + 2 for side in shape[1:3]), shape[3])


def loss_network(
    layers: Sequence[str],
    weights: Vgg19Weights,
    *,
    pooling: str = "max",
    padding: str = "edge",
    dtype: Any = "float32",
    winograd: bool = False,
) -> keras.Model:
    """Builds VGG19 up to the deepest of the layers.

    Departure: by default, convolutions are padded with the outermost pixels, not with zeros. Zeros
    look like a frame, which no painting has, and trained networks reproduce the frame.

    Args:
        layers: names of features, for example ``["relu1_1", "relu4_2"]``.
        weights: the kernels and biases.
        pooling: ``"max"`` as trained, or ``"avg"`` as Gatys et al. 2016 (section 2) prefer for
            pictures made by optimisation.
        padding: ``"edge"``, or ``"zeros"`` as trained, for figures that others have published.
        dtype: a Keras dtype policy for the convolutions, for example ``"mixed_bfloat16"``.
        winograd: whether wide convolutions in 32 bits on a processor use Winograd's algorithm. It
            is faster, and takes a third more memory.

    Returns:
        A frozen model from ``(batch, height, width, 3)`` RGB floats in [0, 255] to a dictionary
        of features, ``(batch, height / 2^(block - 1), width / 2^(block - 1), channels)``.

    Raises:
        SettingsError: a layer, a pooling or a padding is unknown.
    """
    for name in layers:
        if name not in LAYERS:
            raise SettingsError(f"unknown layer {name!r}; {EXPECTED_LAYERS}")
    if pooling not in POOLINGS:
        raise SettingsError(f"unknown pooling {pooling!r}; choose max or avg")
    if padding not in PADDINGS:
        raise SettingsError(f"unknown padding {padding!r}; choose edge or zeros")
    image = keras.Input((None, None, 3), name="image")
    # In 32 bits: the 8 significant bits of bfloat16 are too few for pixels minus their mean.
    minus_mean = [-float(mean) for mean in weights.mean]
    x = keras.layers.Rescaling(1.0, offset=minus_mean, dtype="float32", name="minus_mean")(image)
    features = {}
    options: dict[str, Any] = {"data_format": CHANNELS, "dtype": dtype}
    winograd = winograd and padding == "edge" and dtype == "float32" and computes_on_processor()
    for name in LAYERS[: 1 + max(LAYERS.index(name) for name in layers)]:
        block, layer = block_and_layer(name)
        if block > 1 and layer == 1:
            x = POOLINGS[pooling](2, name=f"pool{block - 1}", **options)(x)
        if padding == "edge":
            x = EdgePadding(name=f"padding{block}_{layer}", dtype=dtype)(x)
        if winograd and block >= WINOGRAD_BLOCK:
            x = WinogradConvolution(WIDTHS[block - 1], name=name, dtype=dtype)(x)
        else:
            x = keras.layers.Conv2D(
                WIDTHS[block - 1],
                3,
                padding="valid" if padding == "edge" else "same",
                activation="relu",
                name=name,
                **options,
            )(x)
        if name in layers:
            features[name] = x
    network = keras.Model(image, {name: features[name] for name in layers}, name="vgg19")
    for layer in network.layers:
        if layer.name in LAYERS:
            kernel, bias = weights.layer(*block_and_layer(layer.name))
            if isinstance(layer, WinogradConvolution):
                kernel = transform_kernel(kernel)
            layer.set_weights([kernel, bias])
    network.trainable = False
    return network


def block_and_layer(name: str) -> tuple[int, int]:
    """Splits the name of a layer: ``"relu4_2"`` is block 4, layer 2."""
    block, layer = re.findall(r"\d", name)
    return int(block), int(layer)
