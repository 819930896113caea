"""Layers of the transformation network, built from operators that phones and browsers support.

Each layer computes the same numbers as the textbook layer. The usual forms have three problems:
reflection padding as one operator doubles the latency of a TFLite file, bilinear upsampling as one
operator cannot be converted for every size, and a naive variance overflows 16-bit floats.
Inputs and outputs of all layers are ``(batch, height, width, channels)`` floats.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from onestroke.models.keras_defaults import computes_on_processor
from onestroke.models.replicas import count_replicas, sum_over_replicas

Tensor = Any  # a symbolic or a concrete tensor of the Keras backend
Moments = tuple[Tensor, Tensor]

# Given explicitly, because the default is in the user's keras.json.
CHANNELS = "channels_last"

register = keras.saving.register_keras_serializable(package="onestroke")

# Deviations before normalisation reach 4,337 on real photographs; squared, that is beyond the
# 65,504 of a 16-bit float. Divided by 64 first, the square stays below 4,600.
DEVIATION_SCALE = 1 / 64

MOMENTUM = 0.98  # share of the moving moments that is kept at each batch


@register
class ReflectPadding(keras.layers.Layer):
    """Reflection padding of ``size`` rows and columns; the outermost row is not repeated.

    Args:
        size: rows and columns to add on every side; must be smaller than the picture.

    Output shape: ``(batch, height + 2 * size, width + 2 * size, channels)``.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Pads the height, then the width."""
        if training:  # the same numbers, and a faster gradient
            sides = (self.size, self.size)
            return ops.pad(x, ((0, 0), sides, sides, (0, 0)), mode="reflect")
        for axis, cut in CUTS.items():
            before = [cut(x, k, k + 1) for k in range(self.size, 0, -1)]
            after = [cut(x, -k - 1, -k) for k in range(1, self.size + 1)]
            # Concatenated in two steps, because XNNPACK accepts five tensors at most.
            mirrored = [ops.concatenate(side, axis=axis) for side in (before, after)]
            x = ops.concatenate([mirrored[0], x, mirrored[1]], axis=axis)
        return x

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Adds twice the size to height and width where they are known."""
        height, width = (side and side + 2 * self.size for side in shape[1:3])
        return (shape[0], height, width, shape[3])

    def get_config(self) -> dict:
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "size": self.size}


def _rows(x: Tensor, start: int, stop: int | None) -> Tensor:
    return x[:, start:stop]


def _columns(x: Tensor, start: int, stop: int | None) -> Tensor:
    return x[:, :, start:stop]


CUTS = {1: _rows, 2: _columns}  # by axis


@register
class Conv2D(keras.layers.Conv2D):
    """A convolution without padding or bias, with a faster gradient on processors.

    In a training in 32 bits with TensorFlow on a processor, the gradient for each tap of a kernel
    of stride 1 is one matrix product. With 3 x 3 taps this takes a third to four fifths of the time
    of oneDNN's operator (docs/choices.md).

    The class has the name of Keras' layer, because Keras stores weights by the names of classes.
    """

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Returns the plain convolution."""
        learns = training and self.trainable and self.compute_dtype == "float32"
        if not (learns and self.strides == (1, 1) and computes_on_processor()):
            return super().call(x)
        # A copy is a tensor: a function with gradients of its own may not read a variable.
        return ops.custom_gradient(_convolve)(x, ops.copy(self.kernel))


def _convolve(
    x: Tensor, kernel: Tensor
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Returns the convolution of ``x``, and the function of its gradients for both arguments."""

    def differentiate(change: Tensor) -> tuple[Tensor, Tensor]:
        to_x = ops.conv_transpose(change, kernel, padding="valid", data_format=CHANNELS)
        return to_x, _kernel_gradient(x, change, kernel.shape)

    return ops.conv(x, kernel, padding="valid", data_format=CHANNELS), differentiate


