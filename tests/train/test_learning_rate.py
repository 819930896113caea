"""The learning rate schedule."""

import pytest

from onestroke.train.learning_rate import Schedule


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("trapezoid", [0.1, 0.55, 1, 1, 1, 0.5, 0.01]),
        ("cosine", [0.1, 0.55, 1, 0.5, 0.2061, 0.0545, 0.01]),
        ("constant", [0.1, 0.55, 1, 1, 1, 1, 1]),
    ],
)
def test_the_learning_rate_rises_and_follows_its_shape(schedule, shares):
    rate = Schedule(3e-3, steps=100, warmup_steps=10, shape=schedule)
    rates = [float(rate(step)) for step in (0, 5, 10, 55, 73, 86.5, 100)]
    assert rates == pytest.approx([3e-3 * share for share in shares], rel=0.01)
