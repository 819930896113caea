"""Painting with ONNX files, and one line for everything that is wrong with them."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import onestroke
from onestroke.errors import ModelError, SettingsError
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import write_export
from onestroke.models.card import ModelCard
from onestroke.pictures import PictureError
from onestroke.stylize.model import open_model
from onestroke.stylize.onnx_painter import OnnxPainter, read_onnx_card


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def resizable(style_file: Path, folder: Path) -> Path:
    """An ONNX file of two styles that accepts any size."""
    path = folder / "any.onnx"
    write_export(style_file, path, ExportOptions("onnx"), photographs={"p": picture(40, 50)})
    return path


@pytest.fixture(scope="module")
def fixed(style_file: Path, folder: Path) -> Path:
    """An ONNX file of 32 x 48 pixels, channels first."""
    path = folder / "fixed.onnx"
    options = ExportOptions("onnx", size=(32, 48), layout="nchw")
    write_export(style_file, path, options, photographs={"p": picture(40, 50)})
    return path


def test_pictures_equal_those_of_the_style_file(
    style_file: Path, resizable: Path, fixed: Path
) -> None:
    original = onestroke.load(style_file)
    for path, size in ((resizable, (37, 50)), (resizable, (16, 16)), (fixed, (32, 48))):
        stylizer = onestroke.load(path)
        assert stylizer.style_names == ("wave", "scream")
        for style in ("wave", {"wave": 0.25, "scream": 0.75}):
            painted = [one(picture(*size), style=style) for one in (original, stylizer)]
            assert np.abs(painted[0].astype(int) - painted[1]).max() <= 1


def test_several_threads(resizable: Path) -> None:
    stylizer = onestroke.load(resizable)
    pictures = [picture(32 + index, 48) for index in range(8)]
    expected = [stylizer(one) for one in pictures]
    with ThreadPoolExecutor(8) as pool:
        painted = list(pool.map(stylizer, pictures))
    for one, two in zip(expected, painted, strict=True):
        np.testing.assert_array_equal(one, two)


def test_fixed_size_paints_other_pictures_in_windows(fixed: Path) -> None:
    stylizer, photograph = onestroke.load(fixed), picture(32, 60)
    painted = stylizer(photograph)
    assert painted.shape == photograph.shape
    # Beyond the overlap, each end is the paint of its window.
    np.testing.assert_array_equal(painted[:, :12], stylizer(photograph[:, :48])[:, :12])
    np.testing.assert_array_equal(painted[:, 48:], stylizer(photograph[:, 12:])[:, 36:])


def test_too_large_picture(resizable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestroke.stylize.stylizer.EXPORTED_PIXELS", 32 * 32)
    with pytest.raises(PictureError, match="received 32x33; shrink it with --max-size"):
        onestroke.load(resizable)(picture(32, 33))


def test_description_equals_what_onnx_reads(resizable: Path) -> None:
    (entry,) = onnx.load(resizable).metadata_props
    assert entry.key == "onestroke"
    assert read_onnx_card(resizable) == ModelCard.model_validate_json(entry.value)
    assert open_model(resizable).card.style_names == ("wave", "scream")


def test_truncated_files(resizable: Path, tmp_path: Path) -> None:
    content = resizable.read_bytes()
    path = tmp_path / "short.onnx"
    for share in range(100):
        path.write_bytes(content[: len(content) * share // 100])
        with pytest.raises(ModelError, match="is not an ONNX file that `onestroke export` wrote"):
            onestroke.load(path)


def test_damaged_graph(resizable: Path, tmp_path: Path) -> None:
    model = onnx.load(resizable)
    model.graph.node[0].input[0] = "nowhere"
    path = tmp_path / "damaged.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"cannot load .*damaged\.onnx on cpu; export it again"):
        onestroke.load(path)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100, b"\x72\x00" * 9])
def test_files_of_other_formats(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX file that `onestroke export` wrote"):
        onestroke.load(path)


def test_onnx_file_of_another_program(resizable: Path, tmp_path: Path) -> None:
    model = onnx.load(resizable)
    path = tmp_path / "other.onnx"
    for props in ({}, {"onestroke": "3"}, {"someone": "else"}):
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, props)
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ModelError, match=r"is not an ONNX file that|has a broken model card"):
            OnnxPainter(path)


def test_missing_file_and_missing_package(
    resizable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"cannot open .*none\.onnx: No such file"):
        onestroke.load(tmp_path / "none.onnx")
    monkeypatch.setattr("onestroke.extras.RUN_ONNX", ("onnxwalktime",))
    with pytest.raises(SettingsError, match=r"need onnxwalktime; pip install 'onestroke\[onnx\]'"):
        onestroke.load(resizable)


def test_devices(resizable: Path, style_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert onestroke.load(resizable, device="cpu").style_names == ("wave", "scream")
    with pytest.raises(SettingsError, match="unknown device 'tpu'; choose one of cpu, cuda, dire"):
        onestroke.load(resizable, device="tpu")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    message = r"does not support cuda, only cpu; `pip uninstall onnx.*`pip install onnxruntime-gpu`"
    with pytest.raises(SettingsError, match=message):
        onestroke.load(resizable, device="cuda")
    with pytest.raises(SettingsError, match=r"--device needs an ONNX file, not .*style\.keras; ex"):
        onestroke.load(style_file, device="cuda")


class FellBack:
    """A session without the provider that was asked for."""

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_device_whose_libraries_are_missing(
    resizable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # onnxruntime-gpu lists CUDA on any machine, and falls back to the processor without an error.
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: both)
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: FellBack())
    with pytest.raises(SettingsError, match="cannot start cuda; check its driver and libraries"):
        onestroke.load(resizable, device="cuda")


def test_neither_tensorflow_nor_onnx_is_imported(resizable: Path) -> None:
    code = """
