"""Cross-fading: values by hand, and the bounds."""

import numpy as np
import pytest

from onestroke.errors import SettingsError
from onestroke.stylize.strength import check_strength, fade


@pytest.mark.parametrize(
    ("strength", "expected"), [(0.0, [0, 100, 255]), (0.25, [50, 75, 191]), (1.0, [200, 0, 0])]
)
def test_values_by_hand(strength, expected):
    photograph = np.array([[[0, 100, 255]]], np.uint8)
    painted = np.array([[[200.4, 0.0, -0.2]]], np.float32)
    faded = fade(photograph, painted, strength)
    assert faded.dtype == np.uint8
    assert faded.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("strength", "received"),
    [
        (-0.1, "-0.1"),
        (1.01, "1.01"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("0.5", "'0.5'"),
        (None, "None"),
    ],
)
def test_strengths_out_of_range(strength, received):
    with pytest.raises(SettingsError) as caught:
        check_strength(strength)
    assert str(caught.value) == (
        f"expected a strength from 0 (the photograph) to 1 (the full style); received {received}"
    )


def test_bounds_are_in_range():
    check_strength(0)
    check_strength(1)
