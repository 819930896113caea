"""Exports from end to end, from Python and on the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.errors import ModelError, OnestrokeError, SettingsError
from onestroke.export import tflite_file, verification
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import SUFFIXES, export_card, write_export
from onestroke.export.operators import Operators
from onestroke.export.tflite_file import convert_to_tflite
from onestroke.models.card import StyleEntry, untrained_card
from onestroke.models.style_file import load_network
from onestroke.models.style_rows import copy_network, extract_blend
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.model import open_model


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


@pytest.mark.parametrize("kind", ["saved_model", "tflite", "onnx"])
def test_export_paints_like_the_style_file(
    kind, style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    caption = "Katsushika Hokusai, The Great Wave off Kanagawa, 1831"
    card = untrained_card("mobile", ["wave", "photograph"])
    styles = (StyleEntry(name="wave", caption=caption), card.styles[1])
    card = card.model_copy(update={"styles": styles})
    network = TransformNetwork("mobile", 2, identity=1, card=card)
    copy_network(load_network(style_file), network, np.eye(2))
    file = tmp_path / "style.keras"
    network.save(file)
    target = tmp_path / "new folder" / f"wave{SUFFIXES.get(kind, '')}"
    report = write_export(file, target, ExportOptions(kind), photographs=photographs)
    signatures = ("", " as uint8") if kind == "saved_model" else ("",)
    pictures = ("tall in wave", "wide in photograph", "tall in a blend")
    compared = [picture + name for picture in pictures for name in signatures]
    assert [one.picture for one in report.differences] == compared
    assert report.worst.psnr >= report.bound == 80
    assert open_model(target).card.styles == styles
    exported, original = onestroke.load(target), onestroke.load(file)
    assert exported.style_names == original.style_names == ("wave", "photograph")
    for how in (
        {"style": {"wave": 1}},
        {"style": {"wave": 1, "photograph": 3}},
        {"strength": 0.75},  # interpolates to the identity inside the network
    ):
        painted = [one(photographs["tall"], **how).astype(int) for one in (exported, original)]
        assert np.abs(painted[0] - painted[1]).max() <= 1
    np.testing.assert_array_equal(painted[0], exported(photographs["tall"], style=style_of(0.75)))
    left = sorted(path.name for path in target.parent.iterdir())
    assert left == [target.name, f"{target.name}.json"]
    saved = json.loads((target.parent / f"{target.name}.json").read_text())
    assert saved["bytes"] == report.bytes > 100_000
    assert saved["differences"][1]["psnr"] == report.differences[1].psnr


def test_export_of_one_style_or_one_blend(
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
        assert open_model(target).card.blend == shares
        expected = onestroke.load(style_file)(photographs["tall"], style=style)
        assert np.abs(exported(photographs["tall"]).astype(int) - expected).max() <= 1


def test_a_picture_of_another_size_is_announced_in_one_line(
    style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    target = tmp_path / "small.tflite"
    options = ExportOptions("tflite", size=(32, 48))
    write_export(style_file, target, options, style="wave", photographs=photographs)
    Image.fromarray(photographs["tall"]).save(tmp_path / "tall.png")
    page = tmp_path / "page.html"
    done = onestroke_command("gallery", tmp_path / "tall.png", "--model", target, "--output", page)
    assert done.returncode == 0
    assert done.stderr.startswith("onestroke: small.tflite accepts 32x48 pixels (height x width): ")
    assert done.stderr.count("\n") == 1, "LiteRT prints nothing"
    assert page.exists()


def test_description_of_inputs_and_output(style_file: Path) -> None:
    network = load_network(style_file)
    entry = export_card(network.card, ExportOptions("tflite", size=(32, 48))).export
    assert entry.image == "RGB in [0, 255], 32 x 48 pixels (height x width)"
    assert entry.styled == "RGB in [0, 255], the size of image"
    assert entry.style == "(1, 2) float32, the weight of each of style_names; their sum is 1"
    channels_first = export_card(network.card, ExportOptions("onnx", layout="nchw")).export
    assert channels_first.image == (
        "RGB in [0, 255], channels before height and width, both sides at least 16 pixels"
    )
    alone = export_card(extract_blend(network, {"wave": 1.0}).card, ExportOptions("tflite")).export
    assert alone.image == "RGB in [0, 255], both sides at least 16 pixels"
    assert alone.style is None


def test_too_little_memory_is_found_at_once(photographs: dict, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("onestroke.machine.available_memory", lambda: 10**9)
    options = ExportOptions("tflite", size=(1024, 768))
    with pytest.raises(OnestrokeError) as caught:
        write_export("base", tmp_path / "new.tflite", options, photographs=photographs)
    assert str(caught.value) == (
        "not enough memory to compare pictures of 1024x768 pixels (height x width): about 2.8 GB "
        "are needed, 1.0 GB are available; choose --size 617x462 or smaller"
    )
    assert not list(tmp_path.iterdir())


def test_identity_and_unknown_styles_are_refused(photographs: dict, tmp_path: Path) -> None:
    for style, message in (
        (
            {"the_kiss": 1.0, "photograph": 1.0},
            "photograph cannot be part of an exported blend",
        ),
        ({"the_kis": 1.0}, "did you mean the_kiss?"),
        ("", "unknown style ''; the model has great_wave, "),
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


def test_nothing_is_written_below_the_bound(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verification.BOUNDS, "none", 500)
    with pytest.raises(
        verification.VerificationError, match=r"has [0-9.]+ dB, less than the 500 dB required"
    ):
        write_export(
            style_file, tmp_path / "w.tflite", ExportOptions("tflite"), photographs=photographs
        )
    assert list(tmp_path.iterdir()) == []


def test_existing_export_is_replaced_only_on_request(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, options = tmp_path / "wave", ExportOptions("saved_model")
    write_export(style_file, target, options, photographs=photographs)
    (target / "mark").touch()
    with pytest.raises(SettingsError, match="wave exists; choose another path or add --overw"):
        write_export(style_file, target, options, photographs=photographs)
    with monkeypatch.context() as stricter:
        stricter.setitem(verification.BOUNDS, "none", 500)
        with pytest.raises(verification.VerificationError):
            write_export(style_file, target, options, photographs=photographs, overwrite=True)
    assert (target / "mark").exists()
    write_export(style_file, target, options, photographs=photographs, overwrite=True)
    assert not (target / "mark").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wave", "wave.json"]


def test_only_exports_are_overwritten(style_file: Path, photographs: dict, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "style.keras").write_bytes(style_file.read_bytes())
    options = ExportOptions("saved_model")
    for target in (run, tmp_path):
        with pytest.raises(SettingsError, match="is not a saved_model export and is not"):
            write_export(run, target, options, photographs=photographs, overwrite=True)
    text = tmp_path / "notes.tflite"
    text.write_text("mine")
    with pytest.raises(SettingsError, match=r"notes\.tflite is not a tflite export"):
        write_export(run, text, ExportOptions("tflite"), photographs=photographs, overwrite=True)
    assert text.read_text() == "mine"
    (tmp_path / "wave.json").write_text("mine")
    with pytest.raises(SettingsError, match=r"wave\.json exists; choose another path"):
        write_export(run, tmp_path / "wave", options, photographs=photographs)
    with pytest.raises(SettingsError, match=r"wave\.json is not a saved_model export"):
        write_export(run, tmp_path / "wave", options, photographs=photographs, overwrite=True)
    assert (tmp_path / "wave.json").read_text() == "mine"
    assert (run / "style.keras").read_bytes() == style_file.read_bytes()


def test_invalid_arguments(style_file: Path, photographs: dict, tmp_path: Path) -> None:
    tflite = ExportOptions("tflite")
    with pytest.raises(SettingsError, match=r"wave\.lite does not end in \.tflite; choose"):
        write_export(style_file, tmp_path / "wave.lite", tflite, photographs=photographs)
    with pytest.raises(SettingsError, match="several files; call `export_page`"):
        write_export(style_file, tmp_path / "page", ExportOptions("web"), photographs=photographs)
    with pytest.raises(SettingsError, match="no photographs to compare on"):
        write_export(style_file, tmp_path / "wave.tflite", tflite, photographs={})
    with pytest.raises(ModelError, match="no model"):
        write_export(
            tmp_path / "none.keras", tmp_path / "wave.tflite", tflite, photographs=photographs
        )
    with pytest.raises(SettingsError, match=r"a folder; choose a name that does not end in \.tf"):
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


def test_missing_tensorflow_is_one_line(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onestroke.extras.TRAIN", ("tensorflaw", "keras"))
    extras = {"tflite": "train,export", "onnx": "train,onnx", "saved_model": "train"}
    for kind, extra in extras.items():
        message = rf"exports need tensorflaw; pip install 'onestroke\[{extra}\]'"
        target = tmp_path / f"wave{SUFFIXES.get(kind, '')}"
        with pytest.raises(SettingsError, match=message):
            write_export(style_file, target, ExportOptions(kind), photographs=photographs)
    assert list(tmp_path.iterdir()) == []


def test_foreign_operators_are_refused(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Operators, "foreign", ["FlexSort"])
    with pytest.raises(verification.VerificationError, match="contains FlexSort, which phones do"):
        write_export(
            style_file, tmp_path / "w.tflite", ExportOptions("tflite"), photographs=photographs
        )
    assert list(tmp_path.iterdir()) == []


def test_int8_needs_calibration_photographs(
    style_file: Path, photographs: dict, tmp_path: Path
) -> None:
    options = ExportOptions("tflite", "int8", (40, 40))
    target = tmp_path / "wave.tflite"
    with pytest.raises(SettingsError, match="int8 needs photographs to measure its ranges"):
        write_export(style_file, target, options, photographs=photographs)
    several = list(photographs.values())
    report = write_export(
        style_file, target, options, photographs=photographs, representative=several
    )
    assert report.worst.psnr >= report.bound == 28
    assert json.loads((tmp_path / "wave.tflite.json").read_text())["export"]["quantize"] == "int8"


def test_error_names_a_more_accurate_quantization(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verification.BOUNDS, "dynamic", 500)
    options = ExportOptions("tflite", "dynamic")
    with pytest.raises(
        verification.VerificationError, match="choose --quantize weights, which is more accurate"
    ):
        write_export(style_file, tmp_path / "wave.tflite", options, photographs=photographs)


def test_different_weights_are_detected(
    style_file: Path, photographs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = convert_to_tflite(TransformNetwork("mobile", styles=2))
    monkeypatch.setattr(tflite_file, "convert_to_tflite", lambda *_, **__: other)
    target = tmp_path / "wave.tflite"
    found = r"(tall|wide) in (wave|scream|a blend) has [0-9.]+ dB, less than the 80 dB"
    with pytest.raises(verification.VerificationError, match=found):
        write_export(style_file, target, ExportOptions("tflite"), photographs=photographs)
    assert list(tmp_path.iterdir()) == []


def test_command_line(style_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "wave.tflite"
    arguments = ["export", "--model", style_file, "--format", "tflite", "--output", target]
    done = onestroke_command(*arguments, "--size", "32x48", "--uint8")
    assert done.returncode == 0, done.stderr
    assert "astronaut" in done.stdout
    assert "in 1 XNNPACK partition" in done.stdout
    assert done.stderr == ""
    again = onestroke_command(*arguments)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "exists; choose another path" in again.stderr
    about = onestroke_command("info", target)
    assert "uint8: true" in about.stdout
    assert "licence: " in about.stdout
    photograph, painted = tmp_path / "photo.png", tmp_path / "painted.png"
    Image.new("RGB", (48, 32), "teal").save(photograph)
    done = onestroke_command("stylize", photograph, "--model", target, "--output", painted)
    assert done.returncode == 0, done.stderr
    with Image.open(painted) as picture:
        assert picture.size == (48, 32)
