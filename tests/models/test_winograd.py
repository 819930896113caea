"""Winograd's convolution against the plain one: values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from onestroke.models.winograd import WinogradConvolution, transform_kernel


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (1, 2), (4, 9)])
def test_values_and_gradients_are_those_of_the_plain_convolution(height, width):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, height + 2, width + 2, 3)).astype(np.float32)
    kernel = random.normal(size=(3, 3, 3, 5)).astype(np.float32)
    bias = random.normal(size=5).astype(np.float32)
    layer = WinogradConvolution(5)
    plain = keras.layers.Conv2D(5, 3, activation="relu")
    for each, values in ((layer, transform_kernel(kernel)), (plain, kernel)):
        each.build(x.shape)
        each.set_weights([values, bias])
    x = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        got, expected = layer(x), plain(x)
        losses = [tf.reduce_sum(y * y) for y in (got, expected)]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    gradients = [tape.gradient(loss, x) for loss in losses]
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(gradients[0], tape.gradient(losses[0], x))  # bit for bit
    assert layer.compute_output_shape(x.shape) == got.shape
    assert not layer.trainable_variables


def test_pictures_of_changing_size():
    layer = WinogradConvolution(2)
    network = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert network.output_shape == (None, None, None, 2)
    for side in (6, 11):
        assert network.predict(np.ones((1, side, side, 3)), verbose=0).shape[1:3] == (side - 2,) * 2