def _kernel_gradient(x: Tensor, change: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Returns the gradient for a kernel of ``shape`` from the gradient for the output.

    With as many columns in ``change`` as in ``x``, the last ones zero, all pixels of the batch form
    one row in both, and a tap is a distance between them. So nothing has to be copied for a tap.
    """
    height, width, channels, filters = shape
    columns = ops.shape(x)[2]
    rows = ops.reshape(x, (-1, channels))
    change = ops.pad(change, ((0, 0), (0, height - 1), (0, width - 1), (0, 0)))
    change = ops.reshape(change, (-1, filters))
    count = ops.shape(rows)[0]
    distances = [row * columns + column for row in range(height) for column in range(width)]
    taps = [ops.matmul(ops.transpose(rows[d:]), change[: count - d]) for d in distances]
    return ops.reshape(ops.stack(taps), shape)


@register
class ConvolutionByColumns(keras.layers.Conv2D):
    """A wide convolution of few channels, stride 1, without padding or bias.

    The picture and its copies shifted by three and six columns become channels, so that the kernel
    has a third of the taps. XNNPACK stores an address for every tap of every pixel, and vectorises
    over the channels of a tap. The kernel must be nine columns wide.
    """

    def call(self, x: Tensor) -> Tensor:
        """Returns the plain convolution, with another order of summation."""
        height, _, channels, filters = self.kernel.shape
        kernel = ops.reshape(self.kernel, (height, 3, 3, channels, filters))
        kernel = ops.transpose(kernel, (0, 2, 1, 3, 4))  # the column within a copy comes first
        kernel = ops.reshape(kernel, (height, 3, 3 * channels, filters))
        copies = ops.concatenate([x[:, :, :-6], x[:, :, 3:-3], x[:, :, 6:]], axis=-1)
        return ops.conv(copies, kernel, padding="valid", data_format=CHANNELS)


@register
class ConvolutionByBlocks(keras.layers.Conv2D):
    """A convolution to few channels, stride 1, without padding or bias.

    Computes blocks of 2 x 2 pixels as channels: processors compute 16 channels at a time, so that
    12 channels cost little more than 3. Height and width of the output are even.
    """

    def call(self, x: Tensor) -> Tensor:
        """Returns the plain convolution, with another order of summation."""
        # The kernel shifted by one row, one column or both, for the four pixels of each block.
        moved = [
            ops.pad(self.kernel, [[row, 1 - row], [column, 1 - column], [0, 0], [0, 0]])
            for row in (0, 1)
            for column in (0, 1)
        ]
        kernel = ops.concatenate(moved, axis=-1)
        blocks = ops.conv(x, kernel, strides=2, padding="valid", data_format=CHANNELS)
        return ops.depth_to_space(blocks, 2)


@register
class SubpixelConvolution(keras.layers.Conv2D):
    """A convolution that doubles height and width, without padding or bias.

    The four pixels of each 2 x 2 block are computed as channels (Shi et al. 2016, "Real-Time Single
    Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network").
    Then each pixel is averaged with the next one to the right and below. This removes patterns that
    alternate from pixel to pixel: the checkerboard artifacts of such layers.

    Args:
        filters: four for each output channel.
    """

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Returns twice the height and width and a quarter of the channels of the convolution."""
        x = ops.conv(x, self.kernel, padding="valid", data_format=CHANNELS)
        x = ops.depth_to_space(x, 2)
        for axis, cut in CUTS.items():
            repeated = ops.concatenate([x, cut(x, -1, None)], axis=axis)
            x = _filter(repeated, (0.5, 0.5), axis, training)
        return x

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Doubles height and width where they are known."""
        batch, height, width, filters = super().compute_output_shape(shape)
        return (batch, height and 2 * height, width and 2 * width, filters // 4)


@register
def equal_pixels(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    """Draws a kernel for ``SubpixelConvolution`` that computes equal pixels within a block.

    Training then starts from nearest-neighbour upsampling (Aitken et al. 2017, "Checkerboard
    artifact free sub-pixel convolution").
    """
    height, width, channels, filters = shape
    one = keras.initializers.GlorotUniform()((height, width, channels, filters // 4), dtype)
    return ops.tile(one, (1, 1, 1, 4))


@register
class SmoothUpsampling(keras.layers.Layer):
    """Doubles height and width, and reflects one row and column at each border.

    A [1 2 1] blur is followed by bilinear interpolation; border pixels are repeated. Upsampling
    before a convolution avoids the checkerboard artifacts of a transposed convolution (Odena et al.
    2016, "Deconvolution and Checkerboard Artifacts"). Nearest or bilinear upsampling alone is not
    enough: in flat areas the residual blocks amplify noise of the photograph, most where the noise
    changes sign between neighbouring coarse pixels. The following convolution and ReLU turn this
    into a grid of half the period. The blur removes alternating signs.

    Output shape: ``(batch, 2 * height + 2, 2 * width + 2, channels)``, for a 3 x 3 convolution.
    """

    # Blur and interpolation combined. An output pixel a quarter of a step before an input pixel is
    # a sum of the two pixels before it, itself and the next one. Reversed, a quarter after it.
    TAPS = (1 / 16, 5 / 16, 7 / 16, 3 / 16, 0.0)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Computes the four pixels of each 2 x 2 block as channels, then rearranges them."""
        halves = self._halves(x, 1, training)
        blocks = [quarter for half in halves for quarter in self._halves(half, 2, training)]
        return ops.depth_to_space(ops.concatenate(blocks, axis=-1), 2)

    def _halves(self, x: Tensor, axis: int, training: bool) -> tuple[Tensor, Tensor]:
        """Returns every second output row or column: the odd ones, then the even ones.

        Reflection at half the size takes half the memory of ``ReflectPadding`` afterwards.
        """
        cut = CUTS[axis]
        first, last = cut(x, 0, 1), cut(x, -1, None)
        repeated = ops.concatenate([first, first, x, last, last], axis=axis)
        before = _filter(repeated, self.TAPS, axis, training)
        after = _filter(repeated, self.TAPS[::-1], axis, training)
        odd = ops.concatenate([cut(after, 0, 1), after], axis=axis)
        even = ops.concatenate([before, cut(before, -1, None)], axis=axis)
        return odd, even

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Doubles height and width where they are known, and adds the border."""
        height, width = (side and 2 * side + 2 for side in shape[1:3])
        return (shape[0], height, width, shape[3])


def _filter(x: Tensor, taps: tuple[float, ...], axis: int, training: bool) -> Tensor:
    """Filters every channel along one axis, without padding.

    JAX fuses a sum of shifted copies. As depthwise convolutions, the filters took 12 of the 33 ms
    of a training step on an NVIDIA H200.
    """
    if training and keras.backend.backend() == "jax":
        count = x.shape[axis] - len(taps) + 1
        cut = CUTS[axis]
        return sum(tap * cut(x, k, k + count) for k, tap in enumerate(taps) if tap)
    shape = (len(taps), 1, 1, 1) if axis == 1 else (1, len(taps), 1, 1)
    kernel = ops.tile(
        ops.reshape(ops.convert_to_tensor(taps, x.dtype), shape), (1, 1, x.shape[-1], 1)
    )
    return ops.depthwise_conv(x, kernel, padding="valid", data_format=CHANNELS)


@register
class ConditionalAffine(keras.layers.Layer):
    """Scales and shifts every channel with the numbers of a style.

    Each style has one row of ``scale`` and one of ``shift``; several styles are blended by
    weighting their rows (Dumoulin et al. 2017, "A Learned Representation For Artistic Style",
    section 2.2).

    Args:
        styles: the number of rows. With one row there is no style input.
    """

    def __init__(self, styles: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.styles = styles

    def build(self, x_shape: tuple, **others: Any) -> None:
        """Creates the rows: scale 1 and shift 0."""
        rows = (self.styles, x_shape[-1])
        self.scale = self.add_weight(shape=rows, initializer="ones", name="scale")
        self.shift = self.add_weight(shape=rows, initializer="zeros", name="shift")

    def rows(self, style: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns scale and shift, ``(batch or 1, 1, 1, channels)``, for the style weights."""
        scale, shift = self.scale, self.shift
        if style is not None:
            scale, shift = ops.matmul(style, scale), ops.matmul(style, shift)
        return _as_picture(scale), _as_picture(shift)

    def call(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """Applies the rows weighted by ``style``, ``(batch, styles)``."""
        scale, shift = self.rows(style)
        return x * scale + shift

    def compute_output_spec(self, x: Tensor, **others: Any) -> keras.KerasTensor:
        """Returns the shape of the input."""
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict:
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "styles": self.styles}


def _as_picture(rows: Tensor) -> Tensor:
    return ops.expand_dims(ops.expand_dims(rows, 1), 1)


@register
class ConditionalInstanceNorm(ConditionalAffine):
    """Instance normalisation (Ulyanov et al. 2016), then the style's scale and shift.

    One style may be the identity. For the identity, the moving mean and deviation of the paintings
    in training replace the picture's own moments. Normalised by its own moments, a photograph could
    not be reproduced, because brightness and contrast are removed. Training would then encode them
    in white spots that appear in every style (Karras et al. 2020, "Analyzing and Improving the
    Image Quality of StyleGAN", section 2).

    Args:
        styles: the number of rows of scale and shift.
        epsilon: added to the variance; larger than the usual 1e-5, because after scaling it must
            not be zero in the 16-bit floats of a phone's GPU.
        identity: the row of the identity, if there is one.
    """

    def __init__(
        self,
        styles: int = 1,
        epsilon: float = 1e-3,
        identity: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(styles, **kwargs)
        self.epsilon = epsilon
        self.identity = identity

    def build(self, x_shape: tuple, **others: Any) -> None:
        """Creates the rows and, for an identity, the moving moments."""
        super().build(x_shape, **others)
        if self.identity is not None:
            options = {"shape": x_shape[-1:], "dtype": "float32", "trainable": False}
            self.moving_mean = self.add_weight(**options, initializer="zeros", name="moving_mean")
            self.moving_deviation = self.add_weight(
                **options, initializer="ones", name="moving_deviation"
            )

    def moments(self, x: Tensor) -> Moments:
        """Returns mean and variance of each channel, ``(batch, 1, 1, channels)``.

        Computed in 32 bits at any precision: the gradient of a square root contains the cube of its
        output, which exceeds a 16-bit float. Deviations are multiplied by ``DEVIATION_SCALE``.
        """
        x = ops.cast(x, "float32")
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        deviation = (x - mean) * DEVIATION_SCALE
        return mean, ops.mean(deviation * deviation, axis=(1, 2), keepdims=True)

    def call(
        self,
        x: Tensor,
        style: Tensor | None = None,
        moments: Moments | None = None,
        training: bool = False,
    ) -> Tensor:
        """Normalises by the picture's own moments, or by ``moments`` of a larger picture.

        With ``a`` the identity's share of a blend, the result is ``(scale - a *
        scale_identity) * (x - mean) / deviation + a * scale_identity * (x - moving_mean) /
        moving_deviation + shift``.

        Args:
            x: features, ``(batch, height, width, channels)``.
            style: the weight of each style, ``(batch, styles)``; optional if there is one.
            moments: from ``moments``.
            training: whether the moving moments are updated with the paintings of the batch.
        """
        mean, variance = moments or self.moments(x)
        scale, shift = (ops.cast(row, "float32") for row in self.rows(style))
        deviation = (ops.cast(x, "float32") - mean) * DEVIATION_SCALE
        inverse = ops.rsqrt(variance + self.epsilon * DEVIATION_SCALE**2)
        if self.identity is None:
            factor = inverse * scale
        else:
            # A slice keeps the axis: GPUs of phones and browsers support no operator that drops it.
            share = _as_picture(ops.cast(style, "float32")[:, self.identity : self.identity + 1])
            moving_mean, moving_deviation = self.moving_mean, self.moving_deviation
            if training:
                own = mean, 1 / inverse / DEVIATION_SCALE
                moving_mean, moving_deviation = self._move_moments(own, 1 - share)
            plain = share * ops.cast(self.scale[self.identity], "float32")
            factor = inverse * (scale - plain) + plain / moving_deviation / DEVIATION_SCALE
            shift += (mean - moving_mean) * plain / moving_deviation
        return ops.cast(deviation * factor + shift, self.compute_dtype)

    def _move_moments(self, own: Moments, weight: Tensor) -> Moments:
        """Updates the moving moments with those of a batch, and returns them, ``(channels,)``.

        Args:
            own: mean and deviation of each picture, ``(batch, 1, 1, channels)``.
            weight: of each picture.
        """
        moved = []
        for moving, new in zip((self.moving_mean, self.moving_deviation), own, strict=True):
            change = ops.mean(weight * (new - moving), axis=(0, 1, 2))
            (change,) = sum_over_replicas(ops.stop_gradient(change) / count_replicas())
            moved.append(moving + (1 - MOMENTUM) * change)
            moving.assign(moved[-1])
        return moved[0], moved[1]

    def get_config(self) -> dict:
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "epsilon": self.epsilon, "identity": self.identity}


@register
class CropLike(keras.layers.Layer):
    """Crops a picture to the height and width of a second one, keeping the top left corner."""

    def call(self, x: Tensor, like: Tensor) -> Tensor:
        """Returns ``x`` without the rows and columns beyond those of ``like``."""
        shape = ops.shape(like)
        return x[:, : shape[1], : shape[2]]

    def compute_output_shape(self, x_shape: tuple, like_shape: tuple) -> tuple:
        """Takes height and width from the second picture."""
        return (x_shape[0], *like_shape[1:3], x_shape[3])


@register
class Pixels(keras.layers.Layer):
    """Bounds the output to [0, 255] by a sigmoid; a clip would have gradients of zero."""

    def call(self, x: Tensor) -> Tensor:
        """Returns pixels."""
        return 255.0 * ops.sigmoid(x)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Returns the shape of the input."""
        return shape
