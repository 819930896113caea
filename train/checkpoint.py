"""Checkpoints: the variables of the network and of the optimizer, in one NumPy archive.

Nothing else is needed to resume a run. The batches are a function of the step, the learning rate is
a function of the optimizer's step count, and the file name contains the step.
"""

from pathlib import Path

import keras
import numpy as np

from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.errors import ModelError, OnestrokeError
from onestroke.train.style_trainer import StyleTrainer

ADVICE = (
    "the earlier checkpoints are kept; train again in a new folder with a lower "
    "train.learning_rate, train.clip_norm=1 or train.precision=float32"
)


class DivergedError(OnestrokeError):
    """The loss or a weight became infinite or not a number."""


def save_checkpoint(path: Path, trainer: StyleTrainer, step: int) -> None:
    """Writes the network and the optimizer after ``step`` steps. A kill leaves no partial file.

    Raises:
        DivergedError: a weight is not finite; nothing is written.
    """
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _variables(trainer).items()}
    if not all(np.isfinite(v).all() for name, v in arrays.items() if name.startswith("network")):
        raise DivergedError(
            f"the training diverged: a weight is not finite after step {step}; {ADVICE}"
        )
    write_arrays(path, arrays)


def restore_checkpoint(path: Path, trainer: StyleTrainer) -> None:
    """Restores a built trainer.

    Raises:
        ModelError: the file is broken, or belongs to a network with other variables. What to do
            depends on the other checkpoints.
    """
    variables = _variables(trainer)
    try:
        values = read_arrays(path, list(variables))
    except (OSError, BrokenArraysError) as error:
        raise ModelError(
            f"the checkpoint {path} is broken or of another network ({error})"
        ) from error
    for name, variable in variables.items():
        stored = values[name]
        if variable.shape != stored.shape or stored.dtype.kind not in "fiub":
            raise ModelError(
                f"the checkpoint {path} is of another network: the shape of {name} differs"
            )
    for name, variable in variables.items():
        variable.assign(values[name])


def _variables(trainer: StyleTrainer) -> dict[str, keras.Variable]:
    """Returns the variables by position. The names that Keras gives differ between processes."""
    network = {f"network.{i:03d}": v for i, v in enumerate(trainer.network.variables)}
    optimizer = {f"optimizer.{i:03d}": v for i, v in enumerate(trainer.optimizer.variables)}
    return network | optimizer
