"""Picture files to uint8 RGB arrays and back.

Pictures are RGB in [0, 255] everywhere else. What cameras, phones and editors put into files
(orientation, colour profiles, CMYK, palettes, 16 bits, transparency) is handled here.
"""

import errno
import io
import logging
import math
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from onestroke.errors import OnestrokeError
from onestroke.files import expand_path, write_whole
from onestroke.picture_kinds import (
    MAX_PAGES,
    RAW,
    TIFF_REMEDY,
    count_frames,
    describe_tiff,
    drop_large_metadata,
    explain_unreadable,
    identify_kind,
    is_raw,
    open_image,
)
from onestroke.picture_metadata import read_metadata

logger = logging.getLogger("onestroke.pictures")

MAX_PIXELS = 200_000_000
"""The largest cameras and phones write 16320x12240. A file that unpacks to more is a mosaic or a
decompression bomb, and would need over a gigabyte."""

MAX_SIDE = 2**17
"""Pixels. Longer lines are damaged headers, for which Pillow finds no memory."""

FEW_SCANS, SCANNED_PIXELS = 64, 2**31
"""A progressive JPEG has some ten scans, and each visits all pixels. More scans are read while they
visit so many pixels together, which takes two seconds; a scan may have ten bytes."""

SMALL_PIXELS, PIXELS_PER_BYTE = 2**25, 100
"""A file may unpack to so many pixels, and to so many more per byte of the file. Photographs have
below 20 pixels per byte; a few kilobytes that claim hundreds of megapixels are an attack."""

BT601_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""How much red, green and blue add to the luma of a pixel (ITU-R BT.601)."""

STANDARD_STREAM = "-"
"""The name of standard input and output."""

_WRITERS: dict[str, str] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
WRITABLE_SUFFIXES = tuple(_WRITERS)
"""How the name of a written picture may end."""

_HOLDS_ALPHA = frozenset({"PNG", "WEBP", "TIFF"})

# These are the same at the second try. Others, such as a network drive's, may pass.
_LASTING = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
RETRY_SECONDS = 0.5

_STRIP = 2**22  # pixels that are converted at once, so that large pictures are in memory once
_UNDECODED = 128  # the grey that a JPEG decoder leaves where data is missing
_BLOCK = 16  # pixels: the largest unit in which a JPEG stores its picture


class PictureError(OnestrokeError):
    """A picture cannot be found, read or written."""


class PictureAccessError(PictureError):
    """The drive failed to deliver a picture, which may be sound."""


@dataclass(frozen=True, eq=False)  # comparing arrays gives an array, no truth value
class Picture:
    """One picture in memory, upright and in sRGB.

    Args:
        pixels: (height, width, 3) uint8 RGB, not premultiplied by the alpha; white where the
            picture is fully transparent.
        alpha: (height, width) uint8, 0 transparent and 255 opaque, or None where the file had none.
        metadata: an EXIF block that is written with the picture, or None.
        notes: lines about what of the file was not used.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    metadata: bytes | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, kind = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
            raise ValueError(
                f"expected pixels of (height, width, 3) uint8; received {shape} {kind}"
            )
        if self.alpha is None:
            return
        if self.alpha.shape != shape[:2] or self.alpha.dtype != np.uint8:
            raise ValueError(
                f"expected an alpha of {shape[:2]} uint8; "
                f"received {self.alpha.shape} {self.alpha.dtype}"
            )

    def over_white(self) -> np.ndarray:
        """Returns the picture as it looks on white paper, (height, width, 3) uint8 RGB."""
        if self.alpha is None:
            return self.pixels
        result = np.empty_like(self.pixels)
        for rows in _strips(result.shape):
            alpha = self.alpha[rows, :, None].astype(np.uint16)
            # At most 65152, and rounded.
            result[rows] = (self.pixels[rows] * alpha + 255 * (255 - alpha) + 127) // 255
        return result


