"""What resumes the optimisation of a picture: one small file, whole or not at all."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.errors import ModelError, SettingsError
from onestroke.files import BROKEN_ARRAYS, write_arrays
from onestroke.fingerprint import fingerprint_of
from onestroke.losses.style_targets import MEASURED_AS
from onestroke.optimize.descent import Descent
from onestroke.optimize.picture_inputs import PictureInputs
from onestroke.optimize.picture_settings import PictureSettings


@dataclass
class State:
    """Where an optimisation stands.

    Attributes:
        level: which size, 0 for the coarsest.
        iteration: of that size.
        descent: the picture, and what the method remembers.
    """

    level: int
    iteration: int
    descent: Descent


def fingerprint(settings: PictureSettings, ingredients: PictureInputs) -> str:
    """Returns a name that is the same for equal settings, pictures and weights alone."""
    about = (MEASURED_AS, settings.model_dump_json(), ingredients.vgg19.sha256)
    return fingerprint_of(about, [ingredients.photograph.pixels, *ingredients.paintings])


def save_state(path: Path, state: State, fingerprint: str) -> None:
    """Writes the state of the optimisation that the fingerprint is of."""
    header = {"fingerprint": fingerprint, "level": state.level, "iteration": state.iteration}
    arrays = {"header": np.array(json.dumps(header)), "picture": state.descent.picture}
    arrays |= {f"memory.{name}": array for name, array in state.descent.memory.items()}
    write_arrays(path, arrays)


def load_state(path: Path, fingerprint: str) -> State:
    """Reads the state of the optimisation that the fingerprint is of.

    Raises:
        SettingsError: the state is of another optimisation.
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
            f"expected the state of an optimisation; {path} is broken ({error}); delete it to "
            "begin anew"
        ) from error
    if found != fingerprint:
        raise SettingsError(
            f"an unfinished optimisation of other pictures or settings is in {path}; finish it as "
            "it was begun, delete that file, or choose another output"
        )
    return state
