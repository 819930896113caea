"""Checkpoints: all that a run needs to go on as if it had never stopped.

The batches are a function of the step and the learning rate of the optimizer's count, so network
and optimizer are everything; the file's name tells the step.
"""

from pathlib import Path

import keras
import numpy as np

from onestroke.errors import ModelError, OnestrokeError
from onestroke.files import BROKEN_ARRAYS, write_arrays
from onestroke.train.style_trainer import StyleTrainer

ADVICE = (
    "earlier checkpoints are kept: train again in a new folder with a lower train.learning_rate, "
    "train.clip_norm=1 or train.precision=float32"
)


class DivergedError(OnestrokeError):
    """The loss or a weight became infinite or not a number."""


def save_checkpoint(path: Path, trainer: StyleTrainer, step: int) -> None:
    """Writes network and optimizer after ``step`` steps to ``path``, whole or not at all.

    Raises:
        DivergedError: a weight is not finite; nothing is written.
    """
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _variables(trainer).items()}
    if not all(np.isfinite(v).all() for name, v in arrays.items() if name.startswith("network")):
        raise DivergedError(f"expected finite weights; some are not after step {step}; {ADVICE}")

    write_arrays(path, arrays)


def restore_checkpoint(path: Path, trainer: StyleTrainer) -> None:
    """Restores a built trainer.

    Raises:
        ModelError: the file is broken, or of a network with other variables.
    """
    variables = _variables(trainer)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in variables}
    except BROKEN_ARRAYS as error:
        raise ModelError(
            f"expected a checkpoint of this run; {path} is broken or of another network ({error})"
        ) from error
    for name, variable in variables.items():
        if variable.shape != values[name].shape:
            raise ModelError(f"expected a checkpoint of this run; {path} has other shapes: {name}")
    for name, variable in variables.items():
        variable.assign(values[name])


def _variables(trainer: StyleTrainer) -> dict[str, keras.Variable]:
    """Names by place: Keras' own names differ between processes."""
    network = {f"network.{i:03d}": v for i, v in enumerate(trainer.network.variables)}
    optimizer = {f"optimizer.{i:03d}": v for i, v in enumerate(trainer.optimizer.variables)}
    return network | optimizer
