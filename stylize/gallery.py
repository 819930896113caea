"""A page and a picture of photographs in every style of one or more models."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from onestroke.contact_sheet import add_label, arrange_in_columns, join_across
from onestroke.errors import SettingsError
from onestroke.files import check_file, expand_path, find_overwritten, write_whole
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.style_file import RUN_STYLE, unique_titles
from onestroke.picture_search import find_pictures
from onestroke.pictures import PictureError, read_pixels, resize, shrink
from onestroke.printable import make_printable
from onestroke.stylize.model import load, open_model
from onestroke.stylize.stylizer import check_side

GAP = 8  # pixels between the pictures of the sheet
LABEL = 20  # pixels of a name above them
MAX_PHOTOGRAPHS = 64
QUALITY = 88  # of the JPEG files in the page

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>onestroke gallery</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 2rem; font: 16px/1.4 system-ui, sans-serif; background: #181818; color: #eee; }}
section {{ margin-bottom: 2.5rem; }}
h2 {{ font-size: 1rem; margin: 0 0 .6rem; font-weight: 600; }}
h2 span {{ color: #aaa; font-weight: 400; margin-left: .8em; }}
div {{ display: flex; flex-wrap: wrap; gap: .5rem; }}
img {{ height: 16rem; max-width: 100%; object-fit: contain; }}
</style></head><body>
{sections}
</body></html>
"""
SECTION = "<section><h2>{name}<span>{caption}</span></h2><div>{pictures}</div></section>"


@dataclass(frozen=True)
class Row:
    """The photographs in one style.

    Attributes:
        name: of the style; empty for the photographs themselves.
        caption: of the style, from the model card; may be empty.
        pictures: ``(height, width, 3)`` uint8 RGB, in the order of the photographs.
    """

    name: str
    caption: str
    pictures: Sequence[np.ndarray]


def make_gallery(
    inputs: Sequence[Path | str],
    models: Sequence[Path | str],
    output: Path | str,
    *,
    size: int = 512,
    report: Callable[[str], object] = lambda name: None,
) -> list[Path]:
    """Paints photographs in every style; writes an HTML page with all pictures, and a sheet.

    Args:
        inputs: pictures, folders or globs.
        models: what ``onestroke.load`` takes.
        output: the page, ``.html``; the sheet has the same name with ``.png``.
        size: long side of the pictures, in pixels.
        report: called with the name of each style after it was painted.

    Returns:
        The two files.

    Raises:
        OnestrokeError: an input or a model is missing or broken, or the output has another suffix.
    """
    output = expand_path(output)
    check_side("a size", size)
    if output.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"the gallery {output} does not end in .html; choose a name that does")
    sheet = output.with_suffix(".png")
    paths = [path for place in inputs for path in find_pictures(place)]
    _check(paths, output, sheet)
    opened = [open_model(model) for model in models]
    photographs = [_read(path, size) for path in paths]
    names = [model.card.painted_names for model in opened]
    titles = unique_titles(names, [_name(model) for model in models])
    rows = [Row("", "", photographs)]
    for model, styles, labels in zip(opened, names, titles, strict=True):
        stylizer = load(model)
        for name, title in zip(styles, labels, strict=True):
            pictures = [stylizer(photograph, style=name) for photograph in photographs]
            rows.append(Row(title, model.card.style(name).caption, pictures))
            report(title)
    write_whole(output, lambda path: _write_page(path, rows))
    write_whole(sheet, lambda path: _sheet(rows).save(path))
    return [output, sheet]


def _check(paths: Sequence[Path], output: Path, sheet: Path) -> None:
    """Raises a SettingsError for too many photographs, or for one that would be overwritten."""
    if not 1 <= len(paths) <= MAX_PHOTOGRAPHS:
        raise SettingsError(
            f"a gallery has 1 to {MAX_PHOTOGRAPHS} photographs, not {len(paths)}; choose some"
        )
    for file in (output, sheet):
        check_file(file)
    lost = find_overwritten((output, sheet), paths)
    if sheet.exists() and not output.exists():
        lost = sheet  # the user did not name this file
    if lost:
        raise SettingsError(f"the gallery would overwrite {lost}; choose another --output")


def _name(model: Path | str) -> str:
    """Returns the name of a model in titles; the style file of a run has the run's name."""
    path = Path(model)
    return (path.parent.name if path.name == RUN_STYLE else "") or path.name


def _read(path: Path, size: int) -> np.ndarray:
    whole = read_pixels(path, shrink_to=size)
    pixels = shrink(whole, size)
    if min(pixels.shape[:2]) < MINIMUM_SIDE:
        height, width = pixels.shape[:2]
        remedy = "leave it out" if pixels is whole else "choose a larger --size or leave it out"
        raise PictureError(
            f"{path} has {height}x{width} pixels (height x width) in the gallery; both sides need "
            f"at least {MINIMUM_SIDE}; {remedy}"
        )
    return pixels


def _write_page(path: Path, rows: Sequence[Row]) -> None:
    sections = [
        SECTION.format(
            name=_escape(row.name or "photographs"),
            caption=_escape(row.caption),
            pictures="".join(
                f'<img src="{_as_link(picture)}" alt="{_escape(row.name or "photograph")}">'
                for picture in row.pictures
            ),
        )
        for row in rows
    ]
    path.write_text(PAGE.format(sections="\n".join(sections)), encoding="utf-8")


def _escape(text: str) -> str:
    return html.escape(make_printable(text))


def _as_link(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _sheet(rows: Sequence[Row]) -> Image.Image:
    """Places each style's pictures in a row under the style's name, the rows in columns."""
    return arrange_in_columns([_block(row) for row in rows], gap=GAP)


def _block(row: Row) -> Image.Image:
    """Places pictures side by side, reduced to the height of the smallest."""
    height = min(picture.shape[0] for picture in row.pictures)
    widths = [max(1, round(p.shape[1] * height / p.shape[0])) for p in row.pictures]
    images = [
        Image.fromarray(resize(picture, (height, width)))
        for picture, width in zip(row.pictures, widths, strict=True)
    ]
    return add_label(
        join_across(images, gap=GAP), make_printable(row.name or "photographs"), height=LABEL
    )
