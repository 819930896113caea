"""Pictures at the doors: files of any common kind to uint8 RGB arrays, and back.

Everything between the rooms is RGB in [0, 255]; what cameras, phones and editors put into files
(orientation, colour profiles, ink, palettes, 16 bits, transparency) is dealt with here and nowhere
else. Pillow alone does the work: importing this module starts no TensorFlow.
"""

import glob
import io
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from onestroke.errors import OnestrokeError
from onestroke.files import write_whole

MAX_PIXELS = 200_000_000
"""The largest cameras and phones write 16320x12240; a file that unpacks to more is either a mosaic
or a decompression bomb, and would need over a gigabyte to open."""

BT601_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""How much red, green and blue add to the luma of a pixel (ITU-R BT.601)."""

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""What a folder is searched for; a file's kind is then known by its content, not its name."""

# Pillow's own guard is one number for the whole process, and at its default refuses photographs
# that phones take today. This is the same guard, at our limit.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# Only these decoders run: others call outside programs (EPS) or fetch what a file points at.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_FORMATS_IN_WORDS = "JPEG, PNG, WebP, BMP or TIFF"

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
"""What the name of a written picture may end in."""

_HOLDS_ALPHA = frozenset({"PNG", "WEBP", "TIFF"})

_PILLOW = re.compile(r"PIL\.")

# EXIF 2.3, tag 0x0112: what has to be done to the stored picture to see it upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(OnestrokeError):
    """A picture cannot be found, read or written."""


@dataclass(frozen=True, eq=False)  # comparing arrays gives an array, no truth value
class Picture:
    """One picture in memory, upright and in sRGB.

    Args:
        pixels: (height, width, 3) uint8 RGB, not premultiplied by the alpha.
        alpha: (height, width) uint8, 0 transparent and 255 opaque, or None where the file had none.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None

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


def read_picture(
    source: Path | str | bytes, *, shrink_to: int | None = None, name: str | None = None
) -> Picture:
    """Read a picture upright, in sRGB, with 8 bits per channel.

    Args:
        source: a path, or the bytes of a file.
        shrink_to: the caller needs a short side of this many pixels at most. A JPEG is then
            unpacked at a half, a quarter or an eighth of its size, several times faster. The short
            side that comes back is never below this number, unless the file's own is.
        name: what errors call the picture; its path by default.

    Returns:
        The picture. Its alpha is None where the file says nothing about transparency.

    Raises:
        PictureError: it is missing, broken, no picture or of too many pixels.
        MemoryError: there is too little for its size.
    """
    name = name or ("the picture" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else _read_bytes(source, name)
    if not data:
        raise PictureError(f"{name} is empty (0 bytes); copy or download it again")
    _silence_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image, name)
            if shrink_to is not None:
                image.draft(None, (shrink_to, shrink_to))
            image.load()
            _check_depth(image, name)
            return _to_picture(_turn_upright(image), image.info.get("icc_profile"))
    except (PictureError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture we can read; expected {_FORMATS_IN_WORDS}"
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{name} is too large; expected at most {MAX_PIXELS // 10**6} million pixels; "
            "shrink it first"
        ) from error
    # Decoders meet broken files with whatever breaks first: OSError, SyntaxError, struct.error, …
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(
            f"{name} is broken or cut short ({reason}); copy or export it again"
        ) from error


def write_picture(path: Path | str, picture: Picture, *, quality: int = 95) -> None:
    """Write a picture in the format that the suffix names; the whole file appears, or nothing.

    PNG, WebP and TIFF keep the alpha; JPEG and BMP cannot, and get the picture over white.

    Args:
        path: where to write; folders that are missing are made.
        picture: what to write.
        quality: 1 to 100, of a JPEG (whose colour is kept at full resolution) or a WebP.

    Raises:
        PictureError: the suffix is of no such format, or the file cannot be written.
    """
    path = Path(path)
    check_suffix(path)
    kind = _WRITERS[path.suffix.lower()]
    options: dict[str, object] = {}
    if kind == "JPEG":
        options = {"quality": quality, "subsampling": "4:4:4"}
    elif kind == "WEBP":
        options = {"quality": quality, "exact": True}  # keeps the colour of transparent pixels
    elif kind == "TIFF":
        options = {"compression": "tiff_lzw"}
    try:
        image = _to_image(picture, with_alpha=kind in _HOLDS_ALPHA)
        write_whole(path, lambda temporary: image.save(temporary, kind, **options))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise PictureError(
            f"cannot write {path}: {reason}; choose another place, format or size"
        ) from error


def check_suffix(path: Path) -> None:
    """Raise a PictureError unless the name ends as one of a picture that can be written."""
    if path.suffix.lower() not in _WRITERS:
        raise PictureError(
            f"cannot write {path}: expected a name that ends in one of {' '.join(_WRITERS)}; "
            f"received {path.suffix or 'no suffix'!r}"
        )


def find_pictures(source: Path | str) -> list[Path]:
    """List the pictures that a user means by a folder (with all its subfolders), a file or a glob.

    In folders and globs, files count by their suffix (`SUFFIXES`), and hidden ones do not count:
    macOS leaves a `._name.jpg` beside each photograph on a memory card. A file named outright is
    taken as it is.

    Returns:
        Paths in the order of their names, at least one.

    Raises:
        PictureError: there is none.
    """
    if source == "":  # to a path, the current folder; to a user, a variable without a value
        raise PictureError("expected a picture, a folder or a glob; received an empty name")
    place = Path(source).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        found = [Path(folder, name) for folder, name in _walk(place)]
        missing = f"no pictures in {source} or its subfolders; expected {' '.join(SUFFIXES)}"
    elif glob.has_magic(str(source)):
        matches = glob.iglob(str(place), recursive=True)
        found = [Path(match) for match in matches if _is_picture(match) and os.path.isfile(match)]
        missing = f"no picture matches {source}; expected names that end in {' '.join(SUFFIXES)}"
    else:
        raise PictureError(f"no file or folder {source}; check the path")
    if not found:
        raise PictureError(missing)
    return sorted(found, key=os.fspath)


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Round an array of floats in [0, 255], of any shape, to uint8; what lies outside is cut."""
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize with Lanczos' filter, antialiased.

    Args:
        pixels: (height, width, 3) or (height, width) uint8.
        size: (height, width) of the result.
    """
    height, width = size
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def shrink(pixels: np.ndarray, long_side: int) -> np.ndarray:
    """Scale a picture down to a long side; a smaller one stays as it is.

    Args:
        pixels: (height, width, 3) or (height, width) uint8.
        long_side: of the result, in pixels, at most.
    """
    if max(pixels.shape[:2]) <= long_side:
        return pixels
    return resize(pixels, size_of_long_side(pixels.shape[:2], long_side))


def size_of_short_side(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Scale a (height, width) so that its short side becomes `short_side`, its aspect kept."""
    return _scale(size, short_side / min(size))


