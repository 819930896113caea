"""Hooks of MkDocs: prepares the package for mkdocstrings and writes the tables of settings.

The sub-packages of ``onestroke`` are top-level folders, which mkdocstrings cannot find. They are
copied to ``build/package/onestroke``, as an installation does; mkdocstrings would resolve links.
"""

import json
import re
import shutil
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
TREE = ROOT / "build" / "package"


def on_startup(**_: Any) -> None:
    """Copies the package before the plugins start; mkdocstrings ignores missing folders."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = project["tool"]["setuptools"]["package-dir"]
    shutil.rmtree(TREE, ignore_errors=True)
    for package, folder in sorted(folders.items()):
        target = TREE.joinpath(*package.split("."))
        target.mkdir(parents=True, exist_ok=True)
        for file in (ROOT / folder).glob("*.py"):
            shutil.copy(file, target)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replaces ``<!-- settings MODULE.CLASS -->`` by a table of the settings in that class."""
    return re.sub(
        r"<!-- settings (\S+)\.(\w+) -->",
        lambda match: settings_table(getattr(import_module(match[1]), match[2])),
        markdown,
    )


def settings_table(section: type[BaseModel]) -> str:
    """Returns a Markdown table with the name, default and description of every setting."""
    rows = ["| setting | default | description |", "|---|---|---|"]
    for name, field in section.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else f"`{json.dumps(default)}`"
        description = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {shown} | {description.replace('``', '`')} |")
    return "\n".join(rows)
