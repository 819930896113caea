"""The learning rate over time."""

import math
from typing import Any

import keras
from keras import ops

from onestroke.models.layers import Tensor

WARMUP_FROM = 0.1  # of the height, at the first step
LOWEST = 0.01  # of the height, at the last step
DECAY = 0.3  # of all steps, at the end: where ``trapezoid`` falls

# Shares of the height, by the share of the steps that are done.
SHAPES = {
    "trapezoid": lambda done: ops.minimum(1.0, (1.0 - done) / DECAY),
    "cosine": lambda done: 0.5 + 0.5 * ops.cos(math.pi * done),
    "constant": ops.ones_like,
}


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises over the first steps, then keeps to a shape.

    Args:
        height: the learning rate at its highest.
        steps: of the whole training.
        warmup_steps: over which it rises.
        shape: ``trapezoid`` stays, and falls in a line at the end (Hu et al. 2024, "MiniCPM",
            section 4: warmup, stable, decay); ``cosine`` falls all the time (Loshchilov and Hutter
            2017, "SGDR", eq. 5); ``constant`` stays.
    """

    def __init__(self, height: float, *, steps: int, warmup_steps: int, shape: str) -> None:
        self.height, self.steps, self.warmup_steps = height, steps, warmup_steps
        self.shape = shape

    def __call__(self, step: Tensor) -> Tensor:
        """Returns the learning rate of the step after so many."""
        step = ops.cast(step, "float32")
        left = max(1, self.steps - self.warmup_steps)
        done = ops.clip((step - self.warmup_steps) / left, 0.0, 1.0)
        share = ops.maximum(LOWEST, SHAPES[self.shape](done))
        if self.warmup_steps:
            risen = WARMUP_FROM + (1 - WARMUP_FROM) * step / self.warmup_steps
            share = ops.minimum(share, risen)
        return self.height * share

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the schedule."""
        return {
            "height": self.height,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }
