"""Layers of the transformation network, in the forms that every phone and browser delegate takes.

Each gives the same numbers as the textbook layer. Mirror padding as its own operator doubles the
latency of a TFLite file, bilinear upsampling as its own operator cannot be converted for every
size, and a naive variance overflows 16-bit floats; these forms avoid all three.
All layers take and give ``(batch, height, width, channels)`` floats.
"""

from typing import Any

import keras
from keras import ops

Tensor = Any  # a symbolic or a concrete tensor of whichever Keras backend runs
Moments = tuple[Tensor, Tensor]

# Said wherever Keras would else go by the user's own keras.json.
CHANNELS = "channels_last"

register = keras.saving.register_keras_serializable(package="onestroke")

# Deviations before normalisation reach 4,337 on real photographs; squared, that is beyond the
# 65,504 of a 16-bit float. Divided by 64 first, it stays below 4,600.
DEVIATION_SCALE = 1 / 64

MOMENTUM = 0.98  # of the moving moments, the part that a batch leaves


@register
class ReflectPadding(keras.layers.Layer):
    """Mirrors ``size`` rows and columns at each border, without repeating the border itself.

    Args:
        size: rows and columns to add on every side; the picture must be larger than this.

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
            # Joined among themselves first: XNNPACK takes five tensors at most.
            mirrored = [ops.concatenate(side, axis=axis) for side in (before, after)]
            x = ops.concatenate([mirrored[0], x, mirrored[1]], axis=axis)
        return x

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Adds twice the size to height and width where they are known."""
        height, width = (side and side + 2 * self.size for side in shape[1:3])
        return (shape[0], height, width, shape[3])

    def get_config(self) -> dict:
        """Returns what rebuilds the layer."""
        return {**super().get_config(), "size": self.size}


def _rows(x: Tensor, start: int, stop: int | None) -> Tensor:
    return x[:, start:stop]


def _columns(x: Tensor, start: int, stop: int | None) -> Tensor:
    return x[:, :, start:stop]


CUTS = {1: _rows, 2: _columns}  # by axis


@register
class ConvolutionByColumns(keras.layers.Conv2D):
    """A wide convolution of few channels, stride 1, without padding or bias.

    The picture and its copies moved by three and six columns become channels, so that the kernel
    has a third of the taps: XNNPACK keeps an address for every tap of every pixel, and works
    channel by channel within a tap. The kernel's width is nine.
    """

    def call(self, x: Tensor) -> Tensor:
        """Returns what the plain convolution returns, up to the order of its sums."""
        height, _, channels, filters = self.kernel.shape
        kernel = ops.reshape(self.kernel, (height, 3, 3, channels, filters))
        kernel = ops.transpose(kernel, (0, 2, 1, 3, 4))  # first the column within a copy
        kernel = ops.reshape(kernel, (height, 3, 3 * channels, filters))
        copies = ops.concatenate([x[:, :, :-6], x[:, :, 3:-3], x[:, :, 6:]], axis=-1)
        return ops.conv(copies, kernel, padding="valid", data_format=CHANNELS)


