"""What can be exported, settled before TensorFlow starts."""

import re
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from onestroke.errors import SettingsError
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.stylize.stylizer import EXPORTED_PIXELS

Format = Literal["saved_model", "tflite", "web"]
Size = tuple[int, int]  # height and width, in pixels
Quantization = Literal["none", "float16", "weights", "dynamic", "int8"]


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        format: ``saved_model`` for servers, ``tflite`` for phones, ``web`` for a page with TFLite
            files.
        quantize: how a TFLite file stores its kernels: ``none`` as 32-bit floats, ``float16``,
            ``weights`` in 8 bits but computing in floats, ``dynamic`` computing in 8 bits too,
            ``int8`` with ranges measured beforehand, as NPUs want it.
        size: height and width of every picture, as GPUs, NPUs and browsers want it; None for a
            file that takes any size.
        uint8: of a TFLite file: take and give uint8 instead of float32.
    """

    format: Format
    quantize: Quantization = "none"
    size: Size | None = None
    uint8: bool = False

    def check(self) -> None:
        """Raises a SettingsError for a value out of its range, or one that does not apply."""
        for name, value, allowed in (
            ("format", self.format, get_args(Format)),
            ("quantize", self.quantize, get_args(Quantization)),
        ):
            if value not in allowed:
                raise SettingsError(
                    f"expected {name} to be one of {', '.join(allowed)}; received {value!r}"
                )
        if self.format == "saved_model" and (self.quantize != "none" or self.size or self.uint8):
            raise SettingsError(
                "expected no quantize, size or uint8 for a SavedModel: it holds float32, takes any "
                "size, and has signatures for uint8 and float32"
            )
        if self.quantize == "int8" and self.format == "tflite" and not self.size:
            raise SettingsError(
                "expected a size for int8, whose ranges are measured at one; add --size HxW, or "
                "choose dynamic"
            )
        if self.size:
            check_size(self.size)


def check_size(size: Size) -> None:
    """Raises a SettingsError for a size that an export cannot take."""
    if min(size) < MINIMUM_SIDE or size[0] * size[1] > EXPORTED_PIXELS:
        raise SettingsError(
            f"expected a size of at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels and at most "
            f"{EXPORTED_PIXELS / 1e6:.1f} megapixels; received {size[0]}x{size[1]}"
        )


def parse_options(
    format: str, quantize: str = "none", size: str | None = None, *, uint8: bool = False
) -> ExportOptions:
    """Reads the options as the command line has them; the size as ``HxW``, height and width.

    Raises:
        SettingsError: a value is none of those that there are.
    """
    options = ExportOptions(
        cast(Any, format), cast(Any, quantize), parse_size(size) if size else None, uint8
    )
    options.check()
    return options


def parse_size(text: str) -> Size:
    """Reads ``HxW``, height and width, or one number for a square.

    Raises:
        SettingsError: it is neither.
    """
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if match is None:
        raise SettingsError(
            f"expected a size of HEIGHTxWIDTH, as 384x512, or one number for a square; "
            f"received {text!r}"
        )
    return int(match[1]), int(match[2] or match[1])


def format_size(size: Size) -> str:
    """Writes a size as the command line takes it."""
    return f"{size[0]}x{size[1]}"
