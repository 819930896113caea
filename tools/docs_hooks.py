"""Hooks of MkDocs: shows mkdocstrings the package as one tree.

The sub-packages of ``onestroke`` are top-level folders, which mkdocstrings cannot find. This module
copies them to ``build/package/onestroke``, as an installation does. Links are not enough:
mkdocstrings resolves them.
"""

import shutil
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TREE = ROOT / "build" / "package"


def on_config(config: Any) -> Any:
    """Copies the package before MkDocs reads the pages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = project["tool"]["setuptools"]["package-dir"]
    shutil.rmtree(TREE, ignore_errors=True)
    for package, folder in sorted(folders.items()):
        target = TREE.joinpath(*package.split("."))
        target.mkdir(parents=True, exist_ok=True)
        for file in (ROOT / folder).glob("*.py"):
            shutil.copy(file, target)
    return config
