"""What happens between the steps of a training: logging, samples, checkpoints, stopping."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from onestroke.files import write_whole
from onestroke.losses.loss_settings import TERMS
from onestroke.train.checkpoint import ADVICE, DivergedError, save_checkpoint
from onestroke.train.run_folder import RunFolder
from onestroke.train.validation import Validation


class StepCallback(keras.callbacks.Callback):
    """A callback that counts the steps of the whole run.

    Keras counts from 0 in each stage and each process; a resumed run goes on from its checkpoint.

    Args:
        first_step: steps taken before this process.
        last_step: steps of the whole run.
    """

    def __init__(self, first_step: int, last_step: int) -> None:
        super().__init__()
        self.step = first_step
        self.last_step = last_step

    def is_due(self, step: int, every: int) -> bool:
        """Whether something done every so many steps, and at the end, is due after ``step``."""
        return step % every == 0 or step == self.last_step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Calls ``after_step`` with the count of the whole run."""
        self.step += 1
        self.after_step(self.step, {k: float(v) for k, v in (logs or {}).items()})

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """What to do after ``step`` steps; ``terms`` are means since they were last logged."""
        raise NotImplementedError


class StopWhenDiverged(StepCallback):
    """Ends the training at the first step whose loss is not finite."""

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Raises DivergedError, before any later callback can save what is broken."""
        broken = [name for name in (*TERMS[1:], TERMS[0]) if not math.isfinite(terms[name])]
        if broken:
            raise DivergedError(
                f"expected a finite loss; the {broken[0]} term is {terms[broken[0]]} at step "
                f"{step}; {ADVICE}"
            )


class Journal(StepCallback):
    """Writes losses, learning rate and pace to ``metrics.jsonl`` and to TensorBoard.

    Args:
        run: the folder to write to.
        every: steps between two entries.
        batch: pictures per step.
    """

    def __init__(self, run: RunFolder, every: int, batch: int, **steps: int) -> None:
        super().__init__(**steps)
        import tensorflow as tf  # here, since only this callback needs it when JAX trains

        self.run = run
        self.every = every
        self.batch = batch
        self.summary = tf.summary
        self.writer = tf.summary.create_file_writer(str(run.events))
        self.begun = time.perf_counter()
        self.seconds = 0.0
        self.steps = 0
        self.latest: dict[str, float] = {}

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Starts the clock, which leaves out the time that samples and checkpoints take."""
        self.begun = time.perf_counter()

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Logs the means of the interval and starts a new one."""
        self.seconds += time.perf_counter() - self.begun
        self.steps += 1
        if not self.is_due(step, self.every):
            return
        pace = self.steps * self.batch / self.seconds
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        # A style that no picture of the interval had has no mean.
        means = {name: value for name, value in terms.items() if math.isfinite(value)}
        self.latest = {**means, "learning_rate": rate, "pictures_per_second": round(pace, 3)}
        self.write(step, self.latest)
        self.seconds, self.steps = 0.0, 0
        for metric in self.model.metrics:
            metric.reset_state()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds an entry to both logs."""
        self.run.append_metrics({"step": step, **values})
        with self.writer.as_default(step=step):
            for name, value in values.items():
                self.summary.scalar(name, value)

    def write_picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Shows a picture, ``(height, width, 3)`` uint8, in TensorBoard."""
        with self.writer.as_default(step=step):
            self.summary.image(name, picture[None])

    def close(self) -> None:
        """Lets nothing wait in memory."""
        self.writer.close()


class Samples(StepCallback):
    """Paints and measures the validation photographs at intervals.

    Args:
        validation: the photographs.
        run: the folder for the contact sheets.
        journal: takes the losses and the sheets.
        every: steps between two paintings.
    """

    def __init__(
        self, validation: Validation, run: RunFolder, journal: Journal, every: int, **steps: int
    ) -> None:
        super().__init__(**steps)
        self.validation = validation
        self.run = run
        self.journal = journal
        self.every = every

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Writes ``samples/step_NNNNNNN.png`` and the mean losses."""
        if not self.is_due(step, self.every):
            return
        losses, sheet = self.validation.measure(self.model)
        self.journal.write(step, {f"validation_{name}": v for name, v in losses.items()})
        self.journal.write_picture(step, "validation", np.asarray(sheet))
        write_whole(self.run.samples / f"step_{step:07d}.png", sheet.save)


class Checkpoints(StepCallback):
    """Saves what resumes the run, at intervals, at the end, and when asked to stop.

    Args:
        run: the folder to save to.
        every: steps between two checkpoints.
        stop: when set, saves after the step under way and ends the training.
    """

    def __init__(self, run: RunFolder, every: int, stop: threading.Event, **steps: int) -> None:
        super().__init__(**steps)
        self.run = run
        self.every = every
        self.stop = stop

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Saves, then forgets the oldest."""
        stopping = self.stop.is_set()
        if stopping or self.is_due(step, self.every):
            save_checkpoint(self.run.checkpoint_file(step), self.model, step)
            self.run.forget_old_checkpoints()
        if stopping:
            self.model.stop_training = True


class Announcements(StepCallback):
    """Passes the journal's latest figures on to whoever shows the progress.

    Args:
        journal: the figures.
        show: called after each step with the step and the figures.
    """

    def __init__(
        self, journal: Journal, show: Callable[[int, Mapping[str, float]], None], **steps: int
    ) -> None:
        super().__init__(**steps)
        self.journal = journal
        self.show = show

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Shows the step."""
        self.show(step, self.journal.latest)
