"""Keeping colours: values by hand, and hue and luma of random pictures."""

import colorsys

import numpy as np
import pytest

from onestroke.pictures import BT601_LUMA
from onestroke.stylize.colour import keep_colours


def pixel(*rgb: float) -> np.ndarray:
    return np.array([[rgb]], np.float32)


@pytest.mark.parametrize(
    ("photograph", "painted", "expected"),
    [
        # A gray photograph stays gray: 0.299 * 10 + 0.587 * 200 + 0.114 * 30 = 123.81.
        ((100, 100, 100), (10, 200, 30), (123.81, 123.81, 123.81)),
        # Luma 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2; the paint has luma 144.2.
        ((200, 100, 50), (144.2, 144.2, 144.2), (220, 120, 70)),
        # Luma 221.8 would lift red to 297.6: its chroma, 75.8, is cut to the 33.2 above the luma.
        ((200, 100, 50), (221.8, 221.8, 221.8), (255, 211.2007, 189.3011)),
        # Luma 37.1 would sink blue to -37.1: all chroma is halved.
        ((200, 100, 50), (37.1, 37.1, 37.1), (75, 25, 0)),
    ],
)
def test_values_by_hand(photograph, painted, expected):
    result = keep_colours(pixel(*photograph), pixel(*painted))
    np.testing.assert_allclose(result, pixel(*expected), atol=1e-3)


def test_luma_of_the_painting_and_hue_of_the_photograph_are_kept():
    random = np.random.default_rng(0)
    photograph = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    painted = random.uniform(0, 255, (40, 50, 3)).astype(np.float32)
    result = keep_colours(photograph, painted)
    assert result.dtype == np.float32
    assert result.min() >= -1e-3
    assert result.max() <= 255 + 1e-3
    np.testing.assert_allclose(result @ BT601_LUMA, painted @ BT601_LUMA, atol=1e-2)
    for before, after in zip(photograph.reshape(-1, 3), result.reshape(-1, 3), strict=True):
        if np.ptp(after) > 1:
            shift = colorsys.rgb_to_hsv(*before)[0] - colorsys.rgb_to_hsv(*after)[0]
            assert abs((shift + 0.5) % 1 - 0.5) < 1e-3


def test_a_picture_combined_with_itself_is_unchanged():
    photograph = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    np.testing.assert_allclose(keep_colours(photograph, photograph), photograph, atol=1e-3)
