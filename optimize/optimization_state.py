"""The state file of an optimisation, from which it is resumed."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.errors import ModelError, SettingsError
from onestroke.files import BROKEN_ARRAYS, write_arrays
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


def load_state(path: Path, fingerprint: str) -> State:
    """Reads the state of the optimisation with this fingerprint.

    Raises:
        SettingsError: the state belongs to another optimisation.
        ModelError: the file is broken.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            header = json.loads(str(arrays["header"]))
            memory = {
                name.removeprefix("memory."): arrays[name]
                for name in arrays.files
                if name.startswith("memory.")
            }
            state = State(header["level"], header["iteration"], Descent(arrays["picture"], memory))
            found = header["fingerprint"]
    except BROKEN_ARRAYS as error:
        raise ModelError(
            f"the state file {path} is broken ({error}); delete it to start again"
        ) from error
    if found != fingerprint:
        raise SettingsError(
            f"{path} belongs to an unfinished optimisation of other pictures or settings; finish "
            "that one, delete the file, or choose another output"
        )
    return state
