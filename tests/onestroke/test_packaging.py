"""The wheel holds what the repository holds, and rooms import only whom they may."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
DOORS = {"errors", "extras", "files", "machine", "pictures", "weights"}  # open to all rooms
MAY_IMPORT = {
    "configs": set(),
    "models": {"models", "errors"},
    "train": {"configs", "models", "train", *DOORS},
    "stylize": {"models", "stylize", *DOORS},
    "export": {"models", "stylize", "export", *DOORS},
}


def test_every_room_is_packaged():
    packages = {"onestroke" if room == "onestroke" else f"onestroke.{room}": room for room in ROOMS}
    assert BUILD["package-dir"] == packages
    assert sorted(BUILD["packages"]) == sorted(packages)


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_is_packaged(room):
    package = "onestroke" if room == "onestroke" else f"onestroke.{room}"
    folder = ROOT / room
    listed = {path for glob in BUILD["package-data"].get(package, []) for path in folder.glob(glob)}
    files = {
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.parent != folder
    } | {path for path in folder.glob("*") if path.is_file() and path.suffix != ".py"}
    assert files == listed


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_import_whom_they_may(room):
    for path in (ROOT / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                assert name.split(".")[0] not in ROOMS or name.startswith("onestroke"), name
                if name.startswith("onestroke.") and name != "onestroke.__version__":
                    assert name.split(".")[1] in MAY_IMPORT[room], f"{path.name} imports {name}"
