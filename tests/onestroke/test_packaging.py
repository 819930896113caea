"""The wheel contains every file of the packages, and imports follow the architecture."""

import ast
import re
import tomllib
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
FOUNDATION = "onestroke"  # the modules of this folder are open to all packages

# docs/architecture.md: imports point one way.
MAY_IMPORT = {
    "configs": set(),
    "models": set(),
    "data": {"models", "stylize"},
    "losses": {"data", "models"},
    "stylize": {"models"},
    "train": {"configs", "data", "losses", "models", "stylize"},
    "optimize": {"data", "losses", "models", "stylize"},
    "evaluate": {"data", "losses", "models", "optimize", "stylize", "train"},
    "export": {"data", "models", "stylize"},
    "cli": {*PACKAGES} - {"cli"},
}

# Only these modules import TensorFlow or Keras when they are imported themselves.
NEEDS_TENSORFLOW = re.compile(
    r"(models/(face_encoder|face_networks|layers|replicas|transform_network|style_rows|vgg19|winograd)"
    r"|losses/(dream_objective|face_identity|objective|palette_term|stability|style_targets|terms|triplet)"
    r"|optimize/(coarse_to_fine|descent|picture_optimization)|evaluate/(evaluation|yardstick)|stylize/keras_painter"
    r"|export/(onnx_file|servable|saved_model_file|tflite_file)"
    r"|train/(batches|callbacks|checkpoint|devices|face_training|initial_rows|journal|learning_rate"
    r"|lent_batches|muon|step_benchmark|step_callback|style_means|style_trainer|training|validation))\.py"
)


def imported_names(tree: ast.AST, *, top_level: bool = False) -> list[str]:
    """Returns what a module imports, as ``module`` or ``module.name``."""
    names = []
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


def owner(name: str) -> tuple[str, str] | None:
    """Returns the package and the module that an imported name of ours belongs to."""
    parts = name.split(".")
    if parts[0] != "onestroke" or len(parts) < 2 or name == "onestroke.__version__":
        return None
    if parts[1] in PACKAGES and parts[1] != FOUNDATION:
        return parts[1], ".".join(parts[1:3])
    return FOUNDATION, f"{FOUNDATION}.{parts[1]}"


def modules(package: str) -> dict[str, ast.Module]:
    return {
        f"{package}.{path.stem}": ast.parse(path.read_text())
        for path in sorted((ROOT / package).glob("*.py"))
        if path.stem != "__init__"
    }


def test_every_package_is_in_the_wheel():
    names = {"onestroke" if p == FOUNDATION else f"onestroke.{p}": p for p in PACKAGES}
    assert BUILD["package-dir"] == names
    assert sorted(BUILD["packages"]) == sorted(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_the_wheel(package):
    name = "onestroke" if package == FOUNDATION else f"onestroke.{package}"
    folder = ROOT / package
    listed = {path for glob in BUILD["package-data"].get(name, []) for path in folder.glob(glob)}
    files = {
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.parent != folder
    } | {path for path in folder.glob("*") if path.is_file() and path.suffix != ".py"}
    assert files == listed


def test_every_package_has_a_rule():
    assert {*PACKAGES} - {FOUNDATION} == MAY_IMPORT.keys()


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_those_below(package):
    for module, tree in modules(package).items():
        for name in imported_names(tree):
            assert name.split(".")[0] not in PACKAGES or name.startswith("onestroke"), name
            found = owner(name)
            allowed = MAY_IMPORT[package] | {package, FOUNDATION}
            assert found is None or found[0] in allowed, f"{module} imports {name}"


def test_the_foundation_imports_no_package():
    lazy = {"onestroke.__main__"}
    for module, tree in modules(FOUNDATION).items():
        for name in imported_names(tree):
            found = owner(name)
            assert module in lazy or found is None or found[0] == FOUNDATION, (module, name)


def test_modules_have_no_cycles():
    graph = {
        module: {found[1] for name in imported_names(tree) if (found := owner(name))}
        for package in PACKAGES
        for module, tree in modules(package).items()
    }
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert {"models.transform_network", "cli.app"} <= {*order}


def test_tensorflow_is_imported_late():
    heavy = {"tensorflow", "keras", "tensorflow_datasets", "scipy", "ai_edge_quantizer"}
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).glob("*.py"):
            names = imported_names(ast.parse(path.read_text()), top_level=True)
            if heavy & {name.split(".")[0] for name in names}:
                found.add(str(path.relative_to(ROOT)))
    assert {path for path in found if not NEEDS_TENSORFLOW.fullmatch(path)} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_commands_stay_short(path):
    """A command parses, calls the library once and prints; its logic belongs to the library."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.body[0].lineno < 40, node.name


def test_names_are_used_once():
    """A command has the name of its verb; otherwise a name leads to one module."""
    names, stems = defaultdict(set), defaultdict(set)
    for package in PACKAGES:
        for module, tree in modules(package).items():
            stems[module.split(".")[1]].add(module)
            if package != "cli":
                for node in tree.body:
                    if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                        names[node.name].add(module)
    assert {name: places for name, places in names.items() if len(places) > 1} == {}
    assert {stem: places for stem, places in stems.items() if len(places) > 1} == {}
