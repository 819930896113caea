"""Muon compared with its definition by singular value decomposition."""

import keras
import numpy as np
import pytest

from onestroke.train.muon import ConvolutionMuon


@pytest.fixture
def layer():
    layer = keras.layers.Conv2D(6, 3, name="inner")
    layer.build((None, 8, 8, 5))
    return layer


def step(variables, gradients, **options) -> list[np.ndarray]:
    """Returns what one step subtracts from the variables."""
    before = [variable.numpy() for variable in variables]
    optimizer = ConvolutionMuon(0.1, adam_share=0.5, **options)
    optimizer.build(variables)
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return [old - variable.numpy() for old, variable in zip(before, variables, strict=True)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_direction_of_a_kernel_gets_an_equal_step(layer, dtype):
    random = np.random.default_rng(0)
    gradient = random.normal(size=(3, 3, 5, 6)).astype(np.float32)
    gradient[..., 0] *= 100  # one output is far larger than the others
    (taken,) = step([layer.kernel], [gradient], matrix_dtype=dtype)
    left, _, right = np.linalg.svd(gradient.reshape(45, 6), full_matrices=False)
    inside = left.T @ taken.reshape(45, 6) @ right.T
    length = 0.1 * 0.2 * 45**0.5  # learning rate, Adam's usual step, the matrix' longer side
    np.testing.assert_allclose(inside - np.diag(np.diag(inside)), 0, atol=0.02 * length)
    # Five iterations bring singular values to between 0.7 and 1.2 (Jordan et al. 2024).
    assert np.diag(inside).min() > 0.6 * length
    assert np.diag(inside).max() < 1.3 * length


def test_steps_do_not_depend_on_the_scale_of_the_loss(layer):
    gradient = np.random.default_rng(1).normal(size=(3, 3, 5, 6)).astype(np.float32)
    start = layer.kernel.numpy()
    (one,) = step([layer.kernel], [gradient])
    layer.kernel.assign(start)
    (other,) = step([layer.kernel], [1000 * gradient])
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_scales_shifts_and_the_last_layer_use_adam():
    last = keras.layers.Conv2D(3, 3, name="last")
    last.build((None, 8, 8, 5))
    # Adam's first step is the learning rate in the gradient's direction, whatever its size.
    for taken in step(last.trainable_variables, [np.full((3, 3, 5, 3), -7.0), np.full(3, 2.0)]):
        np.testing.assert_allclose(np.abs(taken), 0.05, rtol=1e-4)
