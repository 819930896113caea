"""What cannot be exported is said before TensorFlow starts."""

import pytest

from onestroke.errors import SettingsError
from onestroke.export.export_options import ExportOptions, parse_options


def test_the_command_lines_words_become_options() -> None:
    assert parse_options("tflite", "dynamic", "384x512", uint8=True) == ExportOptions(
        "tflite", "dynamic", (384, 512), uint8=True
    )
    assert parse_options("saved_model") == ExportOptions("saved_model")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("onnx",), "expected format to be one of saved_model, tflite, web; received 'onnx'"),
        (
            ("tflite", "int4"),
            "expected quantize to be one of none, float16, weights, dynamic, int8; received",
        ),
        (
            ("tflite", "none", "big"),
            "expected a size of HEIGHTxWIDTH, as 384x512, or one number for ",
        ),
        (("tflite", "int8"), "expected a size for int8, whose ranges are measured at one; add"),
        (
            ("tflite", "none", "8x64"),
            "at least 16x16 pixels and at most 2.1 megapixels; received 8",
        ),
        (("tflite", "none", "1080x2000"), "at most 2.1 megapixels; received 1080x2000"),
        (("saved_model", "float16"), "expected no quantize, size or uint8 for a SavedModel"),
        (("saved_model", "none", "64x64"), "expected no quantize, size or uint8 for a SavedModel"),
    ],
)
def test_wrong_words(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_options(*words)
