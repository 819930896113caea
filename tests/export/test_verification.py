"""The comparison of pictures, and the photographs that it uses."""

import numpy as np
import pytest
import tensorflow as tf

from onestroke.export.verification import _full_float32, difference, fit_to_size


def test_difference_by_hand() -> None:
    expected = np.zeros((2, 2, 3), np.float32)
    actual = expected.copy()
    actual[0, 0, 0] = 6  # of twelve values: mean 0.5, mean square 3
    found = difference("wave", actual, expected)
    assert (found.picture, found.largest, found.mean) == ("wave", 6, 0.5)
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / 3))


def test_psnr_of_equal_pictures_is_finite() -> None:
    picture = np.ones((4, 4, 3), np.float32)
    assert difference("same", picture, picture).psnr == pytest.approx(168.13, abs=0.01)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_counts_as_the_largest_error(wrong: float) -> None:
    expected = np.full((1, 1, 3), 100, np.float32)
    found = difference("broken", np.full_like(expected, wrong), expected)
    assert (found.largest, found.psnr) == (255, 0)


def test_rounding_is_ignored() -> None:
    expected = np.float32([[[0.5, 1.4, 7.0]]])
    assert difference("bytes", np.rint(expected), expected, rounded=True).largest == 0
    assert difference("bytes", np.float32([[[0, 1, 9]]]), expected, rounded=True).largest == 1.5


def test_fit_crops_without_distortion() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255  # a square in the middle
    assert fit_to_size(wide, None).shape == (128, 384, 3)
    assert fit_to_size(wide, (64, 64)).min() > 240
    assert fit_to_size(wide, (31, 97)).shape == (31, 97, 3)
    assert fit_to_size(wide.swapaxes(0, 1), (97, 31)).shape == (97, 31, 3)


def test_tensorfloat_32_is_disabled_and_restored() -> None:
    rounds = tf.config.experimental.tensor_float_32_execution_enabled
    before = rounds()
    with _full_float32():
        assert not rounds()
    assert rounds() == before
