"""Colours in CIELAB and their distances, by hand."""

import numpy as np
import pytest

from onestroke.evaluate.palette import blown_share, palette_distance, palette_of, to_cielab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((119, 119, 119), (50, 0, 0)),  # a middle grey
        ((255, 0, 0), (53.24, 80.09, 67.20)),  # as Lindbloom's calculator gives them
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb, lab):
    picture = np.array([[rgb]], np.uint8)
    np.testing.assert_allclose(to_cielab(picture), [lab], atol=0.1)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return palette_distance(palette_of(one), palette_of(other))


def test_moved_colours_are_half_the_way_apart():
    """The mean of |cos| over all directions is 1/2."""
    colours = np.random.default_rng(1).normal(50, 9, (900, 3))
    assert distance(colours, colours) == 0
    assert distance(colours, colours[::-1]) == pytest.approx(0, abs=1e-9)
    assert distance(colours, colours + np.array([0, 0, 8])) == pytest.approx(4, rel=0.15)
    near, far = (distance(colours, colours + np.array([d, 0, 0])) for d in (3, 6))
    assert far == pytest.approx(2 * near)


def test_numbers_of_pixels_may_differ():
    colours = np.random.default_rng(1).normal(50, 9, (900, 3))
    assert distance(colours, np.repeat(colours, 2, axis=0)) < 0.1


def test_blown_pixels_are_counted():
    assert blown_share(np.array([[92.0, 0, 0], [92.1, 0, 0], [99, 5, 5], [10, 0, 0]])) == 0.5
