"""ONNX files contain only standard operators and paint like the network in onnxruntime."""

from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from onestroke.errors import SettingsError
from onestroke.export.export_options import ExportOptions, Layout
from onestroke.export.exporter import write_export
from onestroke.export.onnx_file import convert_to_onnx
from onestroke.models.presets import PRESETS
from onestroke.models.style_file import load_network
from onestroke.models.transform_network import TransformNetwork

TOLERANCE = 0.05  # of 255; at 80 dB the mean error is 0.03


def picture(height: int, width: int) -> np.ndarray:
    """Returns a random picture, (1, height, width, 3) float32 in [0, 255]."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, height, width, 3))
    return pixels.astype(np.float32)


def paint(model: onnx.ModelProto, image: np.ndarray, layout: Layout = "nhwc") -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    if layout == "nchw":
        (painted,) = session.run(["styled"], {"image": image.transpose(0, 3, 1, 2)})
        return painted.transpose(0, 2, 3, 1)
    return session.run(["styled"], {"image": image})[0]


def shapes(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    """Returns the shape of every input and output by name."""
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_resizable_file_paints_like_the_network(preset: str) -> None:
    keras.utils.set_random_seed(0)
    network = TransformNetwork(preset)
    model = convert_to_onnx(network, ExportOptions("onnx"))
    onnx.checker.check_model(model, full_check=True)
    shape = [1, "height", "width", 3]
    assert shapes(model) == {"image": shape, "styled": shape}
    for size in ((16, 16), (33, 47), (60, 101)):
        expected = np.asarray(network(picture(*size)))
        np.testing.assert_allclose(paint(model, picture(*size)), expected, atol=TOLERANCE)


@pytest.mark.parametrize("size", [None, (33, 46)])
def test_channels_first(size: tuple[int, int] | None) -> None:
    network = TransformNetwork("mobile")
    model = convert_to_onnx(network, ExportOptions("onnx", size=size, layout="nchw"))
    height, width = size or ("height", "width")
    assert shapes(model) == {key: [1, 3, height, width] for key in ("image", "styled")}
    image = picture(33, 46)
    painted = paint(model, image, "nchw")
    np.testing.assert_allclose(painted, np.asarray(network(image)), atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_features_are_not_transposed(layout: Layout) -> None:
    options = ExportOptions("onnx", size=(64, 96), layout=layout)
    model = onnx.shape_inference.infer_shapes(convert_to_onnx(TransformNetwork("mobile"), options))
    known = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    transposed = [
        sorted(axis.dim_value for axis in known[node.output[0]].type.tensor_type.shape.dim)
        for node in model.graph.node
        if node.op_type == "Transpose"
    ]
    # Besides the picture of three channels, only rows of one value per channel.
    features = [shape for shape in transposed if shape[-2] > 1]
    assert [shape[:2] for shape in features] == ([[1, 3]] * 2 if layout == "nhwc" else [])


@pytest.mark.parametrize("opset", [11, 15, 18])
def test_opset(opset: int) -> None:
    network = TransformNetwork("mobile")
    model = convert_to_onnx(network, ExportOptions("onnx", opset=opset))
    assert [(one.domain, one.version) for one in model.opset_import] == [("", opset)]
    assert {node.domain for node in model.graph.node} == {""}
    image = picture(32, 48)
    np.testing.assert_allclose(paint(model, image), np.asarray(network(image)), atol=TOLERANCE)


def test_several_styles_are_an_input(style_file: Path) -> None:
    network = load_network(style_file)
    model = convert_to_onnx(network, ExportOptions("onnx", size=(32, 48)))
    assert shapes(model)["style"] == [1, 2]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    image = picture(32, 48)
    for style in ([1, 0], [0, 1], [0.25, 0.75]):
        inputs = {"image": image, "style": np.float32([style])}
        expected = np.asarray(network(inputs))
        np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=TOLERANCE)


def test_openvino_paints_like_the_network(tmp_path: Path) -> None:
    import openvino

    network = TransformNetwork("mobile")
    path = tmp_path / "style.onnx"
    onnx.save(convert_to_onnx(network, ExportOptions("onnx")), path)
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    image = picture(33, 47)
    painted = compiled({"image": image})["styled"]
    np.testing.assert_allclose(painted, np.asarray(network(image)), atol=TOLERANCE)


def test_missing_package(style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestroke.extras.WRITE_ONNX", ("onnxruntime", "tf3onnx"))
    photographs = {"photograph": picture(32, 32)[0].astype(np.uint8)}
    with pytest.raises(SettingsError, match=r"ONNX files need tf3onnx; pip install 'onestroke\[on"):
        write_export(
            style_file, tmp_path / "w.onnx", ExportOptions("onnx"), photographs=photographs
        )
    assert list(tmp_path.iterdir()) == []
