"""The options of an export, checked before TensorFlow starts."""

import re
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from onestroke.errors import SettingsError, shorten_text
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import format_size
from onestroke.stylize.stylizer import EXPORTED_PIXELS

Format = Literal["saved_model", "tflite", "onnx", "web", "runtime"]
Size = tuple[int, int]  # height and width, in pixels
Quantization = Literal["none", "float16", "weights", "dynamic", "int8"]
Layout = Literal["nhwc", "nchw"]  # of an ONNX file's pictures

# Older importers (Unity Sentis before 2.6) read up to 15, and 18 was not faster in onnxruntime.
OPSET = 15
OPSETS = range(11, 19)  # that tf2onnx 1.17 converts this network to


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        format: ``saved_model`` for servers, ``tflite`` for phones, ``onnx`` for game engines and
            desktop programs, ``web`` for a page with TFLite files, ``runtime`` for
            ``onestroke stylize`` without TensorFlow (a finished training writes this one).
        quantize: how a TFLite file stores its kernels: ``none`` (float32), ``float16``,
            ``weights`` (8 bits, computed in float32), ``dynamic`` (computed in 8 bits), ``int8``
            (computed in 8 bits with ranges measured beforehand, as NPUs require).
        size: fixed height and width of every picture, as GPUs, NPUs and browsers require; None
            for a file that accepts any size.
        uint8: of a TFLite file: uint8 input and output instead of float32.
        layout: order of the axes of an ONNX file's pictures: ``nhwc`` has channels last, ``nchw``
            first.
        opset: version of the operators of an ONNX file.
        moments: of a TFLite file of a fixed size: the inputs and outputs of a runtime file, with
            which a larger picture is painted in tiles of this size, as the page does.
    """

    format: Format
    quantize: Quantization = "none"
    size: Size | None = None
    uint8: bool = False
    layout: Layout = "nhwc"
    opset: int = OPSET
    moments: bool = False

    def check(self) -> None:
        """Raises a SettingsError for an invalid value, or one that the format does not support."""
        for name, value, allowed in (
            ("format", self.format, get_args(Format)),
            ("quantize", self.quantize, get_args(Quantization)),
            ("layout", self.layout, get_args(Layout)),
        ):
            if value not in allowed:
                raise SettingsError(f"unknown {name} {value!r}; choose one of {', '.join(allowed)}")
        if self.opset not in OPSETS:
            raise SettingsError(
                f"opset {self.opset} is not supported; choose {OPSETS[0]} to {OPSETS[-1]}"
            )
        if self.format != "onnx" and (self.layout, self.opset) != ("nhwc", OPSET):
            raise SettingsError("layout and opset need --format onnx; other formats have one each")
        if self.format == "web" and self.uint8:
            raise SettingsError("a page takes float32; leave out --uint8")
        if self.format == "onnx" and (self.quantize != "none" or self.uint8):
            raise SettingsError(
                "an ONNX file holds float32 and takes float32; leave out --quantize and --uint8"
            )
        if self.format == "saved_model" and (self.quantize != "none" or self.size or self.uint8):
            raise SettingsError(
                "a SavedModel holds float32, accepts any size, and has signatures for uint8 and "
                "float32; leave out --quantize, --size and --uint8"
            )
        if self.format == "runtime" and (
            self.quantize not in ("none", "float16") or self.size or self.uint8
        ):
            raise SettingsError(
                "a runtime file holds float32 or float16 kernels and accepts any size; leave out "
                "--size, --uint8 and any other --quantize"
            )
        if self.quantize == "int8" and self.format == "tflite" and not self.size:
            raise SettingsError(
                "int8 needs a fixed size; add --size HxW, or choose --quantize dynamic"
            )
        if self.size:
            check_size(self.size)


def check_size(size: Size) -> None:
    """Raises a SettingsError for a size that exports do not support."""
    if min(size) < MINIMUM_SIDE or size[0] * size[1] > EXPORTED_PIXELS:
        raise SettingsError(
            f"a size of {format_size(size)} is not supported; choose at least {MINIMUM_SIDE}x"
            f"{MINIMUM_SIDE} pixels and at most {EXPORTED_PIXELS / 1e6:.1f} megapixels"
        )


def parse_options(
    format: str,
    quantize: str = "none",
    size: str | None = None,
    *,
    uint8: bool = False,
    layout: str = "nhwc",
    opset: int | None = None,
) -> ExportOptions:
    """Parses the options of the command line; the size is ``HxW``, height and width.

    Raises:
        SettingsError: a value is invalid.
    """
    options = ExportOptions(
        cast(Any, format),
        cast(Any, quantize),
        parse_size(size) if size else None,
        uint8,
        cast(Any, layout),
        OPSET if opset is None else opset,
    )
    options.check()
    return options


def parse_size(text: str) -> Size:
    """Parses ``HxW``, height and width, or one number for a square.

    Raises:
        SettingsError: the text has another form.
    """
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text)
    if match is None:
        raise SettingsError(
            f"expected a size of HEIGHTxWIDTH, such as 384x512, or one number for a square; "
            f"received {shorten_text(repr(text))}"
        )
    return int(match[1]), int(match[2] or match[1])
