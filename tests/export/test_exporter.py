"""Exports from end to end, in Python and on the command line."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.errors import ModelError, SettingsError
from onestroke.export import verification
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import _write as exporting_write
from onestroke.export.exporter import describe_export, write_export
from onestroke.export.operators import Operators
from onestroke.models.style_file import load_network
from onestroke.models.style_rows import copy_network, extract_blend
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.model import describe, read_captions


@pytest.fixture(scope="module")
def photographs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "tall": random.integers(0, 256, (50, 37, 3), dtype=np.uint8),
        "wide": random.integers(0, 256, (37, 50, 3), dtype=np.uint8),
    }


def onestroke_command(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "onestroke", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def style_of(strength: float) -> dict[str, float]:
    return {"wave": strength, "photograph": 1 - strength}


@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_an_export_paints_what_the_style_file_paints(
    kind, style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    captions = {"wave": "Katsushika Hokusai, The Great Wave off Kanagawa, 1831"}
    metadata = {"style_names": ["wave", "photograph"], "captions": captions}
    network = TransformNetwork("mobile", 2, metadata, identity=1)
    copy_network(load_network(style_file), network, np.eye(2))
    file = tmp_path / "style.keras"
    network.save(file)
    target = tmp_path / "new folder" / ("wave" if kind == "saved_model" else "wave.tflite")
    report = write_export(file, target, ExportOptions(kind), photographs=photographs)
    doors = ("", " as uint8") if kind == "saved_model" else ("",)
    pictures = ("tall in wave", "wide in photograph", "tall in a blend")
    compared = [picture + door for picture in pictures for door in doors]
    assert [one.picture for one in report.differences] == compared
    assert report.worst.psnr >= report.bound == 80
    assert read_captions(target) == captions
    exported, original = onestroke.load(target), onestroke.load(file)
    assert exported.style_names == original.style_names == ("wave", "photograph")
    for how in (
        {"style": {"wave": 1}},
        {"style": {"wave": 1, "photograph": 3}},
        {"strength": 0.25},  # within the network, which has learnt to give photographs back
    ):
        painted = [one(photographs["tall"], **how).astype(int) for one in (exported, original)]
        assert np.abs(painted[0] - painted[1]).max() <= 1
    np.testing.assert_array_equal(painted[0], exported(photographs["tall"], style=style_of(0.25)))
    left = sorted(path.name for path in target.parent.iterdir())
    assert left == [target.name, f"{target.name}.json"]
    saved = json.loads((target.parent / f"{target.name}.json").read_text())
    assert saved["bytes"] == report.bytes > 100_000
    assert saved["differences"][1]["psnr"] == report.differences[1].psnr


def test_one_style_or_one_blend_is_exported(
    style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    blend = {"scream": 3.0, "wave": 1.0}
    for style, name in (("scream", "scream"), (blend, "wave+scream")):
        target = tmp_path / f"{name}.tflite"
        options = ExportOptions("tflite")
        report = write_export(style_file, target, options, style=style, photographs=photographs)
        assert report.worst.psnr >= 80
        exported = onestroke.load(target)
        assert exported.style_names == (name,)
        shares = {"scream": 1} if style == "scream" else {"wave": 0.25, "scream": 0.75}
        assert describe(target)["blend"] == shares
        expected = onestroke.load(style_file)(photographs["tall"], style=style)
        assert np.abs(exported(photographs["tall"]).astype(int) - expected).max() <= 1


def test_a_mistake_with_an_exported_file_is_one_line(
    style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    target = tmp_path / "small.tflite"
    options = ExportOptions("tflite", size=(32, 48))
    write_export(style_file, target, options, style="wave", photographs=photographs)
    Image.fromarray(photographs["tall"]).save(tmp_path / "tall.png")
    page = tmp_path / "page.html"
    done = onestroke_command("gallery", tmp_path / "tall.png", "--model", target, "--output", page)
    assert done.returncode == 2
    assert done.stderr.startswith("onestroke: expected a picture of 32x48 pixels (height x width)")
    assert done.stderr.count("\n") == 1, "LiteRT keeps silent"
    assert not page.exists()


def test_a_file_says_what_it_takes(style_file: Path) -> None:
    network = load_network(style_file)
    said = describe_export(network, ExportOptions("tflite", size=(32, 48)))
    assert said["image"] == "RGB in [0, 255], 32 x 48 pixels (height x width)"
    assert said["styled"] == "RGB in [0, 255], the size of image"
    assert said["style"] == (
        "(1, 2) float32, the weight of each in the order of style_names; their sum is 1"
    )
    alone = describe_export(extract_blend(network, {"wave": 1.0}), ExportOptions("tflite"))
    assert alone["image"] == "RGB in [0, 255], both sides at least 16 pixels"
    assert alone["style"] is None


def test_a_photograph_is_no_style_to_export(photographs: dict, tmp_path: Path) -> None:
    for style, message in (
        ({"the_kiss": 1.0, "photograph": 1.0}, "expected paintings alone in a file of one style"),
        ({"the_kis": 1.0}, "did you mean the_kiss?"),
        ("", "expected a style of great_wave, "),
        ({}, "one of them above 0; received none"),
    ):
        with pytest.raises(SettingsError, match=re.escape(message)):
            write_export(
                "base",
                tmp_path / "new.tflite",
                ExportOptions("tflite"),
                style=style,
                photographs=photographs,
            )
    assert not list(tmp_path.iterdir())


def test_under_its_bound_nothing_is_left(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verification.BOUNDS, "none", 500)
    with pytest.raises(
        verification.VerificationError, match="expected 500 dB or more on every photograph; "
    ):
        write_export(
            style_file, tmp_path / "w.tflite", ExportOptions("tflite"), photographs=photographs
        )
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_unless_told(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, options = tmp_path / "wave", ExportOptions("saved_model")
    write_export(style_file, target, options, photographs=photographs)
    (target / "mark").touch()
    with pytest.raises(SettingsError, match="wave exists; choose another place, or add --overw"):
        write_export(style_file, target, options, photographs=photographs)
    with monkeypatch.context() as stricter:
        stricter.setitem(verification.BOUNDS, "none", 500)
        with pytest.raises(verification.VerificationError):
            write_export(style_file, target, options, photographs=photographs, overwrite=True)
    assert (target / "mark").exists()
    write_export(style_file, target, options, photographs=photographs, overwrite=True)
    assert not (target / "mark").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wave", "wave.json"]


def test_nothing_but_an_export_is_overwritten(
    style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "style.keras").write_bytes(style_file.read_bytes())
    options = ExportOptions("saved_model")
    for target in (run, tmp_path):
        with pytest.raises(SettingsError, match="is no saved_model export of `onestroke export`"):
            write_export(run, target, options, photographs=photographs, overwrite=True)
    (tmp_path / "wave.json").write_text("mine")
    with pytest.raises(SettingsError, match=r"wave\.json exists; choose another place"):
        write_export(run, tmp_path / "wave", options, photographs=photographs)
    with pytest.raises(SettingsError, match=r"wave\.json is no saved_model export of"):
        write_export(run, tmp_path / "wave", options, photographs=photographs, overwrite=True)
    assert (tmp_path / "wave.json").read_text() == "mine"
    assert (run / "style.keras").read_bytes() == style_file.read_bytes()


def test_mistakes(style_file: Path, photographs: dict, tmp_path: Path) -> None:
    tflite = ExportOptions("tflite")
    with pytest.raises(SettingsError, match=r"expected a name that ends in .tflite; received"):
        write_export(style_file, tmp_path / "wave.lite", tflite, photographs=photographs)
    with pytest.raises(SettingsError, match="several files; `export_page` writes it"):
        write_export(style_file, tmp_path / "page", ExportOptions("web"), photographs=photographs)
    with pytest.raises(SettingsError, match="expected at least one photograph"):
        write_export(style_file, tmp_path / "wave.tflite", tflite, photographs={})
    with pytest.raises(ModelError, match="no model"):
        write_export(
            tmp_path / "none.keras", tmp_path / "wave.tflite", tflite, photographs=photographs
        )
    with pytest.raises(SettingsError, match=r"the name of a folder, not one that ends in .tflite"):
        write_export(
            style_file,
            tmp_path / "wave.tflite",
            ExportOptions("saved_model"),
            photographs=photographs,
        )
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot write into .*file: .*file is a file"):
        write_export(style_file, tmp_path / "file" / "wave.tflite", tflite, photographs=photographs)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_foreign_operators_are_refused(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Operators, "foreign", ["FlexSort"])
    with pytest.raises(verification.VerificationError, match=r"built-in .*; there are FlexSort; "):
        write_export(
            style_file, tmp_path / "w.tflite", ExportOptions("tflite"), photographs=photographs
        )
    assert list(tmp_path.iterdir()) == []


def test_int8_measures_its_ranges(style_file: Path, photographs: dict, tmp_path: Path) -> None:
    options = ExportOptions("tflite", "int8", (40, 40))
    target = tmp_path / "wave.tflite"
    with pytest.raises(SettingsError, match="expected photographs for int8 to measure its ranges"):
        write_export(style_file, target, options, photographs=photographs)
    several = list(photographs.values())
    report = write_export(
        style_file, target, options, photographs=photographs, representative=several
    )
    assert report.worst.psnr >= report.bound == 28
    assert json.loads((tmp_path / "wave.tflite.json").read_text())["quantize"] == "int8"


def test_under_its_bound_the_better_choice_is_named(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verification.BOUNDS, "dynamic", 500)
    options = ExportOptions("tflite", "dynamic")
    with pytest.raises(
        verification.VerificationError, match="dB; choose --quantize weights, which keeps"
    ):
        write_export(style_file, tmp_path / "wave.tflite", options, photographs=photographs)


def test_another_network_is_found_out(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = TransformNetwork("mobile", styles=2)
    monkeypatch.setattr("onestroke.export.exporter._write", partial(_write_of, other))
    target = tmp_path / "wave.tflite"
    found = r"(tall|wide) in (wave|scream|a blend) has [0-9.]+ dB; the file is not"
    with pytest.raises(verification.VerificationError, match=found):
        write_export(style_file, target, ExportOptions("tflite"), photographs=photographs)
    assert list(tmp_path.iterdir()) == []


def _write_of(other: TransformNetwork, network: TransformNetwork, *rest: Any) -> None:
    exporting_write(other, *rest)


def test_the_command_line(style_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "wave.tflite"
    arguments = ["export", "--model", style_file, "--format", "tflite", "--output", target]
    done = onestroke_command(*arguments, "--size", "32x48", "--uint8")
    assert done.returncode == 0, done.stderr
    assert "astronaut" in done.stdout
    assert "in 1 XNNPACK partition" in done.stdout
    assert done.stderr == ""
    again = onestroke_command(*arguments)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "exists; choose another place" in again.stderr
    about = onestroke_command("info", target)
    assert "uint8: true" in about.stdout
    assert "licence: " in about.stdout
    photograph, painted = tmp_path / "photo.png", tmp_path / "painted.png"
    Image.new("RGB", (48, 32), "teal").save(photograph)
    done = onestroke_command("stylize", photograph, "--model", target, "--output", painted)
    assert done.returncode == 0, done.stderr
    with Image.open(painted) as picture:
        assert picture.size == (48, 32)
