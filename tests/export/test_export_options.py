"""Invalid export options are refused before TensorFlow starts."""

from typing import Any

import pytest

from onestroke.errors import SettingsError
from onestroke.export.export_options import ExportOptions, parse_options


def test_options_of_the_command_line() -> None:
    assert parse_options("tflite", "dynamic", "384x512", uint8=True) == ExportOptions(
        "tflite", "dynamic", (384, 512), uint8=True
    )
    assert parse_options("saved_model") == ExportOptions("saved_model")
    assert parse_options("onnx", layout="nchw", opset=18) == ExportOptions(
        "onnx", layout="nchw", opset=18
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"format": "coreml"},
            "unknown format 'coreml'; choose one of saved_model, tflite, onnx, web",
        ),
        (
            {"format": "tflite", "quantize": "int4"},
            "unknown quantize 'int4'; choose one of none, float16, weights, dynamic, int8",
        ),
        (
            {"format": "tflite", "size": "big"},
            "expected a size of HEIGHTxWIDTH, such as 384x512, or one number for ",
        ),
        ({"format": "tflite", "quantize": "int8"}, "int8 needs a fixed size; add --size HxW"),
        (
            {"format": "tflite", "size": "8x64"},
            "8x64 is not supported; choose at least 16x16 pixels and at most 2.1 megapixels",
        ),
        (
            {"format": "tflite", "size": "1080x2000"},
            "1080x2000 is not supported; .* at most 2.1",
        ),
        ({"format": "saved_model", "quantize": "float16"}, "a SavedModel holds float32, accepts"),
        ({"format": "saved_model", "size": "64x64"}, "a SavedModel holds float32, accepts any si"),
        ({"format": "onnx", "layout": "chw"}, "unknown layout 'chw'; choose one of nhwc, nchw"),
        ({"format": "onnx", "opset": 7}, "opset 7 is not supported; choose 11 to 18"),
        ({"format": "onnx", "quantize": "float16"}, "an ONNX file holds float32 .*--quantize"),
        ({"format": "web", "uint8": True}, "a page takes float32; leave out --uint8"),
        ({"format": "onnx", "uint8": True}, "an ONNX file holds float32 and takes float32; leave"),
        ({"format": "tflite", "layout": "nchw"}, "layout and opset need --format onnx"),
        ({"format": "web", "opset": 17}, "layout and opset need --format onnx"),
    ],
)
def test_invalid_options(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_options(**values)
