"""The stability term: 0 for what moves along, positive for what does not."""

import numpy as np
import pytest
from keras import ops

from onestroke.losses.stability import LARGEST_SHIFT, NOISE, stability_loss
from onestroke.losses.terms import FLAT


@pytest.fixture
def x() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (5, 64, 72, 3)).astype(np.float32)
    return {"image": image, "style": np.ones((5, 1), np.float32)}


def test_a_network_that_ignores_the_photograph_is_steady(x) -> None:
    def paint(x):
        return ops.zeros_like(x["image"])

    np.testing.assert_array_equal(stability_loss(paint, x, paint(x), 3), [0, 0])  # two of five


def test_a_copy_moves_with_the_photograph(x) -> None:
    """What is left is the noise and the brightness, relative to the variance of the photograph."""
    found = stability_loss(lambda x: x["image"], x, x["image"], 5)
    spread = 255**2 / 12 + FLAT
    assert ops.all(found > NOISE**2 / spread * 0.9)
    assert ops.all(found < (NOISE**2 + (0.04 * 255) ** 2) / spread)


def test_a_painting_that_stays_where_it_was_is_punished(x) -> None:
    still = np.random.default_rng(1).normal(size=(64, 72, 3)).astype(np.float32) * 50

    def paint(x):
        height, width = x["image"].shape[1:3]
        return ops.zeros_like(x["image"]) + still[:height, :width]

    found = [float(stability_loss(paint, x, paint(x), step)[0]) for step in range(1, 6)]
    assert max(found) == pytest.approx(2, rel=0.1)


def test_every_step_moves_the_photograph_otherwise(x) -> None:
    seen = []

    def paint(x):
        seen.append(np.asarray(x["image"]))
        return x["image"]

    for step in (1, 2, 1):
        stability_loss(paint, x, x["image"], step)
    assert seen[0].shape == (2, 64 - LARGEST_SHIFT, 72 - LARGEST_SHIFT, 3)
    assert np.abs(seen[0] - seen[1]).mean() > 20
    np.testing.assert_array_equal(seen[0], seen[2])
