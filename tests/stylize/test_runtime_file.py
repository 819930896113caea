"""A runtime file is compared with its network, and belongs to one style file."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from onestroke.errors import ModelError, SettingsError
from onestroke.models.style_file import BUNDLED, read_card
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize import model as model_module
from onestroke.stylize import runtime_file as runtime_module
from onestroke.stylize.keras_painter import KerasPainter
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.model import load, open_model
from onestroke.stylize.runtime_file import (
    find_runtime_file,
    hash_style_file,
    write_runtime_file,
)
from onestroke.stylize.tflite_metadata import read_tflite_card


@pytest.fixture
def run(style_file: Path, runtime_file: Path, tmp_path: Path) -> Path:
    """A folder with a style file and its runtime file."""
    shutil.copy(style_file, tmp_path / "style.keras")
    shutil.copy(runtime_file, tmp_path / "style.tflite")
    return tmp_path


def test_the_card_is_that_of_the_style_file(style_file: Path, runtime_file: Path) -> None:
    card = read_tflite_card(runtime_file)
    assert card.model_copy(update={"export": None}) == read_card(style_file)
    assert card.export.format == "runtime"
    assert card.export.options == {"style_file_sha256": hash_style_file(style_file)}


def test_a_network_of_one_style_has_no_style_input(tmp_path: Path) -> None:
    style_file = tmp_path / "one.keras"
    TransformNetwork("mobile").save(style_file)
    assert write_runtime_file(style_file) > 80
    picture = np.random.default_rng(0).integers(0, 256, (33, 50, 3), dtype=np.uint8)
    assert load(style_file)(picture).shape == (33, 50, 3)


def test_a_file_that_differs_from_its_network_is_not_written(
    style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = runtime_module.convert_network

    def convert_others(network: TransformNetwork) -> bytes:
        other = TransformNetwork("mobile", 2)
        other.set_weights([weight * 1.01 for weight in network.get_weights()])
        return convert(other)

    monkeypatch.setattr(runtime_module, "convert_network", convert_others)
    with pytest.raises(ModelError, match=r"dB instead of 80 or more; please report it"):
        write_runtime_file(style_file, tmp_path / "style.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_models_have_runtime_files_of_their_own(name: str) -> None:
    assert find_runtime_file(BUNDLED[name]) == BUNDLED[name].with_suffix(".tflite")
    assert isinstance(load(name).painter, LiteRtPainter)


def test_a_run_paints_with_its_runtime_file(run: Path) -> None:
    assert isinstance(load(run).painter, LiteRtPainter)
    assert isinstance(load(run / "style.keras", runtime="litert").painter, LiteRtPainter)
    assert isinstance(load(run / "style.tflite", runtime="litert").painter, LiteRtPainter)
    assert isinstance(load(run, runtime="keras").painter, KerasPainter)


@pytest.mark.parametrize("state", ["missing", "of another version"])
def test_without_its_runtime_file_a_style_file_paints_with_keras(
    state: str, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime_file, style_file = run / "style.tflite", run / "style.keras"
    if state == "missing":
        runtime_file.unlink()
    else:
        TransformNetwork("mobile", 2, card=open_model(run).card).save(style_file)
    assert isinstance(load(style_file).painter, KerasPainter)
    (message,) = caplog.messages
    assert f"style.tflite is {state}" in message
    assert f"onestroke export --format runtime --model {style_file}" in message
    assert message.endswith("--overwrite`") == (state != "missing")
    with pytest.raises(ModelError, match=f"style.tflite is {state}"):
        load(style_file, runtime="litert")


def test_without_its_runtime_file_and_without_tensorflow(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "style.tflite").unlink()
    monkeypatch.setattr(model_module, "has_tensorflow", lambda: False)
    with pytest.raises(ModelError, match=r"needs TensorFlow; pip install 'onestroke\[train\]'"):
        load(run)


def test_a_damaged_runtime_file_is_an_error(run: Path) -> None:
    runtime_file = run / "style.tflite"
    runtime_file.write_bytes(runtime_file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"style\.tflite is damaged"):
        load(run)


def test_the_runtime_of_an_export_cannot_be_chosen(run: Path) -> None:
    with pytest.raises(SettingsError, match="is an export, which has a runtime of its own"):
        load(run / "style.tflite", runtime="keras")
    with pytest.raises(SettingsError, match="unknown runtime 'torch'; choose litert or keras"):
        load(run, runtime="torch")
