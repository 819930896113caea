"""``onestroke benchmark``: the tables and the files."""

import json
import os

import pytest
from PIL import Image

from onestroke.onednn import SWITCH


def test_a_recipe_has_pipeline_and_shares(run, tiny_recipe, monkeypatch):
    from onestroke.train import step_benchmark

    monkeypatch.setattr(step_benchmark, "PIPELINE_SECONDS", 0.1)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv(SWITCH, "")  # restored after the test
    monkeypatch.delenv(SWITCH)
    status, said, _ = run("benchmark", "--config", tiny_recipe, "--size", 32, "--runs", 1)
    assert status == 0
    assert os.environ[SWITCH] == "1"  # as in a training
    for words in ("pipeline", "VGG19", "network", "input"):
        assert words in said
    row = next(line for line in said.splitlines() if "float32" in line)
    crop, _, steps, pictures, pipeline, *shares = row.replace("│", " ").split()
    assert crop == "32"
    assert float(pictures) == pytest.approx(2 * float(steps), abs=0.2)  # a batch of two
    assert float(pipeline) > 0
    assert sum(int(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=2)


def test_times_of_models_are_printed_saved_and_plotted(run, trained, tmp_path):
    kept, drawn = tmp_path / "times.json", tmp_path / "times.png"
    where = ["--json", kept, "--plot", drawn]
    status, said, error = run(
        "benchmark", "--model", trained, "--size", "32x40", "--threads", 1, "--runs", 2, *where
    )
    assert status == 0, error
    for words in ("32x40", "quartiles", "peak MB", str(trained)):
        assert words in said
    (timing,) = json.loads(kept.read_text())["timings"]
    assert (timing["model"], timing["threads"], len(timing["seconds"])) == (str(trained), 1, 2)
    with Image.open(drawn) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "give either --model MODEL to time painting or --config RECIPE"),
        (["--model", "absent.tflite"], "absent.tflite"),
        (["--model", "m", "--config", "CONFIG"], "give either --model MODEL"),
        (
            ["--config", "CONFIG", "--threads", "1"],
            "--threads, --json, --plot and --runtime need --model",
        ),
        (["--config", "CONFIG", "--size", "4x4"], "give --size N, not 4x4"),
        (["--model", "m", "--precision", "float32"], "--precision and --set need --config"),
        (["--model", "m", "--plot", "a.bmp"], ".png, .svg or .pdf"),
    ],
)
def test_mistakes_end_in_one_line(mistake, tiny_recipe, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    places = {"CONFIG": str(tiny_recipe)}
    assert expected in mistake("benchmark", *(places.get(a, a) for a in arguments))
    assert list(tmp_path.iterdir()) == [tiny_recipe]
