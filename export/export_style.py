"""The public function that exports a style."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onestroke.export.export_options import (
    OPSET,
    ExportOptions,
    Format,
    Layout,
    Quantization,
    Size,
)
from onestroke.export.exporter import SUFFIXES, write_export
from onestroke.stylize.stylizer import StyleChoice

if TYPE_CHECKING:
    from onestroke.export.verification import Report


def export_style(
    model: Path | str,
    path: Path | str,
    *,
    format: Format | None = None,
    quantize: Quantization = "none",
    size: Size | None = None,
    uint8: bool = False,
    layout: Layout = "nhwc",
    opset: int = OPSET,
    style: StyleChoice | None = None,
    photographs: Mapping[str, np.ndarray] | None = None,
    representative: Sequence[np.ndarray] = (),
    overwrite: bool = False,
) -> "Report":
    """Exports a trained style and compares it with the network in its own runtime.

    Args:
        model: a style file, the folder of a finished run, or the name of a bundled model.
        path: the TFLite or ONNX file or the SavedModel folder to write.
        format: ``"tflite"``, ``"onnx"`` or ``"saved_model"``; by default what the suffix of
            ``path`` means, and without one a SavedModel.
        quantize: how a TFLite file stores its kernels: ``"none"`` (float32), ``"float16"``,
            ``"weights"`` (8 bits, computed in float), ``"dynamic"`` (computed in 8 bits) or
            ``"int8"`` (computed in 8 bits with ranges measured on ``representative``).
        size: fixed (height, width) of every picture; None for a file that accepts any size.
        uint8: of a TFLite file: uint8 input and output instead of float32.
        layout: of an ONNX file: ``"nhwc"`` for channels last, ``"nchw"`` for channels first.
        opset: of an ONNX file: the version of its operators.
        style: the name of one style, or the weights of a blend; None for all styles.
        photographs: to compare on, by name, ``(height, width, 3)`` uint8 RGB; by default the
            bundled validation photographs.
        representative: photographs for ``"int8"``, not those of the comparison.
        overwrite: replace an export at ``path``.

    Returns:
        The report: size, speed, and the difference of every photograph.

    Raises:
        SettingsError: an option is invalid, a package is missing, or ``path`` exists.
        ModelError: the model is missing or broken.
        VerificationError: a photograph differs by more than the format allows; nothing is written.

    Example:
        >>> report = onestroke.export_style("runs/wave", "wave.tflite", quantize="dynamic")
        >>> report.worst.psnr  # dB
    """
    # Runtime files end in .tflite too; they are exported only by name.
    by_suffix = {suffix: kind for kind, suffix in SUFFIXES.items() if kind != "runtime"}
    kind = format or by_suffix.get(Path(path).suffix, "saved_model")
    options = ExportOptions(kind, quantize, size, uint8, layout, opset)
    return write_export(
        model,
        path,
        options,
        style=style,
        photographs=photographs,
        representative=representative,
        overwrite=overwrite,
    )
