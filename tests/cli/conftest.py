"""Fixtures of the commands: running one in this process, a finished run, a photograph."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from onestroke.cli import terminal
from onestroke.cli.app import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch, capsys) -> Run:
    """Runs a command in this process; returns the exit status, the output and the errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["onestroke", *map(str, arguments)])
        monkeypatch.setattr(terminal, "silence_exit", lambda: None)  # this process continues
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def mistake(run) -> Callable[..., str]:
    """Runs a command that must end with status 2 and one line, which is returned."""

    def call(*arguments: object) -> str:
        status, _, error = run(*arguments)
        assert status == 2
        assert error.startswith("onestroke: "), error
        assert error.count("\n") == 1, error
        return error

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A finished run of three steps; the command's output is in ``printed.txt`` beside it."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = {
        "network": {"preset": "mobile"},
        "style": {"size": 48},
        "loss": {"content": {"relu2_1": 1}, "style": {"relu1_1": 1}},
        "data": {"crop": 32, "batch": 1, "validation_size": 48},
        "train": {"steps": 3, "precision": "float32", "log_every": 1},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    options = ["--config", str(folder / "recipe.yaml"), "--run", str(folder / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "onestroke", "train", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a message of TensorFlow or LiteRT is shown"
    (folder / "printed.txt").write_text(done.stdout)
    return folder / "run"


@pytest.fixture
def photograph(tmp_path) -> Path:
    """A small colour ramp."""
    ramp = np.linspace(0, 255, 30 * 40 * 3).reshape(30, 40, 3)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"