def read_picture(
    source: Path | str | bytes,
    *,
    shrink_to: int | None = None,
    name: str | None = None,
    with_metadata: bool = False,
) -> Picture:
    """Reads a picture upright, in sRGB, with 8 bits per channel.

    Args:
        source: a path, ``-`` for standard input, or the bytes of a file.
        shrink_to: the caller needs a short side of this many pixels at most. A JPEG is then
            decoded at a half, a quarter or an eighth of its size, several times faster. The short
            side of the result is never below this number, unless the file's own is.
        name: the name of the picture in messages; its path by default.
        with_metadata: whether the date, place and camera are read, to be written again.

    Returns:
        The picture. Its alpha is None where the file says nothing about transparency.

    Raises:
        PictureError: the file is missing, broken, no picture or too large.

    Example:
        >>> photograph = onestroke.read_picture("cat.jpg").pixels
        >>> painted = onestroke.load("base")(photograph)
    """
    name = name or ("the picture" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else _read_bytes(source, name)
    if not data:
        raise PictureError(f"{name} is empty (0 bytes); copy or download it again")
    kind = identify_kind(data)
    if kind is None:
        raise PictureError(f"{name} is {explain_unreadable(data)}")
    try:
        return _decode(data, kind, name, shrink_to, with_metadata)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(f"{name} does not fit into memory; make it smaller first") from error
    except Image.DecompressionBombError as error:
        raise PictureError(_too_large(name)) from error
    # Broken files make decoders raise OSError, SyntaxError, struct.error, …
    except Exception as error:
        if kind == "HEIF" and "not installed" in str(error):
            raise PictureError(f"{name} is {explain_unreadable(data)}") from error
        of_pillow = re.search("unknown|samples per pixel", str(error))
        if kind == "TIFF" and of_pillow and (found := describe_tiff(data)):
            raise PictureError(
                f"{name} is a TIFF of {found}, which is not supported; {TIFF_REMEDY}"
            ) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(
            f"{name} is broken or cut short ({reason}); copy or export it again"
        ) from error


def read_pixels(source: Path | str, *, shrink_to: int | None = None) -> np.ndarray:
    """Reads a picture as it looks on white paper; what was not used of the file is logged.

    Args:
        source: see ``read_picture``.
        shrink_to: see ``read_picture``.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        PictureError: see ``read_picture``.
    """
    picture = read_picture(source, shrink_to=shrink_to)
    log_notes(picture)
    return picture.over_white()


def log_notes(picture: Picture) -> None:
    """Logs a line for each part of the file that was not used."""
    for note in picture.notes:
        logger.warning("%s", note)


def write_picture(path: Path | str, picture: Picture | np.ndarray, *, quality: int = 95) -> None:
    """Writes a picture in the format that the suffix names; the whole file appears, or nothing.

    PNG, WebP and TIFF keep the alpha; JPEG and BMP get the picture over white. All but BMP keep
    the metadata.

    Args:
        path: where to write; missing folders are created. ``-`` writes a PNG to standard output.
        picture: what to write; or its pixels, (height, width, 3) uint8 RGB.
        quality: 1 to 100, of a JPEG (whose colour is kept at full resolution) or a WebP.

    Raises:
        PictureError: the suffix is of no such format, or the file cannot be written.
    """
    if not isinstance(picture, Picture):
        try:
            picture = Picture(picture)
        except ValueError as error:
            raise PictureError(str(error)) from error
    if str(path) == STANDARD_STREAM:
        stream = io.BytesIO()
        _to_image(picture, with_alpha=True).save(stream, "PNG", **_options("PNG", picture, quality))
        sys.stdout.buffer.write(stream.getvalue())
        sys.stdout.buffer.flush()
        return
    path = expand_path(path)
    check_suffix(path)
    kind = _WRITERS[path.suffix.lower()]
    try:
        image = _to_image(picture, with_alpha=kind in _HOLDS_ALPHA)
        options = _options(kind, picture, quality)
        write_whole(path, lambda temporary: image.save(temporary, kind, **options))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise PictureError(
            f"cannot write {path}: {reason}; choose another place, format or size"
        ) from error


def check_suffix(path: Path) -> None:
    """Raises a PictureError unless the name ends as one of a picture that can be written."""
    if path.suffix.lower() not in _WRITERS:
        raise PictureError(
            f"cannot write {path}: expected a name that ends in one of {' '.join(_WRITERS)}; "
            f"received {path.suffix or 'no suffix'!r}"
        )


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Rounds an array of floats in [0, 255], of any shape, to uint8; others are clipped."""
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes with Lanczos' filter, antialiased.

    Args:
        pixels: (height, width, 3) or (height, width) uint8.
        size: (height, width) of the result.
    """
    height, width = size
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def largest_deviation(pixels: np.ndarray) -> float:
    """Returns the largest standard deviation of a channel, in levels of 255.

    Computed from histograms, which takes a tenth of the time of ``np.std``.

    Args:
        pixels: ``(height, width, 3)`` uint8 RGB.
    """
    levels = np.arange(256)
    counts = np.array(Image.fromarray(pixels).histogram()).reshape(3, 256)
    shares = counts / counts[0].sum()
    gaps = levels - (shares @ levels)[:, None]
    return float(np.sqrt((shares * gaps**2).sum(axis=1).max()))


def format_size(size: tuple[int, int]) -> str:
    """Formats a (height, width) for messages, and as ``--size`` accepts it."""
    return f"{size[0]}x{size[1]}"


def shrink(pixels: np.ndarray, long_side: int) -> np.ndarray:
    """Scales a picture down to a long side; a smaller one stays as it is.

    Args:
        pixels: (height, width, 3) or (height, width) uint8.
        long_side: of the result, in pixels, at most.
    """
    if max(pixels.shape[:2]) <= long_side:
        return pixels
    return resize(pixels, size_of_long_side(pixels.shape[:2], long_side))


def size_of_short_side(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Scales a (height, width) so that its short side becomes `short_side`, its aspect kept."""
    return _scale(size, short_side / min(size))


def size_of_long_side(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scales a (height, width) so that its long side becomes `long_side`, its aspect kept."""
    return _scale(size, long_side / max(size))


def group_by_size(pictures: Sequence[np.ndarray], most: int) -> list[tuple[int, ...]]:
    """Returns batches of pictures of one size, as their numbers.

    Args:
        pictures: ``(height, width, 3)`` each.
        most: pictures in a batch.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i, picture in enumerate(pictures):
        by_shape.setdefault(picture.shape, []).append(i)
    return [
        tuple(same[start : start + most])
        for same in by_shape.values()
        for start in range(0, len(same), most)
    ]


def _scale(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = size
    return max(1, round(height * factor)), max(1, round(width * factor))


def _read_bytes(path: Path | str, name: str) -> bytes:
    if str(path) == STANDARD_STREAM:
        return sys.stdin.buffer.read()
    path = expand_path(path)
    for last in (False, True):
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise PictureError(f"no picture {name}; check the path") from error
        except IsADirectoryError as error:
            raise PictureError(f"{name} is a folder; give one picture") from error
        except OSError as error:
            if error.errno in _LASTING:
                raise PictureError(f"cannot open {name}: {error.strerror}") from error
            if last:
                raise PictureAccessError(
                    f"cannot read {name}: {error.strerror}; check the drive or the network"
                ) from error
            time.sleep(RETRY_SECONDS)
    raise AssertionError("unreachable")


def _decode(
    data: bytes, kind: str, name: str, shrink_to: int | None, with_metadata: bool
) -> Picture:
    data = drop_large_metadata(data) if kind == "PNG" else data
    notes = []
    with _open(data, kind, name, shrink_to) as image:
        try:
            image.load()
        except OSError as error:
            if kind != "JPEG":
                raise
            # Two bytes that end the picture; the decoder leaves grey what is missing before them.
            image = _open(data + b"\xff\xd9", kind, name, shrink_to)
            image.load()
            if not _is_nearly_whole(image, image.height / open_image(data, kind).height):
                raise
            notes.append(f"{name} is cut short ({error}); its last rows are grey")
        _check_depth(image, name)
        metadata = read_metadata(image) if with_metadata else None
        _turn_upright(image)
        frames = count_frames(data, kind)
        if frames > 1:
            count = f"{frames} or more" if frames == MAX_PAGES else frames
            notes.append(f"{name} has {count} pictures; only the first one is used")
        pixels, alpha = _to_arrays(image, image.info.get("icc_profile"))
    return Picture(pixels, alpha, metadata, tuple(notes))


def _open(data: bytes, kind: str, name: str, shrink_to: int | None) -> Image.Image:
    """Reads the header and checks it, before any memory is needed for pixels."""
    image = open_image(data, kind, MAX_PIXELS)
    if kind == "TIFF" and is_raw(image):
        raise PictureError(f"{name} is {RAW}")
    _check_size(image, len(data), name)
    if kind == "JPEG":
        _check_scans(image, data, name)
    if shrink_to is not None:
        image.draft(None, (shrink_to, shrink_to))
    return image


def _too_large(name: str) -> str:
    return f"{name} is too large; at most {MAX_PIXELS // 10**6} million pixels are read; shrink it"


def _check_size(image: Image.Image, size: int, name: str) -> None:
    """Raises a PictureError for a picture of too many pixels, for us or for its file."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise PictureError(
            f"{name} is too large, {image.height}x{image.width} (height x width); at most "
            f"{MAX_PIXELS // 10**6} million pixels are read; shrink it first"
        )
    if max(image.size) > MAX_SIDE:
        raise PictureError(
            f"{name} is too large, {image.height}x{image.width} (height x width); a side has at "
            f"most {MAX_SIDE} pixels; crop it first"
        )
    if pixels > SMALL_PIXELS + PIXELS_PER_BYTE * size:
        raise PictureError(
            f"{name} claims {image.height}x{image.width} pixels in a file of {size} bytes; it is "
            "broken, or empty and too large; crop it or copy it again"
        )


def _check_scans(image: Image.Image, data: bytes, name: str) -> None:
    """Raises a PictureError for a JPEG whose decoding would take minutes."""
    scans = data.count(b"\xff\xda")
    if scans > FEW_SCANS and scans * image.width * image.height > SCANNED_PIXELS:
        raise PictureError(
            f"{name} stores its {image.height}x{image.width} pixels in {scans} scans, which would "
            "take minutes; copy or export it again"
        )


def _is_nearly_whole(image: Image.Image, scale: float) -> bool:
    """Returns whether a JPEG that ends early lacks no more than its last row of blocks.

    In a progressive JPEG, details are missing everywhere, and the grey does not show how many.

    Args:
        image: as it was decoded, grey where data is missing.
        scale: of the decoded picture.
    """
    if image.mode not in ("L", "RGB") or image.info.get("progressive"):
        return False
    rows = math.ceil(_BLOCK * scale) + 1
    corner = image.crop((image.width - 4, max(0, image.height - rows), *image.size))
    grey = np.abs(np.asarray(corner).astype(int) - _UNDECODED) <= 1
    return not bool(grey.all())


def _check_depth(image: Image.Image, name: str) -> None:
    deep = image.mode == "F"
    if image.mode == "I":  # of 16 bits, unless their values say otherwise
        low, high = image.getextrema()
        deep = bool(low < 0 or high > 65535)  # type: ignore[operator]
    if deep:
        raise PictureError(f"{name} has 32 bits per channel, which is not supported; {TIFF_REMEDY}")


def _turn_upright(image: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # damaged metadata does not make a damaged photograph
        return


def _to_arrays(image: Image.Image, profile: bytes | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (height, width, 3) uint8 RGB and (height, width) uint8 alpha, if there is any."""
    if image.mode.startswith("I"):
        base, alpha = _from_deep_grey(image)
    else:
        alpha = None
        if image.has_transparency_data:
            image = image.convert("RGBA") if image.mode in ("P", "PA", "RGB", "L", "1") else image
            alpha = np.array(image.getchannel("A"))
        kept = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}
        base = _convert(image, kept.get(image.mode, "RGB"))
    pixels = _to_array(_to_srgb(base, profile))
    if alpha is not None:
        pixels[alpha == 0] = 255  # the colour under full transparency is never seen
    return pixels, alpha


def _convert(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _to_array(image: Image.Image) -> np.ndarray:
    """Copies an RGB image in strips: a whole large one would be in memory three times."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows in _strips(pixels.shape):
        pixels[rows] = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
    return pixels


def _strips(shape: tuple[int, ...]) -> list[slice]:
    """Returns the rows of a picture in parts of about `_STRIP` pixels."""
    height, width = shape[:2]
    step = max(1, _STRIP // width)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def _from_deep_grey(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Converts 16 bits to 8. Pillow's `convert("L")` would clip all values above 255 to white."""
    values = np.asarray(image)
    grey = np.empty(values.shape, np.uint8)
    for rows in _strips(values.shape):
        # 65535 = 255 * 257, rounded to the nearest
        grey[rows] = (values[rows].astype(np.int64) + 128) // 257
    clear = image.info.get("transparency")
    alpha = None if clear is None else np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(grey), alpha


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts mode L, RGB or CMYK to RGB, through the colour profile if that is sound."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # damaged, or of another kind of pixels
    return _convert(image, "RGB")


def _to_image(picture: Picture, *, with_alpha: bool) -> Image.Image:
    if picture.alpha is not None and with_alpha:
        return Image.fromarray(np.dstack([picture.pixels, picture.alpha]))
    return Image.fromarray(np.ascontiguousarray(picture.over_white()))


def _options(kind: str, picture: Picture, quality: int) -> dict[str, object]:
    options: dict[str, dict[str, object]] = {
        "JPEG": {"quality": quality, "subsampling": "4:4:4"},
        "WEBP": {"quality": quality, "exact": True},  # keeps the colour of transparent pixels
        "TIFF": {"compression": "tiff_lzw"},
    }
    if picture.metadata is None or kind == "BMP":
        return options.get(kind, {})
    if kind == "TIFF":  # Pillow cannot write date and place into a compressed one
        return {"exif": picture.metadata}
    return {**options.get(kind, {}), "exif": picture.metadata}
