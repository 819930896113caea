"""How far a training or an optimisation is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """The state of a training or an optimisation after a step.

    Attributes:
        step: steps or iterations done.
        steps: steps or iterations of the whole run.
        figures: the latest losses, learning rate and pictures per second, by name.
        seconds_left: the time of the remaining steps; None while it is unknown.
        sheet: the newest picture with samples; None before the first one.
    """

    step: int
    steps: int
    figures: Mapping[str, float]
    seconds_left: float | None = None
    sheet: Path | None = None
