"""The examples: the cells of the notebook run in order, and a Ray cluster paints a folder."""

import importlib
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestroke

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = EXAMPLES / "first_style.ipynb"
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray uses what it deprecates
def test_a_cluster_paints_a_folder_although_a_worker_dies(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), str(EXAMPLES.parent)]))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
        onestroke.write_picture(tmp_path / "photos" / f"{number:02d}.png", pixels)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    paint_cluster = importlib.import_module("paint_cluster")
    dead = tmp_path / "dead"

    class MortalWorker(paint_cluster.PaintWorker):
        def paint(self, source: str, target: str) -> str:
            if source.endswith("05.png") and not dead.exists():
                dead.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().paint(source, target)

    ray.init(num_cpus=2, include_dashboard=False)
    try:
        options = {"model": "base_mobile", "workers": 2, "style": "the_kiss"}
        mistakes = paint_cluster.paint_folder(
            tmp_path / "photos", tmp_path / "painted", worker=MortalWorker, **options
        )
    finally:
        ray.shutdown()
    assert dead.exists()
    assert len(mistakes) == 1
    assert "broken.png" in mistakes[0]
    names = sorted(path.name for path in (tmp_path / "painted").iterdir())
    assert names == [f"{number:02d}.png" for number in range(12)]
    stylizer = onestroke.load("base_mobile")
    for name in (names[0], names[5]):
        expected = stylizer(tmp_path / "photos" / name, style="the_kiss")
        assert np.array_equal(onestroke.read_picture(tmp_path / "painted" / name).pixels, expected)
