"""The web page: a folder of static files that paints pictures and the camera in a browser.

index.html, page.css, page.js, tiles.js, painter.js    from ``export/page``
litert/                                                LiteRT.js, the runtime
styles.json                                            the available styles
styles/                                                TFLite files of fixed sizes, with reports
thumbnails/                                            a small picture in each style
example.jpg                                            a photograph to try the page with
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from onestroke import __version__
from onestroke.export.export_options import ExportOptions
from onestroke.export.export_pictures import comparison_photographs
from onestroke.export.exporter import PAGE_MARK, check_pictures, check_target, write_export
from onestroke.export.litert_js import copy_runtime, find_runtime
from onestroke.extras import check_tensorflow, check_tflite
from onestroke.files import expand_path, number_duplicates, write_whole
from onestroke.models.card import IDENTITY, ModelCard
from onestroke.models.painting_caption import divide_caption
from onestroke.models.presets import PRESETS
from onestroke.models.style_file import open_style_file, unique_titles
from onestroke.pictures import resize
from onestroke.stylize.fixed_size import covering_size
from onestroke.stylize.model import load
from onestroke.stylize.stylizer import CROSS_FADE_BELOW

if TYPE_CHECKING:
    from onestroke.export.verification import Report

PAGE = Path(__file__).parent / "page"
EXAMPLE = "colosseum"  # of the bundled photographs

# The two shapes of cameras and most photographs, in a large size for pictures and in a small size,
# with a quarter of the computation, for the camera.
SIZES = ((192, 256), (256, 192), (384, 512), (512, 384))
THUMBNAIL = 160  # pixels, twice as many as the page shows, for dense screens


def export_page(
    models: Sequence[Path | str],
    folder: Path | str,
    options: ExportOptions,
    *,
    photographs: Mapping[str, np.ndarray] | None = None,
    representative: Sequence[np.ndarray] = (),
    overwrite: bool = False,
) -> list["Report"]:
    """Exports trained styles as one page; its menu lists the styles of all models.

    Args:
        models: style files or folders of finished runs.
        folder: the folder to write.
        options: of the TFLite files; without a size, each style gets the four of ``SIZES``.
        photographs: to compare on; see ``exporter.write_export``.
        representative: see ``exporter.write_export``.
        overwrite: replace the page at ``folder``.

    Raises:
        SettingsError: an option is invalid, a package is not installed, or ``folder`` exists.
        ModelError: a model is missing or broken, or LiteRT.js cannot be downloaded.
        VerificationError: a photograph's PSNR is below the bound; nothing is written.
    """
    folder = expand_path(folder).resolve()
    options.check()
    photographs = comparison_photographs() if photographs is None else photographs
    check_pictures(options, photographs, representative)
    check_tensorflow("exports", extra="train,export")
    check_tflite()
    sizes = (options.size,) if options.size else SIZES
    opened = [open_style_file(model) for model in models]
    style_files = [path for path, _ in opened]
    check_target(folder, options, overwrite)
    runtime = find_runtime()
    reports = []

    def write(temporary: Path) -> None:
        copy_page(runtime, temporary)
        styles: list[dict[str, Any]] = []
        file_names = _file_names(style_files)
        titles = unique_titles([card.style_names for _, card in opened], file_names)
        for (style_file, card), name, labels in zip(opened, file_names, titles, strict=True):
            files = []
            for height, width in sizes:
                file = f"styles/{name}_{height}x{width}.tflite"
                report = write_export(
                    style_file,
                    temporary / file,
                    replace(options, format="tflite", size=(height, width), moments=True),
                    photographs=photographs,
                    representative=representative,
                )
                reports.append(replace(report, path=str(folder / file)))
                files.append({"file": file, "height": height, "width": width})
            styles += menu_entries(card, labels, files, temporary)
        write_menu(styles, temporary)

    write_whole(folder, write)
    return reports


def copy_page(runtime: Path, folder: Path) -> None:
    """Writes the files that are the same in every page.

    Args:
        runtime: from ``find_runtime``.
        folder: a new folder.
    """
    shutil.copytree(PAGE, folder)
    copy_runtime(runtime, folder / "litert")
    Image.fromarray(_example()).save(folder / "example.jpg", quality=90)


def write_menu(styles: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Writes the available styles into the folder of a page.

    Args:
        styles: from ``menu_entries``.
        folder: of the page.
    """
    content = {
        "onestroke": __version__,
        "cross_fade_below": CROSS_FADE_BELOW,
        "styles": styles,
    }
    (folder / PAGE_MARK).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def menu_entries(
    card: ModelCard,
    labels: Sequence[str],
    files: Sequence[Mapping[str, Any]],
    folder: Path,
) -> list[dict[str, Any]]:
    """Returns the entries of one model in the page's menu, and writes their thumbnails.

    Args:
        card: of the model.
        labels: of its styles, unique in the page.
        files: of the model: ``file``, its path in the page, ``height`` and ``width``.
        folder: of the page.
    """
    preset = PRESETS[card.preset]
    shared = {
        "count": len(card.styles),
        "identity": card.identity,
        "reach": preset.reach,
        "stride": preset.stride,
        "files": files,
    }
    thumbnails = _paint_thumbnails(files[0], folder)
    entries = []
    for index, (style, label) in enumerate(zip(card.styles, labels, strict=True)):
        if style.name == IDENTITY:
            continue
        caption = divide_caption(style.name, style.caption)
        model = label.removeprefix(style.name)  # " (model)", if several models have the name
        texts = {"title": caption.title + model, "painter": caption.painter}
        entries.append({**texts, "thumbnail": thumbnails[index], "index": index, **shared})
    return entries


def _paint_thumbnails(file: Mapping[str, Any], folder: Path) -> list[str]:
    """Paints the middle of the example in each style; returns the paths of the small pictures."""
    size = file["height"], file["width"]
    photograph = _example()
    covering = covering_size(photograph.shape[:2], size)
    top, left = ((have - want) // 2 for have, want in zip(covering, size, strict=True))
    photograph = resize(photograph, covering)[top : top + size[0], left : left + size[1]]
    side = min(size)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    (folder / "thumbnails").mkdir(exist_ok=True)
    stylizer = load(folder / file["file"])
    paths = []
    for index, style in enumerate(stylizer.style_names):
        painted = stylizer(photograph, style=style)[top : top + side, left : left + side]
        thumbnail = Image.fromarray(painted)
        thumbnail.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        paths.append(f"thumbnails/{Path(file['file']).stem}_{index}.webp")
        thumbnail.save(folder / paths[-1], quality=80)
    return paths


def _example() -> np.ndarray:
    return comparison_photographs()[EXAMPLE]


def _file_names(style_files: Sequence[Path]) -> list[str]:
    """Returns names that need no escapes in an address, numbered where they would be equal."""
    titles = (file.parent.name if file.stem == "style" else file.stem for file in style_files)
    return number_duplicates(
        re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "style" for title in titles
    )
