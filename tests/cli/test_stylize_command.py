"""``onestroke stylize``: pictures, styles, and what a broken picture does."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from onestroke.pictures import read_picture, read_pixels


def test_stylize_paints_a_picture_at_its_size(run, trained, tmp_path):
    Image.new("RGB", (37, 21), (200, 30, 90)).save(tmp_path / "photo.png")
    status, said, _ = run(
        "stylize", tmp_path / "photo.png", "--model", trained, "--output", tmp_path / "out.png"
    )
    assert status == 0
    assert "1/1" in said
    with Image.open(tmp_path / "out.png") as painted:
        assert painted.size == (37, 21)


def test_styles_are_listed_and_chosen(run, mistake, style_file, tmp_path):
    Image.new("RGB", (37, 21), (200, 30, 90)).save(tmp_path / "photo.png")

    def painted(*styles):
        given = [part for style in styles for part in ("--style", style)]
        output = tmp_path / "out.png"
        options = ("--model", style_file, "--output", output, "--overwrite")
        assert run("stylize", tmp_path / "photo.png", *options, *given)[0] == 0
        return read_pixels(output).astype(int)

    wave, scream = painted("wave"), painted("scream:0.5")
    assert np.abs(wave - scream).max() > 3
    np.testing.assert_array_equal(painted(), wave)
    np.testing.assert_array_equal(painted("wave:2", "scream:0"), wave)
    error = mistake(
        *("stylize", tmp_path / "photo.png", "--model", style_file),
        *("--output", tmp_path / "no.png", "--style", "wawe:0.4"),
    )
    assert "unknown style 'wawe'; did you mean wave?" in error
    assert not (tmp_path / "no.png").exists()


def test_a_file_that_exists_is_kept(run, mistake, trained, photograph, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(b"another photograph")
    arguments = ("stylize", photograph, "--model", trained, "--output", other)
    assert "other.jpg exists; add --overwrite" in mistake(*arguments)
    assert run(*arguments, "--skip-existing")[0] == 0
    assert other.read_bytes() == b"another photograph"
    assert run(*arguments, "--overwrite")[0] == 0
    assert read_pixels(other).shape == (30, 40, 3)


def test_brackets_in_a_name_are_not_markup(run, trained, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "photo [raw] :star:.png")
    source = tmp_path / "photo [raw] :star:.png"
    _, said, _ = run("stylize", source, "--model", trained, "--output", tmp_path / "out [/y].png")
    assert "out [/y].png" in said


def test_strength_zero_returns_the_photograph(run, trained, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    arguments = ("stylize", tmp_path / "photo.png", "--model", trained / "style.keras")
    assert run(*arguments, "--output", tmp_path / "same.png", "--strength", 0)[0] == 0
    np.testing.assert_array_equal(read_pixels(tmp_path / "same.png"), pixels)


def test_a_broken_picture_does_not_stop_the_others(run, trained, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"no picture")
    Image.new("RGB", (20, 20)).save(photos / "b.jpg")
    status, printed, error = run(
        "stylize", photos, "--model", trained, "--output", tmp_path / "out"
    )
    assert status == 2
    assert error.startswith("onestroke: ")
    assert error.count("\n") == 1, "one line per mistake, and no summary that repeats it"
    assert "a.jpg" in error
    assert (tmp_path / "out" / "b.jpg").is_file()
    assert "2/2" in printed
    assert "Painted 1 of 2 pictures in " in printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
def test_a_signal_to_end_leaves_whole_pictures(photograph, tmp_path):
    photos, painted = tmp_path / "photos", tmp_path / "painted"
    photos.mkdir()
    for index in range(300):
        (photos / f"{index:03}.png").write_bytes(photograph.read_bytes())
    command = [sys.executable, "-m", "onestroke", "stylize", photos, "--output", painted]
    words = list(map(str, command))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("1/300 ")
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert rest.endswith("Stopped; the same command with --skip-existing continues.\n")
    written = list(painted.iterdir())
    assert 0 < len(written) < 300
    for file in written:
        assert read_picture(file).pixels.shape == (30, 40, 3)


def test_keras_json_is_ignored(trained, tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    photograph = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)).save(
        photograph
    )
    painted = []
    for name, home in (("one", {}), ("two", {"KERAS_HOME": str(tmp_path)})):
        output = tmp_path / f"{name}.png"
        options = ["--model", str(trained), "--output", str(output)]
        subprocess.run(
            [sys.executable, "-m", "onestroke", "stylize", str(photograph), *options],
            env={**os.environ, **home},
            check=True,
        )
        painted.append(output.read_bytes())
    assert painted[0] == painted[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["PHOTO"], "Missing option '--output'; see `onestroke stylize --help`"),
        (["PHOTO", "--output", "b.jpg", "--strength", "2"], "2"),
        (["PHOTO", "--output", "b.jpg", "--style", "nope"], "'nope'"),
        (["", "--output", "b.jpg"], "empty"),
        (["a.jpg", "--model", "m.keras", "--output", "b.jpg"], "a.jpg"),
    ],
)
def test_mistakes_end_in_one_line(mistake, photograph, monkeypatch, arguments, expected):
    monkeypatch.chdir(photograph.parent)
    places = {"PHOTO": str(photograph)}
    assert expected in mistake("stylize", *(places.get(a, a) for a in arguments))
    assert list(photograph.parent.iterdir()) == [photograph]


@pytest.mark.parametrize(
    ("styles", "expected"),
    [
        ([], "Style: wave, of 2; `onestroke styles --model "),
        (["--style", "scream"], "Style: scream, of 2; "),
        (["--style", "wave:3", "--style", "scream:1"], "Style: wave 75%, scream 25%, of 2; "),
    ],
)
def test_the_style_is_named(run, style_file, photograph, tmp_path, styles, expected):
    output = tmp_path / "out.png"
    _, printed, _ = run("stylize", photograph, "--model", style_file, "--output", output, *styles)
    assert expected in printed


def test_the_style_of_a_model_with_one_style_is_named(run, trained, photograph, tmp_path):
    _, printed, _ = run("stylize", photograph, "--model", trained, "--output", tmp_path / "o.png")
    assert "Style: bundled.\n" in printed