import sys
import numpy
import onestroke
onestroke.load(sys.argv[1])(numpy.zeros((32, 32, 3), numpy.uint8))
print({"tensorflow", "keras", "onnx", "onnxruntime"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", code, str(resizable)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "{'onnxruntime'}\n"


def test_command_line(resizable: Path, tmp_path: Path) -> None:
    photograph, painted = tmp_path / "photo.png", tmp_path / "painted.png"
    Image.fromarray(picture(33, 46)).save(photograph)
    arguments = ["stylize", photograph, "--model", resizable, "--output", painted]
    command = [sys.executable, "-m", "onestroke", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(painted) as result:
        assert result.size == (46, 33)
    command += ["--device", "openvino", "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "does not support openvino, only cpu" in done.stderr


def reading_a_file(model: onnx.ModelProto) -> None:
    weights = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    onnx.external_data_helper.set_external_data(weights, location="secret")
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL


def reading_a_file_in_a_node(model: onnx.ModelProto) -> None:
    tensor = onnx.helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], bytes(4), raw=True)
    onnx.external_data_helper.set_external_data(tensor, location="secret", length=4)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["t"], value=tensor))


def filling_memory(model: onnx.ModelProto) -> None:
    node = onnx.helper.make_node("ConstantOfShape", ["size"], ["t"])
    model.graph.node.insert(0, node)


def looping(model: onnx.ModelProto) -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    node = onnx.helper.make_node("Identity", ["image"], ["t"], body=body)
    model.graph.node.insert(0, node)


def calling_functions(model: onnx.ModelProto) -> None:
    model.functions.append(onnx.helper.make_function("d", "f", ["x"], ["x"], [], []))


def using_another_library(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.stranger"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (reading_a_file, "data in another file"),
        (reading_a_file_in_a_node, "data in another file"),
        (filling_memory, "operator 'ConstantOfShape'"),
        (looping, "a network in the network"),
        (calling_functions, "functions"),
        (using_another_library, "operators of another domain"),
    ],
)
def test_networks_of_strangers_are_refused(
    change: Callable, reason: str, resizable: Path, tmp_path: Path
) -> None:
    """Among them those that onnxruntime lets read files of the working folder."""
    model = onnx.load(resizable)
    change(model)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=rf"its network is not one of onestroke \({reason}\)"):
        OnnxPainter(tmp_path / "a.onnx")
