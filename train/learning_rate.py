"""The learning rate schedule: a linear warm-up, then one of three shapes."""

import math
from typing import Any

import keras
from keras import ops

from onestroke.models.layers import Tensor

WARMUP_FROM = 0.1  # share of the largest learning rate, at the first step
LOWEST = 0.01  # share of the largest learning rate, at the last step
DECAY = 0.3  # share of the steps over which ``trapezoid`` decays

# Share of the largest learning rate as a function of the share of steps that are done.
SHAPES = {
    "trapezoid": lambda done: ops.minimum(1.0, (1.0 - done) / DECAY),
    "cosine": lambda done: 0.5 + 0.5 * ops.cos(math.pi * done),
    "constant": ops.ones_like,
}


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly during the warm-up, then follows a shape.

    Args:
        peak: the largest learning rate.
        steps: number of steps of the whole training.
        warmup_steps: number of steps of the warm-up.
        shape: ``trapezoid`` is constant and decays linearly at the end (Hu et al. 2024, "MiniCPM",
            section 4: warmup, stable, decay); ``cosine`` decays from the start (Loshchilov and
            Hutter 2017, "SGDR", eq. 5); ``constant`` does not decay.
    """

    def __init__(self, peak: float, *, steps: int, warmup_steps: int, shape: str) -> None:
        self.peak, self.steps, self.warmup_steps = peak, steps, warmup_steps
        self.shape = shape

    def __call__(self, step: Tensor) -> Tensor:
        """Returns the learning rate after ``step`` steps."""
        step = ops.cast(step, "float32")
        left = max(1, self.steps - self.warmup_steps)
        done = ops.clip((step - self.warmup_steps) / left, 0.0, 1.0)
        share = ops.maximum(LOWEST, SHAPES[self.shape](done))
        if self.warmup_steps:
            risen = WARMUP_FROM + (1 - WARMUP_FROM) * step / self.warmup_steps
            share = ops.minimum(share, risen)
        return self.peak * share

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the schedule."""
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }
