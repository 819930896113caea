"""Metrics of the style loss."""

import numpy as np
import pytest

from onestroke.train.style_means import PaintingMean, StyleMeans


def test_style_means_of_each_style():
    means = StyleMeans(["a", "b"])
    means.update_state(np.float32([1, 3]), np.float32([[1, 0], [0, 1]]))
    means.update_state(np.float32([2, 4]), np.float32([[1, 0], [1, 0]]))
    assert {k: float(v) for k, v in means.result().items()} == {
        "style/a": pytest.approx(7 / 3),
        "style/b": 3,
    }


def test_a_mean_without_paintings_is_not_a_number():
    mean = PaintingMean(name="style")
    mean.update_state(np.float32([3, 5]), np.float32([0, 0]))
    assert np.isnan(float(mean.result()))
    mean.update_state(np.float32([3, 5]), np.float32([0, 1]))
    assert float(mean.result()) == 5
