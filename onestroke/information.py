"""Says what a style file or a run is, without starting TensorFlow."""

from pathlib import Path

import yaml

from onestroke.stylize.style_file import read_config
from onestroke.train.run import RunFolder


def describe(path: Path) -> str:
    """Returns YAML that describes a style file or a run folder.

    Raises:
        ModelError: the path is neither.
    """
    return yaml.safe_dump(
        _of_run(RunFolder(path)) if path.is_dir() else read_config(path), sort_keys=False
    ).rstrip()


def _of_run(run: RunFolder) -> dict:
    settings = run.settings()
    steps = run.checkpoint_steps()
    return {
        "steps": f"{steps[-1] if steps else 0} of {settings.train.steps}",
        "style_file": str(run.style_file) if run.style_file.is_file() else None,
        "latest": run.metrics()[-1:],
        "settings": settings.model_dump(mode="json"),
    }
