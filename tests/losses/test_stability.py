"""The stability term: 0 for what noise does not change, positive for the rest."""

import numpy as np
import pytest
from keras import ops

from onestroke.losses.stability import NOISE, stability_loss
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


def test_a_copy_changes_by_the_noise_relative_to_the_variance_of_the_photograph(x) -> None:
    found = stability_loss(lambda x: x["image"], x, x["image"], 5)
    expected = NOISE**2 / (x["image"][:2].var(axis=(1, 2)).mean(axis=-1) + FLAT)
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_paintings_with_nothing_in_common_are_2_apart(x) -> None:
    other = np.random.default_rng(1).integers(0, 256, x["image"].shape).astype(np.float32)
    found = stability_loss(lambda x: other[:2], x, x["image"], 1)
    np.testing.assert_allclose(found, [2, 2], rtol=0.1)


def test_every_step_has_another_noise_and_repeats_it(x) -> None:
    seen = []

    def paint(x):
        seen.append(np.asarray(x["image"]))
        return x["image"]

    for step in (1, 2, 1):
        stability_loss(paint, x, x["image"], step)
    assert seen[0].shape == (2, 64, 72, 3)
    assert np.std(seen[0] - x["image"][:2]) == pytest.approx(NOISE, rel=0.05)
    assert np.abs(seen[0] - seen[1]).mean() > NOISE / 2
    np.testing.assert_array_equal(seen[0], seen[2])
