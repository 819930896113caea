"""The base of the callbacks that act after each step of a run."""

from collections.abc import Mapping
from typing import Any

import keras


class StepCallback(keras.callbacks.Callback):
    """A callback that counts the steps of the whole run.

    Keras counts from 0 in each stage and each process. A resumed run continues the count of its
    checkpoint.

    Args:
        first_step: steps taken before this process.
        last_step: steps of the whole run.
    """

    def __init__(self, first_step: int, last_step: int) -> None:
        super().__init__()
        self.step = first_step
        self.last_step = last_step

    def is_due(self, step: int, every: int) -> bool:
        """Returns whether an action of every ``every`` steps, and of the last, is due now."""
        return step % every == 0 or step == self.last_step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Calls ``after_step`` with the step of the whole run."""
        self.step += 1
        self.after_step(self.step, {k: float(v) for k, v in (logs or {}).items()})

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Acts after ``step`` steps.

        Args:
            step: steps taken in the whole run.
            terms: means since the last entry of the journal.
        """
        raise NotImplementedError
