"""The page: a folder of static files that repaints pictures and the camera in any browser.

index.html, page.css, page.js, painter.js    from ``export/page``
litert/                                      LiteRT.js, the runtime
styles.json                                  what there is to choose from
styles/                                      TFLite files of fixed sizes, each with its report
"""

import itertools
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onestroke import __version__
from onestroke.export.exporting import PAGE_MARK, check_pictures, check_target, export
from onestroke.export.options import ExportOptions
from onestroke.export.runtime import copy_runtime, find_runtime
from onestroke.extras import check_tflite
from onestroke.files import write_whole
from onestroke.models.style_file import IDENTITY, find_style_file, read_config, style_names

if TYPE_CHECKING:
    from onestroke.export.verify import Report

PAGE = Path(__file__).parent / "page"

# The two shapes of cameras and most photographs, once for the picture and once, at a quarter of the
# work, for the camera.
SIZES = ((192, 256), (256, 192), (384, 512), (512, 384))


def export_page(
    models: Sequence[Path | str],
    folder: Path | str,
    options: ExportOptions,
    *,
    photographs: Mapping[str, np.ndarray],
    representative: Sequence[np.ndarray] = (),
    overwrite: bool = False,
) -> list["Report"]:
    """Exports trained styles as one page; the picker offers the styles of all of them.

    Args:
        models: style files or folders of finished runs.
        folder: to write.
        options: of the TFLite files; without a size, of the four in ``SIZES``.
        photographs: to compare on; see ``export``.
        representative: see ``export``.
        overwrite: replace the page that is at ``folder``.

    Raises:
        SettingsError: an option is wrong, or there is something at ``folder``.
        ModelError: a model is missing or broken, a package is not installed, or the browser's
            runtime cannot be fetched.
        VerificationError: a photograph's PSNR is under the bound; nothing is left at ``folder``.
    """
    folder = Path(folder).expanduser().resolve()
    options.check()
    check_pictures(options, photographs, representative)
    check_tflite()
    sizes = (options.size,) if options.size else SIZES
    style_files = [find_style_file(model) for model in models]
    check_target(folder, options, overwrite)
    runtime = find_runtime()
    reports = []

    def write(temporary: Path) -> None:
        shutil.copytree(PAGE, temporary)
        copy_runtime(runtime, temporary / "litert")
        styles: list[dict[str, Any]] = []
        for style_file, name in zip(style_files, _file_names(style_files), strict=True):
            files = []
            for height, width in sizes:
                file = f"styles/{name}_{height}x{width}.tflite"
                report = export(
                    style_file,
                    temporary / file,
                    replace(options, format="tflite", size=(height, width)),
                    photographs=photographs,
                    representative=representative,
                )
                reports.append(replace(report, path=str(folder / file)))
                files.append({"file": file, "height": height, "width": width})
            styles += _describe(style_file, files)
        content = {"onestroke": __version__, "styles": styles}
        (temporary / PAGE_MARK).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    folder.parent.mkdir(parents=True, exist_ok=True)
    write_whole(folder, write)
    return reports


def _describe(style_file: Path, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns what the picker offers of one model."""
    names = style_names(read_config(style_file))
    identity = names.index(IDENTITY) if IDENTITY in names else None
    shared = {"count": len(names), "identity": identity, "files": files}
    return [
        {"name": name.replace("_", " "), "index": index, **shared}
        for index, name in enumerate(names)
        if index != identity
    ]


def _file_names(style_files: Sequence[Path]) -> list[str]:
    """Names that stand in an address without escapes, numbered where they would be alike."""
    names: list[str] = []
    for file in style_files:
        title = file.parent.name if file.stem == "style" else file.stem
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "style"
        candidates = itertools.chain([name], (f"{name}-{k}" for k in itertools.count(2)))
        names.append(next(one for one in candidates if one not in names))
    return names
