"""Keras callbacks that act after each step: samples, checkpoints, progress, divergence."""

import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from onestroke.files import write_whole
from onestroke.losses.loss_settings import TERMS
from onestroke.progress import Progress
from onestroke.train.checkpoint import ADVICE, DivergedError, save_checkpoint
from onestroke.train.forecast import Forecast
from onestroke.train.journal import Journal
from onestroke.train.processes import any_process
from onestroke.train.run_folder import RunFolder
from onestroke.train.step_callback import StepCallback
from onestroke.train.validation import PAINTED, PHOTOGRAPHS, Validation


class StopWhenDiverged(StepCallback):
    """Ends the training at the first step whose loss is not finite."""

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Raises a DivergedError, before a later callback can save broken weights."""
        if math.isfinite(terms["loss"]):
            return
        broken = [f"{name} {terms[name]}" for name in TERMS if not math.isfinite(terms[name])]
        raise DivergedError(f"the training diverged at step {step} ({', '.join(broken)}); {ADVICE}")


class SharedStop(StepCallback):
    """Stops all processes of a training after the same step, if one of them is asked to stop.

    Args:
        stop: set when this process is asked to stop.
    """

    def __init__(self, stop: threading.Event, **steps: int) -> None:
        super().__init__(**steps)
        self.stop = stop

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Sets the event if it is set in another process."""
        if any_process(self.stop.is_set()):
            self.stop.set()


class Samples(StepCallback):
    """Paints and measures the validation photographs at intervals.

    Args:
        validation: the photographs.
        run: the folder of the contact sheets.
        journal: logs the losses and the sheets.
        every: steps between two validations.
    """

    def __init__(
        self, validation: Validation, run: RunFolder, journal: Journal, every: int, **steps: int
    ) -> None:
        super().__init__(**steps)
        self.validation = validation
        self.run = run
        self.journal = journal
        self.every = every
        self.newest: Path | None = None  # the sheet that was written last
        self.measured = any(key.startswith(PHOTOGRAPHS) for entry in run.metrics() for key in entry)

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Writes ``samples/step_NNNNNNN.png`` and the mean losses.

        The first validation of a run also measures the photographs themselves.
        """
        if not self.is_due(step, self.every):
            return
        if not self.measured:
            photographs = self.validation.measure_photographs(self.model)
            self.journal.write(step, {f"{PHOTOGRAPHS}{name}": v for name, v in photographs.items()})
            self.measured = True
        losses, sheet = self.validation.measure(self.model)
        self.journal.write(step, {f"{PAINTED}{name}": v for name, v in losses.items()})
        self.journal.write_picture(step, "validation", np.asarray(sheet))
        path = self.run.samples / f"step_{step:07d}.png"
        with self.run.writing():
            write_whole(path, sheet.save)
        self.newest = path


class Checkpoints(StepCallback):
    """Saves a checkpoint at intervals, at the end, and when the training is asked to stop.

    Args:
        run: the run folder.
        every: steps between two checkpoints.
        stop: when set, the callback saves after the current step and ends the training.
    """

    def __init__(self, run: RunFolder, every: int, stop: threading.Event, **steps: int) -> None:
        super().__init__(**steps)
        self.run = run
        self.every = every
        self.stop = stop

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Saves a checkpoint and deletes the oldest one."""
        stopping = self.stop.is_set()
        if stopping or self.is_due(step, self.every):
            with self.run.writing():
                save_checkpoint(self.run.checkpoint_file(step), self.model, step)
                self.run.delete_old_checkpoints()
        if stopping:
            self.model.stop_training = True


class Announcements(StepCallback):
    """Passes each step, the latest figures of the journal and a forecast to a function.

    Args:
        journal: the figures.
        forecast: learns the time of each step.
        samples: the callback that writes the sheets; it acts before this one.
        show: called after each step.
    """

    def __init__(
        self,
        journal: Journal,
        forecast: Forecast,
        samples: Samples,
        show: Callable[[Progress], None],
        **steps: int,
    ) -> None:
        super().__init__(**steps)
        self.journal = journal
        self.forecast = forecast
        self.samples = samples
        self.show = show

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Calls the function."""
        self.forecast.record(step, self.journal.step_seconds)
        left = self.forecast.seconds_left(step)
        self.show(Progress(step, self.last_step, self.journal.latest, left, self.samples.newest))
