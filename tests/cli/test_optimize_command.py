"""``onestroke optimize``: the picture, the intermediate pictures, resuming, mistakes."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import ExifTags, Image

from onestroke.pictures import read_picture, resize
from onestroke.stylize.model import load

TINY_LOSS = ["--set", "loss.content={relu2_1: 1}", "--set", "loss.style={relu1_1: 1}"]


def test_the_picture_and_the_intermediate_pictures_are_written(run, photograph, tmp_path):
    goal, frames = tmp_path / "out" / "painted.jpg", tmp_path / "frames"
    status, said, error = run(
        "optimize", photograph, "--style", "bundled", "--output", goal, "--size", 48,
        "--frames", frames, "--frame-every", 3, "--set", "optimize.iterations=4", *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    assert "iteration 4/4  loss " in said
    assert "Style loss " in said
    assert f"Picture: {goal}" in said
    with Image.open(goal) as picture:
        assert picture.size == (48, 36)
    assert [file.name for file in goal.parent.iterdir()] == ["painted.jpg"]
    pictures = ["iteration_000003.png", "iteration_000004.png"]
    assert sorted(file.name for file in frames.iterdir()) == [
        *pictures, "losses.jsonl", "optimization.txt",
    ]  # fmt: skip
    losses = [json.loads(line) for line in (frames / "losses.jsonl").read_text().splitlines()]
    assert [entry["iteration"] for entry in losses] == [1, 2, 3, 4]
    assert losses[-1]["style"] < losses[0]["style"]


ONE_TINY_STEP = [  # changes a pixel by less than half a value
    "--set", "optimize.iterations=1", "--set", "optimize.method=adam",
    "--set", "optimize.learning_rate=0.001",
]  # fmt: skip


@pytest.mark.parametrize("start", ["noise", "picture", "model"])
def test_the_initial_picture_can_be_chosen(run, photograph, trained, tmp_path, start):
    green = np.full((48, 64, 3), (20, 200, 30), np.uint8)
    Image.fromarray(green).save(tmp_path / "green.png")
    place = {"picture": tmp_path / "green.png", "model": trained}.get(start, start)
    goal = tmp_path / "painted.png"
    status, _, error = run(
        "optimize", photograph, "--style", "bundled", "--output", goal, "--start", place,
        "--size", 32, *ONE_TINY_STEP, *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    painted = read_picture(goal).pixels
    assert painted.shape == (24, 32, 3)
    if start == "noise":
        assert painted.std() > 65
    else:
        content = resize(read_picture(photograph).pixels, (24, 32))
        expected = green[:24, :32] if start == "picture" else load(trained)(content)
        assert np.abs(painted.astype(int) - expected).max() <= 1


def test_preserve_color_keeps_colours_and_transparency(run, tmp_path):
    gray = np.linspace(0, 255, 30 * 40).reshape(30, 40, 1).repeat(4, -1).astype(np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Camera"
    Image.fromarray(gray).save(tmp_path / "photo.png", exif=exif)
    status, _, error = run(
        "optimize", tmp_path / "photo.png", "--style", "bundled", "--preserve-color", "--strip",
        "--output", tmp_path / "painted.png", "--size", 40, "--start", "noise",
        *ONE_TINY_STEP, *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    painted = read_picture(tmp_path / "painted.png", with_metadata=True)
    assert painted.metadata is None
    assert np.ptp(painted.pixels.astype(int), axis=-1).max() <= 1  # gray, as the photograph is
    np.testing.assert_array_equal(painted.alpha, gray[..., 3])


def test_an_interrupted_optimisation_is_resumed(photograph, tmp_path):
    goal = tmp_path / "painted.png"
    command = [
        sys.executable, "-m", "onestroke", "optimize", photograph, "--style", "bundled",
        "--output", goal, "--size", "32", "--set", "optimize.iterations=400", *TINY_LOSS,
    ]  # fmt: skip
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line.startswith("iteration 20/"):
                break
        first.send_signal(signal.SIGTERM)
        rest = first.stdout.read()
    assert first.returncode == 128 + signal.SIGTERM
    assert "Run the same command to resume." in rest
    assert not goal.exists()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\nResuming at iteration " in done.stdout
    assert goal.exists()
    assert len(list(tmp_path.iterdir())) == 2  # the photograph and the picture


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.png", "--style", "bundled"], "no picture none.png; check the path"),
        (["photo.png"], "no painting is given; add --style PATH"),
        (["photo.png", "--config", "cpu"], "cannot read the recipe cpu ("),
        (["photo.png", "--style", "none.jpg"], "none.jpg; check the path"),
        (["photo.png", "--style", "bundled:0"], "bundled:0: the weight must be above 0"),
        (["photo.png", "--style", "bundled", "--size", "9"], "optimize.size: input should be"),
        (["photo.png", "--style", "bundled", "--start", "no.png"], "no.png; check the path"),
        (["photo.png", "--style", "bundled", "--start", "none"], "no model "),
    ],
)
def test_mistakes_end_in_one_line(mistake, photograph, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    error = mistake("optimize", *arguments, "--output", "painted.png")
    assert expected in error
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photo.png"]


def test_unknown_picture_formats_are_refused(mistake, photograph):
    error = mistake("optimize", photograph, "--style", "bundled", "--output", "painted.gif")
    assert ".gif" in error


@pytest.mark.parametrize("read", ["content", "style", "start"])
def test_inputs_are_not_overwritten(mistake, photograph, tmp_path, read):
    given = {"content": "photo.png", "style": "bundled", "start": "noise"}
    other = tmp_path / "other.png"
    shutil.copy(photograph, other)
    given[read] = other
    before = other.read_bytes()
    error = mistake(
        "optimize", tmp_path / given["content"], "--style", given["style"],
        "--start", given["start"], "--output", other,
    )  # fmt: skip
    assert "other.png is a picture that is read; choose another --output" in error
    assert other.read_bytes() == before


def test_an_output_that_cannot_be_written_is_refused_at_once(mistake, photograph, tmp_path):
    (tmp_path / "taken.png").mkdir()
    target = tmp_path / "taken.png"
    error = mistake("optimize", photograph, "--style", "bundled", "--output", target)
    assert "taken.png: it is a folder" in error
