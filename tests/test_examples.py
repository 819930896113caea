"""The notebook in examples/: its cells run in order, with a training of a few steps."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_style.ipynb"
TINY = {
    "style__size": 48,
    "loss__content": {"relu2_1": 1},
    "loss__style": {"relu1_1": 1, "relu2_1": 1},
    "data__crop": 32,
    "data__validation_size": 48,
    "data__validation_count": 1,
    "train__steps": 2,
}


def read_cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell["outputs"] for cell in notebook["cells"]), "saved with outputs"
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def test_the_notebook_has_six_numbered_cells():
    assert [cell[:4] for cell in read_cells()] == [f"# {i}." for i in range(1, 7)]


def test_the_cells_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    install, paint, *cells = read_cells()
    [extras] = re.findall(r'%pip install -q "onestroke\[(.*)\]"', install)
    assert extras == "train,export"
    names: dict[str, object] = {}
    picture = run_cell(paint.replace('"base"', '"base_mobile"'), names)
    assert isinstance(picture, Image.Image)
    cells[0] = (
        cells[0]
        .replace("settings = {}", f"settings = {TINY}")
        .replace('init="base"', 'init="base_mobile"')
    )
    results = [run_cell(cell, names) for cell in cells]
    assert isinstance(results[1], Image.Image)
    assert (tmp_path / "mine.tflite").is_file()
    assert capsys.readouterr().out.endswith("mine.tflite\n")


def run_cell(source: str, names: dict[str, object]) -> object:
    """Runs a cell; returns the value of a last line that is an expression, as Jupyter does."""
    lines = source.rstrip().splitlines()
    try:
        last = compile(lines[-1], "cell", "eval")
    except SyntaxError:
        exec(source, names)
        return None
    exec("\n".join(lines[:-1]), names)
    return eval(last, names)


@pytest.mark.parametrize("cell", read_cells()[1:])
def test_lines_fit(cell):
    assert max(map(len, cell.splitlines())) <= 100
