"""Timing a training step: the shares of its parts."""

import pytest

from onestroke.train.step_benchmark import StepTiming


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [
        ((1.0, 0.9, 0.4), {"VGG19": 0.5, "network": 0.4, "input": 0.1}),
        ((1.0, 1.1, 0.4), {"VGG19": 0.6, "network": 0.4, "input": 0.0}),  # noise in the times
        ((1.0, 1.0, 1.2), {"VGG19": 0.0, "network": 1.0, "input": 0.0}),
        ((1.0, 0.6, 0.8), {"VGG19": 0.0, "network": 0.6, "input": 0.4}),
    ],
)
def test_shares_of_a_step(seconds, shares):
    step, without_input, without_loss = seconds
    timing = StepTiming(128, "float32", 500.0, step, without_input, without_loss, batch=4)
    assert timing.shares() == pytest.approx(shares)