def size_of_long_side(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scale a (height, width) so that its long side becomes `long_side`, its aspect kept."""
    return _scale(size, long_side / max(size))


def _scale(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = size
    return max(1, round(height * factor)), max(1, round(width * factor))


def _silence_pillow() -> None:
    """Keep Pillow's remarks on damaged metadata, which no user can act on, off the terminal.

    `warnings.catch_warnings` would be the tidy way, but it is not safe in threads, and pictures are
    read in several: two overlapping blocks can leave each other's filters behind for good.
    """
    if not any(entry[3] == _PILLOW for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _read_bytes(path: Path | str, name: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except FileNotFoundError as error:
        raise PictureError(f"no picture {name}; check the path") from error
    except IsADirectoryError as error:
        raise PictureError(f"{name} is a folder; expected one picture") from error
    except OSError as error:
        raise PictureError(f"cannot open {name}: {error.strerror}") from error


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"{name} is too large, {image.height}x{image.width}; "
            f"expected at most {MAX_PIXELS // 10**6} million pixels; shrink it first"
        )


def _check_depth(image: Image.Image, name: str) -> None:
    deep = image.mode == "F"
    if image.mode == "I":  # of 16 bits, unless their values say otherwise
        values = np.array(image)
        deep = bool(values.min() < 0 or values.max() > 65535)
    if deep:
        raise PictureError(f"{name} has 32 bits a channel; expected 8 or 16; save it so")


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata does not make a damaged photograph
        return image
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _to_picture(image: Image.Image, profile: bytes | None) -> Picture:
    if image.mode.startswith("I"):
        base, alpha = _from_deep_gray(image)
    else:
        alpha = None
        if image.has_transparency_data:
            image = image.convert("RGBA") if image.mode in ("P", "PA", "RGB", "L", "1") else image
            alpha = np.array(image.getchannel("A"))
        gray = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}
        base = image.convert(gray.get(image.mode, "RGB"))
    return Picture(np.array(_to_srgb(base, profile)), alpha)


def _from_deep_gray(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """16 bits of gray to 8. Pillow's own `convert("L")` would clip all above 255 to white."""
    values = np.array(image).astype(np.int64)
    gray = ((values + 128) // 257).astype(np.uint8)  # 65535 = 255 * 257, rounded to the nearest
    clear = image.info.get("transparency")
    alpha = None if clear is None else np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(gray), alpha


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture in mode L, RGB or CMYK to RGB, through its colour profile if that is sound."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that is damaged, or of another kind of pixels, is worth ignoring
    return image.convert("RGB")


def _to_image(picture: Picture, *, with_alpha: bool) -> Image.Image:
    if picture.alpha is None:
        return Image.fromarray(np.ascontiguousarray(picture.pixels))
    if with_alpha:
        return Image.fromarray(np.dstack([picture.pixels, picture.alpha]))
    alpha = picture.alpha[:, :, None].astype(np.uint16)
    over_white = (picture.pixels * alpha + 255 * (255 - alpha) + 127) // 255  # at most 65152
    return Image.fromarray(over_white.astype(np.uint8))


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from ((place, name) for name in names if _is_picture(name))


def _is_picture(path: str) -> bool:
    name = os.path.basename(path)
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
