"""A run that is ready to train: settings resolved, inputs read, folder created."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onestroke.train.moved_inputs import record_inputs
from onestroke.train.run_folder import RunFolder
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
        run: the run folder; exists and has equal settings.
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

    Args:
        recipe: the settings; see ``train.settings``.
        folder: the run folder: new, empty, or of a run with equal settings.
        moved: whether the recipe has new places of the run's inputs; see ``moved_inputs``.
        on_phase: called when a phase begins.

    Raises:
        OnestrokeError: a setting, a file or the folder is missing, broken or does not fit.
            Nothing is written before all inputs have been read.
    """
    on_phase("reading paintings and photographs")
    inputs = read_training_inputs(recipe)
    settings = record_inputs(resolve_settings(recipe), inputs)
    check_training_memory(settings)
    run = RunFolder(Path(folder))
    settings = run.begin(settings, moved=moved)
    return PreparedRun(settings, inputs, run)
