"""Exports: from a trained style to a file for one runtime, compared before it gets its name.

wave.tflite         or the folder of a SavedModel
wave.tflite.json    the report: what it is, and how it compares with the network
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from onestroke import __version__
from onestroke.errors import SettingsError
from onestroke.export.export_options import ExportOptions, Format, Size
from onestroke.export.export_pictures import comparison_photographs
from onestroke.extras import check_tflite
from onestroke.files import check_writable, write_whole
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.style_file import (
    IDENTITY,
    find_style_file,
    load_network,
    read_config,
    style_names,
)
from onestroke.stylize.saved_model_painter import DESCRIPTION
from onestroke.stylize.stylizer import StyleChoice, weigh_styles

if TYPE_CHECKING:
    from onestroke.export.verification import Report
    from onestroke.models.transform_network import TransformNetwork

PAGE_MARK = "styles.json"
RANGES_SIDE = 256  # pixels: at 1280 x 720, all features of johnson at once take 24 GB
LICENCE = "whoever trained the style decides; onestroke, with its own styles, is under Apache-2.0"


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
    """Exports a trained style, and compares what it paints with what the network paints.

    Args:
        model: a style file, or the folder of a finished run.
        path: the TFLite file or the folder of the SavedModel to write.
        options: what to export.
        photographs: to compare on, by name, (height, width, 3) uint8 RGB; by default the bundled
            validation photographs.
        style: the name of the one style, or the weights of the blend, to export; None for all
            styles, to be chosen and blended by whoever runs the file.
        representative: photographs that ``int8`` measures its ranges on, others than those it is
            compared on; some dozen will do.
        overwrite: replace what is at ``path``.

    Raises:
        SettingsError: an option is wrong, a package is not installed, or there is something at
            ``path``.
        ModelError: the model is missing or broken.
        VerificationError: a photograph's PSNR is under the bound; nothing is left at ``path``.
    """
    path = Path(path).expanduser().resolve()
    options.check()
    photographs = comparison_photographs() if photographs is None else photographs
    if options.format == "web":
        raise SettingsError("a page holds several files; `export_page` writes it")
    check_pictures(options, photographs, representative)
    style_file = find_style_file(model)
    report_file = report_of(path)
    check_target(path, options, overwrite)
    if options.format == "tflite":
        check_tflite()
    chosen = _chosen(style_file, style) if style is not None else None
    from onestroke.export.verification import verify

    network = load_network(style_file)
    if chosen:
        from onestroke.models.style_rows import extract_blend

        network = extract_blend(network, chosen)
    description = describe_export(network, options)
    reports = []

    def write(temporary: Path) -> None:
        _write(network, temporary, options, description, representative)
        reports.append(verify(network, temporary, options=options, photographs=photographs))
        report_file.unlink(missing_ok=True)  # it speaks of the export that is now replaced

    write_whole(path, write)
    report = replace(reports[0], path=str(path))
    text = json.dumps(description | asdict(report) | {"path": path.name}, indent=2) + "\n"
    write_whole(report_file, lambda place: place.write_text(text))
    return report


def _chosen(style_file: Path, style: StyleChoice) -> dict[str, float]:
    """Returns the weights above 0, their sum 1.

    Raises:
        SettingsError: a style is unknown, no weight is above 0, or the identity's is.
    """
    names = style_names(read_config(style_file))
    weights = zip(names, weigh_styles(style, names), strict=True)
    chosen = {name: round(float(weight), 6) for name, weight in weights if weight > 0}
    if IDENTITY in chosen:
        raise SettingsError(
            f"expected paintings alone in a file of one style; received {IDENTITY}; leave it out, "
            "or export all styles, which an app can fade to it"
        )
    return chosen


def describe_export(network: "TransformNetwork", options: ExportOptions) -> dict[str, Any]:
    """Returns what an exported file says of itself."""
    trained = network.metadata
    return {
        "onestroke": __version__,
        "style_names": style_names(network.get_config()),
        "captions": trained.get("captions", {}),
        "preset": network.preset,
        "blend": trained.get("blend"),
        "image": _describe_image(options),
        "styled": _describe_output(options),
        "style": _describe_style(network.styles),
        "format": options.format,
        "quantize": options.quantize,
        "size": options.size,
        "uint8": options.uint8,
        "vgg19": trained.get("vgg19"),
        "losses": trained.get("losses"),
        "settings": trained.get("settings"),
        "evaluated": trained.get("evaluated"),
        "notice": trained.get("notice"),
        "licence": LICENCE,
    }


def _describe_image(options: ExportOptions) -> str:
    if options.size is None:
        return f"RGB in [0, 255], both sides at least {MINIMUM_SIDE} pixels"
    height, width = options.size
    return f"RGB in [0, 255], {height} x {width} pixels (height x width)"


def _describe_style(styles: int) -> str | None:
    if styles == 1:
        return None  # there is no such input
    return f"(1, {styles}) float32, the weight of each in the order of style_names; their sum is 1"


def _describe_output(options: ExportOptions) -> str:
    if options.format == "tflite" and options.size is None:
        return "RGB in [0, 255], sides rounded up to multiples of 4; keep the top left"
    return "RGB in [0, 255], the size of image"


def _write(
    network: "TransformNetwork",
    path: Path,
    options: ExportOptions,
    description: Mapping[str, Any],
    representative: Sequence[np.ndarray],
) -> None:
    if options.format == "saved_model":
        from onestroke.export.saved_model_file import write_saved_model

        write_saved_model(network, path, description)
        return
    from onestroke.export.tflite_file import convert, describe_inside, quantize

    content = convert(network, size=options.size, uint8=options.uint8)
    ranges = _ranges(network, options, representative) if options.quantize == "int8" else None
    path.write_bytes(describe_inside(quantize(content, options.quantize, ranges), description))


def _ranges(
    network: "TransformNetwork", options: ExportOptions, photographs: Sequence[np.ndarray]
) -> Any:
    """Measures the ranges of the features on photographs, the styles in turn."""
    from onestroke.export.tflite_file import convert, measure_ranges
    from onestroke.export.verification import fit

    size = _shrunk(cast(Size, options.size), RANGES_SIDE)
    inputs = []
    for position, photograph in enumerate(photographs):
        image = fit(photograph, size)[None]
        inputs.append({"image": image if options.uint8 else image.astype(np.float32)})
        if network.styles > 1:
            one = np.eye(network.styles, dtype=np.float32)[position % network.styles]
            inputs[-1]["style"] = one[None]
    return measure_ranges(convert(network, size=size, uint8=options.uint8), inputs)


def _shrunk(size: Size, side: int) -> Size:
    """Returns a size of that shape, with an area of ``side`` squared at most."""
    factor = min(1.0, side / (size[0] * size[1]) ** 0.5)
    return max(MINIMUM_SIDE, round(size[0] * factor)), max(MINIMUM_SIDE, round(size[1] * factor))


def check_pictures(
    options: ExportOptions, photographs: Mapping[str, np.ndarray], representative: Sequence
) -> None:
    """Raises a SettingsError unless there is something to compare and to measure on."""
    if not photographs:
        raise SettingsError("expected at least one photograph to compare on; received none")
    if options.quantize == "int8" and not representative:
        raise SettingsError(
            "expected photographs for int8 to measure its ranges on; received none; add --data "
            "SOURCE, or choose --quantize dynamic"
        )


def check_target(path: Path, options: ExportOptions, overwrite: bool) -> None:
    """Raises a SettingsError for what cannot be written, or must not be."""
    if (path.suffix == ".tflite") != (options.format == "tflite"):
        expected = "a name" if options.format == "tflite" else "the name of a folder, not one"
        raise SettingsError(f"expected {expected} that ends in .tflite; received {path}")
    check_writable(path.parent)
    places = (path,) if options.format == "web" else (path, report_of(path))
    marks = (_MARKS[options.format], _knows_onestroke)
    for place, is_ours in zip(places, marks, strict=False):
        if place.exists() and not overwrite:
            raise SettingsError(f"{place} exists; choose another place, or add --overwrite")
        if place.exists() and not is_ours(place):
            raise SettingsError(
                f"{place} is no {options.format} export of `onestroke export`, and stays; "
                "choose another place"
            )


def report_of(path: Path) -> Path:
    """Returns where the report of an export stands."""
    return path.with_name(f"{path.name}.json")


def is_page(folder: Path) -> bool:
    """Whether ``onestroke export`` wrote a page into the folder."""
    return _knows_onestroke(folder / PAGE_MARK) and (folder / "index.html").is_file()


def _knows_onestroke(file: Path) -> bool:
    """Whether a JSON file says which onestroke wrote it, as reports and pages do."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "onestroke" in content


# By what an export is known, so that --overwrite deletes nothing else.
_MARKS: Mapping[Format, Callable[[Path], bool]] = {
    "saved_model": lambda path: (path / DESCRIPTION).is_file(),
    "tflite": lambda path: path.is_file(),
    "web": is_page,
}
