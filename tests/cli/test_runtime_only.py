"""Painting needs no TensorFlow: not in this environment, and not to be installed."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]

# Runs commands in one process, then prints which of the trainer's packages were imported.
COMMANDS = """
import json, sys
from onestroke.cli import app
for arguments in json.loads(sys.argv[1]):
    app.app(arguments, standalone_mode=False)
import onestroke, numpy as np
stylizer = onestroke.load("base_mobile")
assert stylizer(np.zeros((32, 48, 3), np.uint8)).shape == (32, 48, 3)
heavy = ("tensorflow", "keras", "jax", "torch", "scipy", "h5py", "ai_edge_quantizer")
print("HEAVY", [name for name in heavy if name in sys.modules])
"""
NO_TENSORFLOW = "this command needs"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    path = tmp_path / "photo.jpg"
    Image.fromarray(random.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
    return path


def painting_commands(photo: Path, folder: Path) -> list[list[str]]:
    paint = ["stylize", str(photo), "--model", "base_mobile", "--output"]
    blend = ["--style", "great_wave:0.6", "--style", "the_kiss:0.4", "--strength", "0.8"]
    return [
        [*paint, str(folder / "painted.png")],
        [*paint, str(folder / "blend.jpg"), *blend, "--preserve-color"],
        ["gallery", str(photo), "--output", str(folder / "gallery.html"), "--size", "64"],
        ["styles"],
        ["styles", "--model", "base_mobile"],
        ["info", "base"],
    ]


def check_results(folder: Path) -> None:
    for name in ("painted.png", "blend.jpg"):
        with Image.open(folder / name) as image:
            assert image.size == (64, 48)
    assert (folder / "gallery.html").stat().st_size > 10_000


def test_painting_imports_neither_tensorflow_nor_keras(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float64"}')  # is no reason to start Keras
    commands = json.dumps(painting_commands(photo, tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, commands],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_HOME": str(tmp_path)},
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    check_results(tmp_path)


@pytest.mark.slow
def test_the_wheel_without_extras_paints(photo: Path, tmp_path: Path) -> None:
    """Builds the wheel, installs it into an empty environment, and runs its command there."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            check=check,
            capture_output=True,
            text=True,
            env=clean,
            cwd=tmp_path,
        )

    pip = (binaries / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel)
    installed = run(*pip, "list").stdout.lower()
    assert not {"tensorflow", "keras", "scipy"} & set(installed.split())
    for arguments in painting_commands(photo, tmp_path):
        run(binaries / "onestroke", *arguments)
    check_results(tmp_path)
    for arguments in (
        ["train", "--config", "quickstart", "--run", tmp_path / "run"],
        ["stylize", photo, "--output", tmp_path / "x.png", "--model", "base", "--runtime", "keras"],
    ):
        failed = run(binaries / "onestroke", *arguments, check=False)
        assert failed.returncode == 2
        assert failed.stderr.count("\n") == 1
        assert "pip install 'onestroke[train]'" in failed.stderr
    assert not (tmp_path / "run").exists()