@register
class ConvolutionByBlocks(keras.layers.Conv2D):
    """A convolution to few channels, stride 1, without padding or bias.

    Computes blocks of 2 x 2 pixels at once, as channels: processors compute 16 channels at a time,
    so that 12 cost little more than 3. The height and width that come out are even.
    """

    def call(self, x: Tensor) -> Tensor:
        """Returns what the plain convolution returns, up to the order of its sums."""
        # The kernel moved by one row, one column or both, for the four pixels of each block.
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

    Makes the four pixels of each 2 x 2 block as channels (Shi et al. 2016, "Real-Time Single Image
    and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network"), then
    averages each pixel with the next one to the right and below: zero for what alternates from
    pixel to pixel, the checkerboard that such layers leave otherwise.

    Args:
        filters: four for each channel that comes out.
    """

    def call(self, x: Tensor) -> Tensor:
        """Returns twice the height and width of the plain convolution, a quarter its channels."""
        x = ops.conv(x, self.kernel, padding="valid", data_format=CHANNELS)
        x = ops.depth_to_space(x, 2)
        for axis, cut in CUTS.items():
            x = _filter(ops.concatenate([x, cut(x, -1, None)], axis=axis), (0.5, 0.5), axis)
        return x

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Doubles height and width where they are known."""
        batch, height, width, filters = super().compute_output_shape(shape)
        return (batch, height and 2 * height, width and 2 * width, filters // 4)


@register
def equal_pixels(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    """Draws a kernel for ``SubpixelConvolution`` that makes the pixels of a block alike.

    Training then starts as from nearest upsampling (Aitken et al. 2017, "Checkerboard artifact free
    sub-pixel convolution").
    """
    height, width, channels, filters = shape
    one = keras.initializers.GlorotUniform()((height, width, channels, filters // 4), dtype)
    return ops.tile(one, (1, 1, 1, 4))


@register
class SmoothUpsampling(keras.layers.Layer):
    """Doubles height and width, and mirrors one row and column at each border.

    A [1 2 1] blur, then bilinear interpolation; the border repeats itself.
    Upsampling before a convolution leaves no checkerboard where a transposed convolution does
    (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). Neither nearest nor bilinear
    upsampling is enough, though: in flat areas the residual blocks amplify the noise of the
    photograph, most where it changes sign from one coarse pixel to the next, and the convolution
    and the ReLU that follow turn those alternations into a weave of half their period. The blur
    is zero for them.

    Output shape: ``(batch, 2 * height + 2, 2 * width + 2, channels)``, for a 3 x 3 convolution.
    """

    # Blur and interpolation in one: what stands a quarter of a step before a pixel is made of the
    # two pixels before it, itself and the one after. Backwards, what stands a quarter after it.
    TAPS = (1 / 16, 5 / 16, 7 / 16, 3 / 16, 0.0)

    def call(self, x: Tensor) -> Tensor:
        """Makes the four pixels of each 2 x 2 block as channels, then moves them into place."""
        blocks = [quarter for half in self._halves(x, 1) for quarter in self._halves(half, 2)]
        return ops.depth_to_space(ops.concatenate(blocks, axis=-1), 2)

    def _halves(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Returns every second row or column that comes out: the odd ones, then the even ones.

        Mirrored here, at half the size, they take half the memory of ``ReflectPadding`` behind.
        """
        cut = CUTS[axis]
        first, last = cut(x, 0, 1), cut(x, -1, None)
        repeated = ops.concatenate([first, first, x, last, last], axis=axis)
        before = _filter(repeated, self.TAPS, axis)
        after = _filter(repeated, self.TAPS[::-1], axis)
        odd = ops.concatenate([cut(after, 0, 1), after], axis=axis)
        even = ops.concatenate([before, cut(before, -1, None)], axis=axis)
        return odd, even

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Doubles height and width where they are known, and adds the border."""
        height, width = (side and 2 * side + 2 for side in shape[1:3])
        return (shape[0], height, width, shape[3])


def _filter(x: Tensor, taps: tuple[float, ...], axis: int) -> Tensor:
    """Filters every channel along one axis, without padding."""
    shape = (len(taps), 1, 1, 1) if axis == 1 else (1, len(taps), 1, 1)
    kernel = ops.tile(
        ops.reshape(ops.convert_to_tensor(taps, x.dtype), shape), (1, 1, x.shape[-1], 1)
    )
    return ops.depthwise_conv(x, kernel, padding="valid", data_format=CHANNELS)


@register
class ConditionalAffine(keras.layers.Layer):
    """Scales and shifts every channel with numbers of the style asked for.

    Each style owns one row of ``scale`` and one of ``shift``; several styles are blended by
    weighting their rows (Dumoulin et al. 2017, "A Learned Representation For Artistic Style",
    section 2.2).

    Args:
        styles: the number of rows. With one row there is nothing to choose and no style input.
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
        """Returns the shape it was given."""
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict:
        """Returns what rebuilds the layer."""
        return {**super().get_config(), "styles": self.styles}


def _as_picture(rows: Tensor) -> Tensor:
    return ops.expand_dims(ops.expand_dims(rows, 1), 1)


@register
class ConditionalInstanceNorm(ConditionalAffine):
    """Instance normalisation (Ulyanov et al. 2016), then the style's scale and shift.

    One style may be the identity, for which the moving mean and deviation of the paintings in
    training replace the picture's own. Normalised by its own, it could not be given back: its
    light and its contrasts are gone, and training smuggles them past the normalisation in white
    spots that every style then has (Karras et al. 2020, "Analyzing and Improving the Image Quality
    of StyleGAN", section 2).

    Args:
        styles: the number of rows of scale and shift.
        epsilon: added to the variance; larger than the usual 1e-5, since scaled it must not
            vanish in the 16-bit floats of a phone's GPU.
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

        In 32 bits at any precision: the gradient of a square root cubes its output, beyond what a
        16-bit float holds. The variance is that of the deviations times ``DEVIATION_SCALE``.
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
        """Normalises by the picture's own moments, or by ``moments`` of a larger whole.

        Where ``a`` is the identity's share of a blend of scales and shifts: ``(scale - a *
        scale_identity) * (x - mean) / deviation + a * scale_identity * (x - moving_mean) /
        moving_deviation + shift``.

        Args:
            x: features, ``(batch, height, width, channels)``.
            style: the weight of each style, ``(batch, styles)``; may be left out if there is one.
            moments: from ``moments``.
            training: whether the moving moments follow those of the paintings in the batch.
        """
        mean, variance = moments or self.moments(x)
        scale, shift = (ops.cast(row, "float32") for row in self.rows(style))
        deviation = (ops.cast(x, "float32") - mean) * DEVIATION_SCALE
        inverse = ops.rsqrt(variance + self.epsilon * DEVIATION_SCALE**2)
        if self.identity is None:
            factor = inverse * scale
        else:
            share = _as_picture(ops.cast(style, "float32")[:, self.identity, None])
            if training:
                self._move_moments(mean, 1 / inverse / DEVIATION_SCALE, 1 - share)
            plain = share * ops.cast(self.scale[self.identity], "float32")
            factor = inverse * (scale - plain) + plain / self.moving_deviation / DEVIATION_SCALE
            shift += (mean - self.moving_mean) * plain / self.moving_deviation
        return ops.cast(deviation * factor + shift, self.compute_dtype)

    def _move_moments(self, mean: Tensor, deviation: Tensor, weight: Tensor) -> None:
        """Moves the moments a little towards those of a batch, ``weight`` of each picture."""
        for moving, new in ((self.moving_mean, mean), (self.moving_deviation, deviation)):
            change = ops.mean(weight * (new - moving), axis=(0, 1, 2))
            moving.assign_add((1 - MOMENTUM) * ops.stop_gradient(change))

    def get_config(self) -> dict:
        """Returns what rebuilds the layer."""
        return {**super().get_config(), "epsilon": self.epsilon, "identity": self.identity}


@register
class CropLike(keras.layers.Layer):
    """Cuts a picture to the height and width of a second one, keeping the top left."""

    def call(self, x: Tensor, like: Tensor) -> Tensor:
        """Returns ``x`` without the rows and columns that ``like`` does not have."""
        shape = ops.shape(like)
        return x[:, : shape[1], : shape[2]]

    def compute_output_shape(self, x_shape: tuple, like_shape: tuple) -> tuple:
        """Takes height and width from the second picture."""
        return (x_shape[0], *like_shape[1:3], x_shape[3])


@register
class Pixels(keras.layers.Layer):
    """Bounds the output to [0, 255] by a sigmoid, whose gradient never dies at once as a clip's."""

    def call(self, x: Tensor) -> Tensor:
        """Returns pixels."""
        return 255.0 * ops.sigmoid(x)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Returns the shape it was given."""
        return shape
