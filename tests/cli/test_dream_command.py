"""``onestroke dream``: pictures, intermediate pictures, resuming, mistakes."""

import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import ExifTags, Image

from onestroke.pictures import read_picture

TINY = ["--layer", "relu1_2", "--set", "dream.octaves=2", "--set", "dream.iterations=3"]


@pytest.fixture(autouse=True)
def no_cache_of_keras(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))


def test_the_picture_and_the_intermediate_pictures_are_written(run, photograph, tmp_path):
    goal, frames = tmp_path / "out" / "dream.png", tmp_path / "frames"
    status, said, error = run(
        "dream", photograph, "--output", goal, "--frames", frames, "--frame-every", 2, *TINY
    )
    assert (status, error) == (0, "")
    assert "Network: the bundled vgg19, because InceptionV3's weights are not in Keras'" in said
    assert "iteration 6/6  loss " in said
    assert f"Picture: {goal}" in said
    dreamt = read_picture(goal).pixels
    before = read_picture(photograph).pixels
    assert dreamt.shape == before.shape
    assert np.abs(dreamt.astype(int) - before).mean() > 5
    assert [file.name for file in goal.parent.iterdir()] == ["dream.png"]
    pictures = [f"iteration_00000{number}.png" for number in (2, 4, 6)]
    assert sorted(file.name for file in frames.glob("*.png")) == pictures
    losses = [json.loads(line) for line in (frames / "losses.jsonl").read_text().splitlines()]
    assert [entry["iteration"] for entry in losses] == [1, 2, 3, 4, 5, 6]
    assert losses[2]["loss"] > losses[0]["loss"]


def test_several_photographs_and_one_that_is_broken(run, photograph, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "c.png"):
        (photos / name).write_bytes(photograph.read_bytes())
    (photos / "b.png").write_bytes(b"no picture")
    status, said, error = run("dream", photos, "--output", tmp_path / "dreams", *TINY)
    assert status == 2
    assert error.startswith("onestroke: ")
    assert "b.png" in error
    assert error.count("\n") == 1
    assert sorted(file.name for file in (tmp_path / "dreams").iterdir()) == ["a.png", "c.png"]
    assert said.count("Picture: ") == 2


def test_transparency_and_date_are_kept(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2026:11:26 02:00:00"
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    status, _, error = run(
        "dream", tmp_path / "photo.png", "--output", tmp_path / "dream.png", "--size", 32, *TINY
    )
    assert (status, error) == (0, "")
    with Image.open(tmp_path / "dream.png") as picture:
        assert picture.size == (32, 26)
        assert picture.mode == "RGBA"
        assert picture.getexif()[ExifTags.Base.DateTime] == "2026:11:26 02:00:00"


def test_another_network_with_a_guide(run, photograph, tmp_path):
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(4, 3, name="mixed4")
    keras.Model(image, layer(image)).save(tmp_path / "small.keras")
    status, said, error = run(
        "dream", photograph, "--output", tmp_path / "dream.png",
        "--network", tmp_path / "small.keras", "--layer", "mixed4:2", "--guide", photograph,
        "--preserve-color", "--set", "dream.octaves=1", "--set", "dream.iterations=2",
    )  # fmt: skip
    assert (status, error) == (0, "")
    assert "Network: " not in said
    assert (tmp_path / "dream.png").is_file()


def test_an_interrupted_command_resumes_and_repeats_no_picture(photograph, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(photograph.read_bytes())
    command = [sys.executable, "-m", "onestroke", "dream", photos, "--output", tmp_path / "dreams"]
    command += [*TINY, "--set", "dream.iterations=200", "--set", "dream.max_loss=null"]
    words = list(map(str, command))
    seen = ""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as first:
        for line in first.stdout:
            seen += line
            if "Picture: " in seen and line.startswith("iteration 20/"):
                first.send_signal(signal.SIGTERM)
                break
        seen += first.stdout.read()
    assert first.returncode == 128 + signal.SIGTERM, seen
    assert "Run the same command to resume" in seen
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Resuming at iteration 400 of 400." in done.stdout
    assert done.stdout.count("Resuming at iteration") == 2
    assert sorted(file.name for file in (tmp_path / "dreams").iterdir()) == ["a.png", "b.png"]


def test_mistakes_are_one_line(mistake, photograph, tmp_path):
    goal = tmp_path / "dream.png"
    assert "unknown network vgg16; choose" in mistake(
        "dream", photograph, "--output", goal, "--network", "vgg16"
    )
    assert "vgg19 has no layer mixed4; the layers" in mistake(
        "dream", photograph, "--output", goal, "--layer", "mixed4", "--network", "vgg19"
    )
    assert "too small for the layer relu" in mistake("dream", photograph, "--output", goal)
    assert "is an input and would be overwritten" in mistake(
        "dream", photograph, "--output", photograph
    )
    guide = tmp_path / "guide.png"
    guide.write_bytes(photograph.read_bytes())
    assert "is the guide and would be overwritten" in mistake(
        "dream", photograph, "--output", guide, "--guide", guide
    )
    assert "none.jpg" in mistake("dream", tmp_path / "none.jpg", "--output", goal)
    assert "did you mean dream.step?" in mistake(
        "dream", photograph, "--output", goal, "--set", "dream.stp=3"
    )
    assert "no picture" in mistake(
        "dream", photograph, "--output", goal, "--guide", tmp_path / "none.jpg", *TINY
    )
    assert not goal.exists()
