"""How far a training or an optimisation is."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The state of a training or an optimisation after a step.

    Attributes:
        step: steps or iterations done.
        steps: steps or iterations of the whole run.
        figures: the latest losses, learning rate and pictures per second, by name.
        seconds_left: the time of the remaining steps; None while it is unknown.
    """

    step: int
    steps: int
    figures: Mapping[str, float]
    seconds_left: float | None = None
