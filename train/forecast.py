"""The time that a training still takes, from the first steps on."""

import statistics
from collections.abc import Sequence

from onestroke.train.crop_stages import Stage

MEASURED = 16  # the latest steps, whose median counts


class Forecast:
    """Forecasts the rest of a training from its latest steps.

    A step on larger crops takes longer in proportion to its pixels. Validations and checkpoints are
    not included.

    Args:
        stages: the stages of the run that are not finished.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.seconds: list[float] = []  # per pixel of the crop

    def record(self, step: int, seconds: float) -> None:
        """Records the time of a step. The first one of a stage also traces the graph."""
        for stage in self.stages:
            if stage.first_step + 1 < step <= stage.last_step:
                self.seconds = [*self.seconds[1 - MEASURED :], seconds / stage.crop**2]

    def seconds_left(self, step: int) -> float | None:
        """Returns the seconds after ``step`` steps; None before the second step."""
        if not self.seconds:
            return None
        pixels = sum(
            max(0, stage.last_step - max(step, stage.first_step)) * stage.crop**2
            for stage in self.stages
        )
        return pixels * statistics.median(self.seconds)
