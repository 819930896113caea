"""Exports a trained style to a file for one runtime, verified before it gets its name.

wave.tflite         or wave.onnx, or the folder of a SavedModel
wave.tflite.json    the report: what the file contains, and how it compares with the network
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from onestroke import __version__
from onestroke.errors import ModelError, SettingsError
from onestroke.export.export_options import ExportOptions, Format, Size
from onestroke.export.export_pictures import comparison_photographs
from onestroke.extras import check_onnx, check_tensorflow, check_tflite
from onestroke.files import check_writable, expand_path, write_text, write_whole
from onestroke.machine import check_memory
from onestroke.models.card import IDENTITY, ExportEntry, ModelCard
from onestroke.models.keras_defaults import check_precision
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.style_file import find_style_file, load_network, read_card
from onestroke.pictures import format_size
from onestroke.stylize.litert_painter import MOMENTS, OWN_SHARE
from onestroke.stylize.onnx_painter import read_onnx_card
from onestroke.stylize.runtime_file import convert_network, hash_style_file, runtime_card
from onestroke.stylize.saved_model_painter import read_saved_model_card
from onestroke.stylize.stylizer import StyleChoice, weigh_styles
from onestroke.stylize.tflite_metadata import read_tflite_card, write_card

if TYPE_CHECKING:
    from onestroke.export.verification import Report
    from onestroke.models.transform_network import TransformNetwork

PAGE_MARK = "styles.json"
# Of formats that are a single file.
SUFFIXES: Mapping[Format, str] = {"tflite": ".tflite", "runtime": ".tflite", "onnx": ".onnx"}
# Bytes for each pixel that is compared, by preset. Measured with johnson: the export of a TFLite
# file took 1.4 GB with pictures of 256x256 and 2.1 GB with 512x512; the others in proportion.
EXPORT_BYTES = {"johnson": 3500, "half": 2000, "mobile": 650}
RANGES_SIDE = 256  # pixels: at 1280 x 720, all features of johnson at once take 24 GB


def write_export(
    model: Path | str,
    path: Path | str,
    options: ExportOptions,
    *,
    photographs: Mapping[str, np.ndarray] | None = None,
    style: StyleChoice | None = None,
    representative: Sequence[np.ndarray] = (),
    overwrite: bool = False,
) -> "Report":
    """Exports a trained style, and compares its pictures with those of the network.

    Args:
        model: a style file, or the folder of a finished run.
        path: the TFLite or ONNX file or the SavedModel folder to write.
        options: format and kind of the export.
        photographs: to compare on, by name, (height, width, 3) uint8 RGB; by default the bundled
            validation photographs.
        style: the name of one style, or the weights of a blend; None exports all styles, which
            whoever runs the file can choose from and blend.
        representative: photographs on which ``int8`` measures its ranges, not those of the
            comparison; a few dozen suffice.
        overwrite: replace an export at ``path``.

    Raises:
        SettingsError: an option is invalid, a package is not installed, or ``path`` exists.
        ModelError: the model is missing or broken.
        VerificationError: a photograph's PSNR is below the bound; nothing is written.
    """
    path = expand_path(path).resolve()
    options.check()
    photographs = comparison_photographs() if photographs is None else photographs
    if options.format == "web":
        raise SettingsError("a page consists of several files; call `export_page`")
    check_pictures(options, photographs, representative)
    style_file = find_style_file(model)
    report_file = report_path(path)
    check_target(path, options, overwrite)
    check_export_memory(read_card(style_file).preset, options, photographs)
    extras = {"tflite": "train,export", "onnx": "train,onnx"}
    check_tensorflow("exports", extra=extras.get(options.format, "train"))
    check_precision()
    if options.format in ("tflite", "runtime"):
        check_tflite(write=(options.format, options.quantize) != ("runtime", "none"))
    if options.format == "onnx":
        check_onnx()
    blend = _resolve_blend(style_file, style) if style is not None else None
    from onestroke.export.verification import verify_export

    network = load_network(style_file)
    if blend:
        from onestroke.models.style_rows import extract_blend

        network = extract_blend(network, blend)
    card = export_card(network.card, options)
    if options.format == "runtime":
        source = None if blend else hash_style_file(style_file)
        card = runtime_card(network, source, quantize=options.quantize)
    reports = []

    def write(temporary: Path) -> None:
        _write(network, temporary, options, card, representative)
        reports.append(verify_export(network, temporary, options=options, photographs=photographs))
        report_file.unlink(missing_ok=True)  # it describes the export that is now replaced

    write_whole(path, write)
    report = replace(reports[0], path=str(path))
    record = {**card.model_dump(mode="json"), **asdict(report), "path": path.name}
    text = json.dumps(record, indent=2) + "\n"
    write_text(report_file, text)
    return report


def _resolve_blend(style_file: Path, style: StyleChoice) -> dict[str, float]:
    """Returns the weights above 0 by name; their sum is 1.

    Raises:
        SettingsError: a style is unknown, no weight is above 0, or the identity's weight is.
    """
    names = read_card(style_file).style_names
    weights = zip(names, weigh_styles(style, names), strict=True)
    blend = {name: round(float(weight), 6) for name, weight in weights if weight > 0}
    if IDENTITY in blend:
        raise SettingsError(
            f"{IDENTITY} cannot be part of an exported blend; leave it out, or export all styles, "
            "among which an app can interpolate"
        )
    return blend


def export_card(card: ModelCard, options: ExportOptions) -> ModelCard:
    """Returns the card of an exported file: that of the network, with how it was exported."""
    entry = ExportEntry(
        format=options.format,
        quantize=options.quantize,
        size=options.size,
        uint8=options.uint8,
        image=_describe_image(options),
        styled=_describe_output(options),
        style=_describe_style(len(card.style_names)),
        options={"layout": options.layout, "opset": options.opset}
        if options.format == "onnx"
        else {},
    )
    return card.model_copy(update={"onestroke": __version__, "export": entry})


def _describe_image(options: ExportOptions) -> str:
    order = ", channels before height and width" if options.layout == "nchw" else ""
    if options.size is None:
        return f"RGB in [0, 255]{order}, both sides at least {MINIMUM_SIDE} pixels"
    height, width = options.size
    return f"RGB in [0, 255]{order}, {height} x {width} pixels (height x width)"


def _describe_style(styles: int) -> str | None:
    if styles == 1:
        return None  # there is no such input
    return f"(1, {styles}) float32, the weight of each of style_names; their sum is 1"


def _describe_output(options: ExportOptions) -> str:
    if options.format == "tflite" and options.size is None:
        return "RGB in [0, 255], sides rounded up to multiples of 4; keep the top left"
    return "RGB in [0, 255], the size of image"


def _write(
    network: "TransformNetwork",
    path: Path,
    options: ExportOptions,
    card: ModelCard,
    representative: Sequence[np.ndarray],
) -> None:
    if options.format == "saved_model":
        from onestroke.export.saved_model_file import write_saved_model

        write_saved_model(network, path, card)
        return
    if options.format == "onnx":
        from onestroke.export.onnx_file import write_onnx

        write_onnx(network, path, options, card)
        return
    from onestroke.export.tflite_file import quantize

    content = _convert(network, options, options.size)
    ranges = _ranges(network, options, representative) if options.quantize == "int8" else None
    path.write_bytes(write_card(quantize(content, options.quantize, ranges), card))


def _convert(network: "TransformNetwork", options: ExportOptions, size: Size | None) -> bytes:
    """Returns the network as a TFLite file in float32."""
    from onestroke.export.tflite_file import convert_to_tflite

    if options.format == "runtime" or options.moments:
        return convert_network(network, size)
    return convert_to_tflite(network, size=size, uint8=options.uint8)


def _ranges(
    network: "TransformNetwork", options: ExportOptions, photographs: Sequence[np.ndarray]
) -> Any:
    """Measures the ranges of the features on photographs, with the styles in turn."""
    from onestroke.export.tflite_file import measure_ranges
    from onestroke.export.verification import fit_to_size

    size = _limit_area(cast(Size, options.size), RANGES_SIDE)
    inputs = []
    for position, photograph in enumerate(photographs):
        image = fit_to_size(photograph, size)[None]
        inputs.append({"image": image if options.uint8 else image.astype(np.float32)})
        if network.styles > 1:
            one = np.eye(network.styles, dtype=np.float32)[position % network.styles]
            inputs[-1]["style"] = one[None]
        if options.moments:
            inputs[-1][MOMENTS] = np.zeros((2, 1, 1, network.normalised_channels), np.float32)
            inputs[-1][OWN_SHARE] = np.ones((1, 1, 1, 1), np.float32)
    return measure_ranges(_convert(network, options, size), inputs)


def _limit_area(size: Size, side: int) -> Size:
    """Returns a size of the same shape with an area of at most ``side`` squared."""
    factor = min(1.0, side / (size[0] * size[1]) ** 0.5)
    return max(MINIMUM_SIDE, round(size[0] * factor)), max(MINIMUM_SIDE, round(size[1] * factor))


def check_export_memory(
    preset: str, options: ExportOptions, photographs: Mapping[str, np.ndarray]
) -> None:
    """Raises an OnestrokeError if the comparison of an export does not fit into memory.

    Args:
        preset: of the network.
        options: of the export.
        photographs: to compare on, by name, (height, width, 3) uint8 RGB.
    """
    sizes = [options.size] if options.size else [p.shape[:2] for p in photographs.values()]
    height, width = max(sizes, key=lambda size: size[0] * size[1])

    def remedy(share: float) -> str:
        if options.size is None:
            return "compare on smaller photographs"
        fitting = int(height * math.sqrt(share)), int(width * math.sqrt(share))
        return f"choose --size {format_size(fitting)} or smaller"

    purpose = f"to compare pictures of {height}x{width} pixels (height x width)"
    check_memory(EXPORT_BYTES[preset] * height * width, purpose, remedy)


def check_pictures(
    options: ExportOptions, photographs: Mapping[str, np.ndarray], representative: Sequence
) -> None:
    """Raises a SettingsError unless there are photographs to compare and to calibrate on."""
    if not photographs:
        raise SettingsError("no photographs to compare on; give at least one")
    if options.quantize == "int8" and not representative:
        raise SettingsError(
            "int8 needs photographs to measure its ranges on; add --data SOURCE, or choose "
            "--quantize dynamic"
        )


def check_target(path: Path, options: ExportOptions, overwrite: bool) -> None:
    """Raises a SettingsError if the export cannot or must not be written to ``path``."""
    suffix = SUFFIXES.get(options.format)
    if suffix and path.suffix != suffix:
        raise SettingsError(f"{path} does not end in {suffix}; choose a name that does")
    if not suffix and path.suffix in SUFFIXES.values():
        raise SettingsError(
            f"--format {options.format} writes a folder; choose a name that does not end in "
            f"{path.suffix}"
        )
    check_writable(path.parent)
    places = (path,) if options.format == "web" else (path, report_path(path))
    marks = (_IS_EXPORT[options.format], _is_of_onestroke)
    for place, is_ours in zip(places, marks, strict=False):
        if place.exists() and not overwrite:
            raise SettingsError(f"{place} exists; choose another path or add --overwrite")
        if place.exists() and not is_ours(place):
            raise SettingsError(
                f"{place} is not a {options.format} export and is not overwritten; choose another "
                "path"
            )


def report_path(path: Path) -> Path:
    """Returns the path of an export's report."""
    return path.with_name(f"{path.name}.json")


def is_page(folder: Path) -> bool:
    """Returns whether ``onestroke export`` wrote a page into the folder."""
    return _is_of_onestroke(folder / PAGE_MARK) and (folder / "index.html").is_file()


def _is_of_onestroke(file: Path) -> bool:
    """Returns whether a JSON file names the onestroke that wrote it, as reports and pages do."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "onestroke" in content


def _has_card(read: Callable[[Path], object]) -> Callable[[Path], bool]:
    """Returns a function that checks whether a file has the card of an export."""

    def check(path: Path) -> bool:
        try:
            read(path)
        except ModelError:
            return False
        return True

    return check


# How an export is recognised, so that --overwrite deletes nothing else.
_IS_EXPORT: Mapping[Format, Callable[[Path], bool]] = {
    "saved_model": _has_card(read_saved_model_card),
    "tflite": _has_card(read_tflite_card),
    "runtime": _has_card(read_tflite_card),
    "onnx": _has_card(read_onnx_card),
    "web": is_page,
}
