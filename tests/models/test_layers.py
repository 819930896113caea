"""The layers compute the same numbers as the textbook layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from onestroke.models.layers import (
    DEVIATION_SCALE,
    ConditionalAffine,
    ConditionalInstanceNorm,
    Conv2D,
    ConvolutionByBlocks,
    ConvolutionByColumns,
    CropLike,
    Pixels,
    ReflectPadding,
    SmoothUpsampling,
    SubpixelConvolution,
    equal_pixels,
)


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(3, 10, (2, 7, 9, 5)).astype(np.float32)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_reflect_padding_equals_numpy(features, size, training):
    padded = ReflectPadding(size)(features, training=training)
    expected = np.pad(features, ((0, 0), (size, size), (size, size), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)


@pytest.fixture(params=["painting", "training", "training on JAX"])
def training(request, monkeypatch) -> bool:
    """Whether a layer trains; on JAX, some layers compute differently then."""
    if "JAX" in request.param:
        monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    return request.param != "painting"


def test_smooth_upsampling_is_a_blur_and_bilinear_upsampling(features, training):
    padded = np.pad(features, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    blurred = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4
    large = np.asarray(keras.layers.UpSampling2D(2, interpolation="bilinear")(blurred))
    expected = np.pad(large[:, 4:-4, 4:-4], ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    painted = SmoothUpsampling()(features, training=training)
    np.testing.assert_allclose(painted, expected, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_smooth_upsampling_removes_alternating_signs(axis):
    stripes = np.resize([1.0, -1.0], 12).reshape((1, 12, 1, 1) if axis == 1 else (1, 1, 12, 1))
    picture = np.broadcast_to(stripes, (1, 12, 12, 1)).astype(np.float32)
    inside = ops.convert_to_numpy(SmoothUpsampling()(picture))[:, 4:-4, 4:-4]
    np.testing.assert_allclose(inside, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "size"),
    [(ConvolutionByColumns, 9), (ConvolutionByBlocks, 9), (ConvolutionByBlocks, 3)],
)
def test_rearranged_convolutions_equal_plain_ones(layer, size):
    features = np.random.default_rng(0).normal(size=(2, 15 + size, 13 + size, 5)).astype("f")
    convolution = layer(3, size, use_bias=False)
    result = convolution(features)
    np.testing.assert_allclose(result, ops.conv(features, convolution.kernel), atol=1e-4)
    assert convolution(keras.Input((None, 20, 5))).shape == (None, None, 21 - size, 3)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 5)])
def test_convolution_with_products_has_the_plain_gradients(size):
    features = tf.random.stateless_normal((2, 9, 11, 4), seed=(1, 2))
    layer = Conv2D(3, size, use_bias=False)
    layer.build(features.shape)

    def differentiate(convolve):
        with tf.GradientTape() as tape:
            tape.watch(features)
            y = convolve(features)
            loss = tf.reduce_sum(tf.sin(y))
        return y, *tape.gradient(loss, [features, layer.kernel.value])

    actual = differentiate(lambda x: layer(x, training=True))
    expected = differentiate(lambda x: tf.nn.conv2d(x, layer.kernel.value, 1, "VALID"))
    for ours, plain in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-4)
    assert layer(keras.Input((None, 20, 4))).shape == (None, None, 21 - size[1], 3)


def test_subpixel_convolution_makes_blocks_and_averages_neighbours(features, training):
    layer = SubpixelConvolution(4, 3, use_bias=False)
    layer.build(features.shape)
    blocks = np.asarray(ops.conv(features, layer.kernel))
    large = np.zeros((2, 10, 14, 1), np.float32)
    for k in range(4):
        large[:, k // 2 :: 2, k % 2 :: 2] = blocks[..., k : k + 1]
    padded = np.pad(large, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    rows = (padded[:, :-1] + padded[:, 1:]) / 2
    expected = (rows[:, :, :-1] + rows[:, :, 1:]) / 2
    np.testing.assert_allclose(layer(features, training=training), expected, atol=1e-4)
    assert layer(keras.Input((None, 20, 5))).shape == (None, None, 36, 1)


def test_initial_subpixel_convolution_has_no_checkerboard():
    layer = SubpixelConvolution(12, 3, use_bias=False, kernel_initializer=equal_pixels)
    flat = np.ones((1, 6, 6, 5), np.float32)
    np.testing.assert_allclose(np.ptp(np.asarray(layer(flat)), axis=(1, 2)), 0, atol=1e-6)
    layer.kernel.assign(np.random.default_rng(0).normal(size=layer.kernel.shape))
    inside = np.asarray(layer(flat))[:, :-1, :-1]  # trained, and still
    np.testing.assert_allclose(np.ptp(inside, axis=(1, 2)), 0, atol=1e-5)


def test_known_shapes_are_propagated():
    image = keras.Input((None, 20, 3))
    assert ReflectPadding(4)(image).shape == (None, None, 28, 3)
    assert SmoothUpsampling()(image).shape == (None, None, 42, 3)


def test_instance_norm_equals_numpy(features):
    layer = ConditionalInstanceNorm(epsilon=1e-3)
    mean = features.mean(axis=(1, 2), keepdims=True)
    variance = features.var(axis=(1, 2), keepdims=True)
    expected = (features - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(layer(features), expected, atol=1e-5)


def test_instance_norm_of_a_flat_picture_is_its_shift():
    layer = ConditionalInstanceNorm()
    flat = np.full((1, 4, 4, 2), 7, np.float32)
    layer.build(flat.shape)
    layer.shift.assign([[0.5, -2.0]])
    np.testing.assert_allclose(layer(flat)[0, 0, 0], [0.5, -2.0], atol=1e-6)


def test_instance_norm_does_not_overflow_16_bit_floats():
    """A deviation of 4,337 was met on a photograph; its square is beyond a 16-bit float."""
    x = np.zeros((1, 8, 8, 1), np.float32)
    x[0, :4] = 8674
    half = ConditionalInstanceNorm(dtype="float16")(ops.cast(x, "float16"))
    expected = ConditionalInstanceNorm()(x)
    np.testing.assert_allclose(half, expected, atol=2e-3)


def test_instance_norm_trains_in_16_bit_floats(features):
    """The gradient of a square root cubes its output; in 16 bits it was infinite at every step."""
    import tensorflow as tf

    def gradient(dtype: str) -> np.ndarray:
        layer = ConditionalInstanceNorm(dtype=dtype)
        x = tf.Variable(features[:, :4, :4] / 10)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(layer(x), tf.float32) ** 3)
        return tape.gradient(loss, x).numpy()

    np.testing.assert_allclose(gradient("mixed_float16"), gradient("float32"), atol=0.3)


def test_given_moments_replace_the_pictures_own(features):
    layer = ConditionalInstanceNorm()
    whole = layer(features)
    moments = layer.moments(features)
    part = layer(features[:, :3], moments=moments)
    np.testing.assert_allclose(part, whole[:, :3], atol=1e-6)
    variance = features.var(axis=(1, 2), keepdims=True) * DEVIATION_SCALE**2
    np.testing.assert_allclose(moments[1], variance, rtol=1e-4)


def test_style_weights_blend_the_rows(features):
    layer = ConditionalAffine(styles=3)
    layer.build(features.shape)
    scale = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    shift = np.random.default_rng(2).normal(size=(3, 5)).astype(np.float32)
    layer.scale.assign(scale)
    layer.shift.assign(shift)
    style = np.array([[1, 0, 0], [0, 0.25, 0.75]], np.float32)
    result = layer(features, style=style)
    np.testing.assert_allclose(result[0], features[0] * scale[0] + shift[0], rtol=1e-5, atol=1e-5)
    blended = 0.25 * scale[1] + 0.75 * scale[2], 0.25 * shift[1] + 0.75 * shift[2]
    np.testing.assert_allclose(
        result[1], features[1] * blended[0] + blended[1], rtol=1e-4, atol=1e-4
    )


def norm_with_identity(features) -> ConditionalInstanceNorm:
    random = np.random.default_rng(1)
    layer = ConditionalInstanceNorm(styles=3, identity=1)
    layer.build(features.shape)
    for variable in layer.variables:
        variable.assign(random.uniform(0.5, 2, variable.shape))
    return layer


def test_the_identity_is_not_normalised_by_the_picture(features):
    layer, plain = norm_with_identity(features), ConditionalInstanceNorm(styles=3)
    plain.build(features.shape)
    plain.scale.assign(layer.scale)
    plain.shift.assign(layer.shift)

    def apply(norm, *weights, **others):
        return np.asarray(norm(features, style=np.float32([weights] * 2), **others))

    mean, size, scale, shift = (
        np.asarray(v) for v in (layer.moving_mean, layer.moving_deviation, layer.scale, layer.shift)
    )
    expected = (features - mean) / size * scale[1] + shift[1]
    for moments in (None, layer.moments(features[:, 1:])):
        np.testing.assert_allclose(apply(layer, 0, 1, 0, moments=moments), expected, atol=1e-4)
    painted = apply(layer, 1, 0, 0)
    np.testing.assert_array_equal(painted, apply(plain, 1, 0, 0))
    np.testing.assert_allclose(apply(layer, 0.5, 0.5, 0), (expected + painted) / 2, atol=1e-4)


def test_the_moving_moments_are_those_of_the_paintings(features):
    layer = norm_with_identity(features)
    before = [np.array(v) for v in (layer.moving_mean, layer.moving_deviation)]
    layer(features, style=np.float32([[0, 1, 0]] * 2), training=True)
    layer(features, style=np.float32([[1, 0, 0]] * 2))
    for moving, value in zip((layer.moving_mean, layer.moving_deviation), before, strict=True):
        np.testing.assert_array_equal(moving, value)
    for _ in range(400):
        layer(features, style=np.float32([[0, 1, 0], [0.5, 0, 0.5]]), training=True)
    np.testing.assert_allclose(
        layer.moving_mean, features[1].mean(axis=(0, 1)), rtol=0.05, atol=0.1
    )
    np.testing.assert_allclose(layer.moving_deviation, features[1].std(axis=(0, 1)), rtol=0.05)


def test_crop_keeps_the_top_left(features):
    cropped = CropLike()(features, np.zeros((2, 6, 4, 3), np.float32))
    np.testing.assert_array_equal(cropped, features[:, :6, :4])


def test_pixels_are_bounded_and_grey_at_zero():
    values = np.array([[[[-100.0, 0.0, 100.0]]]], np.float32)
    np.testing.assert_allclose(Pixels()(values)[0, 0, 0], [0, 127.5, 255], atol=1e-5)
