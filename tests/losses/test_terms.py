"""The losses against NumPy written out by hand, and the identities that must hold."""

import numpy as np
import pytest
from keras import ops

from onestroke.losses.terms import (
    content_loss,
    gram_matrix,
    relative_error,
    reproduction_loss,
    style_losses,
    variation,
    variation_loss,
    weighted_mean,
)


def features(seed: int, batch: int = 2, side: int = 6, channels: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(1, 2, (batch, side, side, channels)).astype(np.float32)


def gram_by_hand(x: np.ndarray) -> np.ndarray:
    batch, height, width, channels = x.shape
    result = np.zeros((batch, channels, channels))
    for b in range(batch):
        for i in range(channels):
            for j in range(channels):
                result[b, i, j] = (x[b, :, :, i] * x[b, :, :, j]).sum() / (height * width)
    return result


def test_gram_matrix_of_two_pixels():
    x = np.array([[[[1, 2], [3, 4]]]], np.float32)  # one row of two pixels, two channels
    expected = [[(1 + 9) / 2, (2 + 12) / 2], [(2 + 12) / 2, (4 + 16) / 2]]
    np.testing.assert_allclose(gram_matrix(x)[0], expected)


def test_gram_matrix_equals_sums_written_out():
    np.testing.assert_allclose(gram_matrix(features(0)), gram_by_hand(features(0)), rtol=1e-5)


def test_gram_matrix_of_a_tiled_picture_equals_that_of_one_tile():
    tile = features(1)
    np.testing.assert_allclose(
        gram_matrix(np.tile(tile, (1, 3, 2, 1))), gram_matrix(tile), rtol=1e-5
    )


def test_gram_matrix_of_bfloat16_is_close():
    x = ops.cast(features(0), "bfloat16")
    exact = gram_by_hand(np.asarray(ops.cast(x, "float32")))
    np.testing.assert_allclose(gram_matrix(x), exact, rtol=1e-5, atol=1e-6)


def test_gram_matrix_in_16_bits_does_not_overflow():
    """VGG19's features reach thousands; their products are beyond a 16-bit float."""
    x = ops.cast(np.full((1, 4, 4, 2), 3000, np.float32), "float16")
    np.testing.assert_allclose(gram_matrix(x), np.full((1, 2, 2), 9e6), rtol=1e-3)


def test_relative_error_by_hand():
    actual = np.array([[1.0, 2.0], [0.0, 0.0]], np.float32)
    target = np.array([[2.0, 2.0], [3.0, 4.0]], np.float32)
    # 1 / 8 for the first picture, 25 / 25 for the second.
    np.testing.assert_allclose(relative_error(actual, target), [1 / 8, 1], rtol=1e-6)


def test_relative_error_of_black_pictures_is_finite():
    black = np.zeros((1, 4, 4, 3), np.float32)
    assert not np.any(relative_error(black, black))


def test_layers_are_averaged_by_their_weights():
    assert weighted_mean({"a": 1.0, "b": 4.0}, {"a": 1, "b": 3}) == pytest.approx((1 + 12) / 4)


def test_content_loss_by_hand():
    actual = {"a": features(0), "b": features(1, channels=2)}
    target = {"a": features(2), "b": features(3, channels=2)}
    by_layer = {
        name: np.array(
            [
                ((actual[name][i] - target[name][i]) ** 2).sum() / (target[name][i] ** 2).sum()
                for i in range(2)
            ]
        )
        for name in "ab"
    }
    expected = (2 * by_layer["a"] + by_layer["b"]) / 3
    loss = content_loss(actual, target, {"a": 2, "b": 1})
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_style_loss_by_hand():
    gram = gram_by_hand(features(9, batch=1)).astype(np.float32)
    own = gram_by_hand(features(0))
    expected = [((own[i] - gram[0]) ** 2).sum() / (gram**2).sum() for i in range(2)]
    loss = style_losses({"a": features(0)}, {"a": gram})["a"]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_each_picture_can_have_another_style():
    grams = gram_by_hand(features(9)).astype(np.float32)
    both = style_losses({"a": features(0)}, {"a": grams})["a"]
    for i in range(2):
        alone = style_losses({"a": features(0)[i : i + 1]}, {"a": grams[i : i + 1]})["a"]
        np.testing.assert_allclose(both[i], alone[0], rtol=1e-5)


def test_reproduction_loss_by_hand():
    photograph = np.array([0, 0, 0, 8], np.float32).reshape(1, 2, 2, 1)
    spread = 12  # its variance, to which 1 is added
    assert float(reproduction_loss(photograph, photograph)[0]) == 0
    off_by_two = reproduction_loss(photograph + 2, photograph)
    np.testing.assert_allclose(off_by_two, [4 / (spread + 1)], rtol=1e-6)


def test_a_picture_against_itself_is_zero():
    own = {"a": features(0)}
    assert not np.any(content_loss(own, own, {"a": 1}))
    assert not np.any(style_losses(own, {"a": np.asarray(gram_matrix(own["a"]))})["a"])


@pytest.mark.parametrize("times", [2, 3])
def test_losses_do_not_depend_on_size_and_batch(times):
    """A larger picture of the same contents, and a batch of copies, lose the same."""
    actual, target = features(0, batch=1), features(1, batch=1)
    gram = {"a": np.asarray(gram_matrix(features(2, batch=1)))}
    for reps in ((1, times, times, 1), (times, 1, 1, 1)):
        many, wanted = {"a": np.tile(actual, reps)}, {"a": np.tile(target, reps)}
        np.testing.assert_allclose(
            content_loss(many, wanted, {"a": 1}),
            np.tile(content_loss({"a": actual}, {"a": target}, {"a": 1}), reps[0]),
            rtol=1e-4,
        )
        np.testing.assert_allclose(
            style_losses(many, gram)["a"],
            np.tile(style_losses({"a": actual}, gram)["a"], reps[0]),
            rtol=1e-4,
        )


def test_losses_do_not_depend_on_the_scale_of_the_features():
    actual, target = {"a": features(0)}, {"a": features(1)}
    larger = {"a": 100 * actual["a"]}, {"a": 100 * target["a"]}
    np.testing.assert_allclose(
        content_loss(*larger, {"a": 1}), content_loss(actual, target, {"a": 1}), rtol=1e-4
    )


def test_variation_by_hand():
    picture = np.zeros((1, 2, 2, 1), np.float32)
    picture[0, 0, 0, 0] = 4
    # Down: differences 4 and 0, mean square 8; across the same.
    np.testing.assert_allclose(variation(picture), [16.0])
    np.testing.assert_allclose(variation_loss(picture, 32.0), [0.5])
    assert not np.any(variation_loss(np.full((2, 5, 5, 3), 9, np.float32), 32.0))
