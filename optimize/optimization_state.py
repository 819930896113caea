"""The state file of an optimisation, from which it is resumed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.errors import ModelError, SettingsError
from onestroke.optimize.descent import Descent


@dataclass
class State:
    """The state of an optimisation.

    Attributes:
        level: number of the size, 0 for the coarsest.
        iteration: iterations done at that size.
        descent: the picture and the arrays of the method.
    """

    level: int
    iteration: int
    descent: Descent


def save_state(path: Path, state: State, fingerprint: str) -> None:
    """Writes the state of the optimisation with this fingerprint."""
    header = {"fingerprint": fingerprint, "level": state.level, "iteration": state.iteration}
    arrays = {"header": np.array(json.dumps(header)), "picture": state.descent.picture}
    arrays |= {f"memory.{name}": array for name, array in state.descent.memory.items()}
    write_arrays(path, arrays)


def load_state(path: Path, fingerprint: str, sizes: Sequence[tuple[int, int]]) -> State:
    """Reads the state of an optimisation.

    Args:
        path: the file.
        fingerprint: of the optimisation.
        sizes: heights and widths of its levels.

    Raises:
        SettingsError: the state belongs to another optimisation.
        ModelError: the file is broken.
    """
    try:
        arrays = read_arrays(path)
        header = json.loads(str(arrays["header"]))
        found, level, iteration = (header[key] for key in ("fingerprint", "level", "iteration"))
        picture = arrays["picture"]
    except (OSError, BrokenArraysError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"the state file {path} is broken ({error}); delete it to start again"
        ) from error
    if found != fingerprint:
        raise SettingsError(
            f"{path} belongs to an unfinished optimisation of other pictures or settings; finish "
            "that one, delete the file, or choose another output"
        )
    levels = range(len(sizes))
    if level not in levels or type(iteration) is not int or iteration < 0:
        raise ModelError(f"the state file {path} is broken (its header); delete it to start again")
    if picture.shape != (*sizes[level], 3) or picture.dtype.kind != "f":
        raise ModelError(f"the state file {path} is broken (its picture); delete it to start again")
    memory = {
        name.removeprefix("memory."): array
        for name, array in arrays.items()
        if name.startswith("memory.")
    }
    return State(level, iteration, Descent(picture, memory))
