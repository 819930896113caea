"""A page and a picture of photographs in every style of one or more models.

``gallery.html`` is the page without its pictures. It loads no other file, so that it can be sent.
"""

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
from onestroke.models.painting_caption import divide_caption
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
PHOTOGRAPH = "Photograph"  # the title of a photograph itself
QUALITY = 88  # of the JPEG files in the page

PAGE = Path(__file__).with_name("gallery.html")
COLUMN = 13  # rem: the least width of a square picture on the page; others have the same area
SECTION = """<section id="{place}">
<h2>{photograph}</h2>
<div class="grid" style="--column: {column:.1f}rem">
{figures}
</div>
</section>"""
FIGURE = """<figure>
<button type="button" aria-label="Enlarge {title}"><img src="{link}" width="{width}" \
height="{height}" alt="{alt}"></button>
<figcaption>{caption}</figcaption>
</figure>"""


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
    write_whole(output, lambda path: _write_page(path, paths, rows))
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


def _write_page(path: Path, paths: Sequence[Path], rows: Sequence[Row]) -> None:
    places = [(f"photograph{number}", _escape(file.name)) for number, file in enumerate(paths, 1)]
    sections = [
        SECTION.format(
            place=place,
            photograph=name,
            column=COLUMN * (picture.shape[1] / picture.shape[0]) ** 0.5,
            figures="\n".join(_figure(row, row.pictures[index], name) for row in rows),
        )
        for index, ((place, name), picture) in enumerate(zip(places, rows[0].pictures, strict=True))
    ]
    links = " ".join(f'<a href="#{place}">{name}</a>' for place, name in places)
    parts = {
        "summary": f"{_count(len(paths), 'photograph')} in {_count(len(rows) - 1, 'style')}, "
        "painted by onestroke.",
        "links": f'<nav aria-label="Photographs">{links}</nav>' if len(paths) > 1 else "",
        "sections": "\n".join(sections),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        page = page.replace(f"<!-- {name} -->", part)
    path.write_text(page, encoding="utf-8")


def _figure(row: Row, picture: np.ndarray, photograph: str) -> str:
    """Returns one picture with the title, the painter and the name of its style."""
    height, width = picture.shape[:2]
    caption = divide_caption(row.name, row.caption)
    title = _escape(caption.title if row.name else PHOTOGRAPH)
    lines = [f"<strong>{title}</strong>"]
    if caption.painter:
        lines.append(f"<span>{_escape(caption.painter)}</span>")
    if row.name:
        lines.append(f"<code>{_escape(row.name)}</code>")
    return FIGURE.format(
        title=title,
        link=_as_link(picture),
        width=width,
        height=height,
        alt=f"{photograph} as {title}" if row.name else photograph,
        caption="".join(lines),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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
