"""A run that is ready to train: settings resolved, inputs read, folder created."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onestroke.errors import SettingsError
from onestroke.train.moved_inputs import record_inputs
from onestroke.train.processes import broadcast, explain_lost_processes, find_place, join_processes
from onestroke.train.run_folder import RunFolder, find_difference
from onestroke.train.settings import Settings, resolve_settings
from onestroke.train.training_inputs import (
    TrainingInputs,
    check_training_memory,
    read_training_inputs,
)


@dataclass(frozen=True)
class PreparedRun:
    """The checked inputs of a training.

    Attributes:
        settings: the resolved settings.
        inputs: the pictures and weights that the settings name.
        run: the run folder; of process 0, exists and has equal settings.
    """

    settings: Settings
    inputs: TrainingInputs
    run: RunFolder


def prepare_run(
    recipe: Settings,
    folder: Path | str,
    *,
    moved: bool = False,
    on_phase: Callable[[str], object] = lambda name: None,
) -> PreparedRun:
    """Reads the inputs of a recipe, resolves its settings, and creates or opens the run folder.

    A process that was started as one of several joins the others first; see ``processes``.

    Args:
        recipe: the settings; see ``train.settings``.
        folder: the run folder: new, empty, or of a run with equal settings.
        moved: whether the recipe has new places of the run's inputs; see ``moved_inputs``.
        on_phase: called when a phase begins.

    Raises:
        OnestrokeError: a setting, a file or the folder is missing, broken or does not fit.
            Nothing is written before all inputs have been read.
    """
    join_processes()
    on_phase("reading paintings and photographs")
    inputs = read_training_inputs(recipe)
    settings = record_inputs(resolve_settings(recipe), inputs)
    check_training_memory(settings)
    run = RunFolder(Path(folder))
    if find_place().number == 0:
        settings = run.begin(settings, moved=moved)
    with explain_lost_processes():
        _check_equal(settings)
    return PreparedRun(settings, inputs, run)


def _check_equal(settings: Settings) -> None:
    """Raises a SettingsError in a process whose settings are not those of process 0."""
    own = settings.model_dump(mode="json")
    first = json.loads(broadcast(json.dumps(own).encode()))
    key, here, there = find_difference(own, first)
    if key:
        raise SettingsError(
            f"{key} is {here!r} in process {find_place().number} and {there!r} in process 0; start "
            "the same command with the same files on all machines"
        )
