"""Kinds of picture files: which are read, and what to do with the others.

The content of a file decides its kind, not its name. Only the decoders named here run: others of
Pillow call outside programs (EPS) or open files that a picture refers to.
"""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

READS_HEIF = find_spec("pillow_heif") is not None
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"),
    *((".avif",) if AvifImagePlugin.SUPPORTED else ()),
    *((".heic", ".heif") if READS_HEIF else ()),
)
"""Names that a folder is searched for."""

# Other pictures, which are counted when a folder is searched.
OTHER_SUFFIXES = (
    *(".avif", ".heic", ".heif", ".gif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"),
    *(".raf", ".pef", ".srw", ".psd", ".xcf", ".svg", ".jp2", ".jxl", ".tga", ".exr", ".hdr"),
    *(".eps", ".pdf"),
)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")

SUPPORTED = "JPEG, PNG, WebP, BMP, TIFF, AVIF and, with pip install 'onestroke[heif]', HEIC"
TIFF_REMEDY = "save it as RGB or grey with 8 or 16 bits per channel, without extra channels"
RAW = "a camera's raw file, which is not supported; export it as JPEG or TIFF"

HEADER_BYTES = 4096  # enough to recognise a kind

MAX_PAGES = 1000

MAX_METADATA = 2**20  # bytes of a PNG's text or colour profile; Pillow refuses files with more

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_OTHERS = (
    (b"GIF8", "a GIF, which is not supported; save the picture you need as PNG"),
    (b"%PDF", "a PDF, which is not supported; save the page you need as PNG"),
    (b"8BPS", "a Photoshop file, which is not supported; save it as PNG or TIFF"),
    (b"gimp xcf", "a GIMP file, which is not supported; export it as PNG or TIFF"),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported; save it as JPEG or PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not supported; save it as JPEG or PNG"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 picture, which is not supported; save it as JPEG or PNG"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\0", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"version https://git-lfs", "a pointer of Git LFS, not the picture; run git lfs pull"),
)
_REDUCED = 1  # flag of the TIFF tag NewSubfileType: a thumbnail of another page
_SUBFILE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706


def identify_kind(data: bytes) -> str | None:
    """Returns the kind of a picture, such as ``JPEG``; None if it is not one that is read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if data.startswith(_TIFF):
        return "TIFF"
    brands = _brands(data)
    if any(brand in brands for brand in _AVIF_BRANDS):
        return "AVIF"
    return "HEIF" if any(brand in brands for brand in _HEIF_BRANDS) else None


def open_image(data: bytes, kind: str, max_pixels: int | None = None) -> Image.Image:
    """Reads the header of a picture; the pixels are decoded by ``load``, those of HEIC at once.

    Pillow's own ``Image.open`` checks the size against one limit for the whole process.

    Args:
        data: the file.
        kind: see ``identify_kind``.
        max_pixels: of a HEIC picture.

    Raises:
        Exception: the picture is broken; decoders raise many kinds.
    """
    if kind == "HEIF":
        return _open_heif(data, max_pixels)
    return _OPENERS[kind](io.BytesIO(data))


def explain_unreadable(data: bytes) -> str:
    """Returns what a file is that is not a supported picture, and what to do."""
    if is_archive(data):
        return "an archive, not a picture; unpack it first"
    for start, text in _OTHERS:
        if data.startswith(start):
            return text
    if brands := _brands(data):
        if b"crx " in brands:
            return RAW
        if identify_kind(data) == "HEIF":
            return "a HEIC picture; pip install 'onestroke[heif]' or save it as JPEG"
        return "a video, not a picture; paint it with `onestroke video`, or save a frame as PNG"
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture; download the picture again"
    if b"<svg" in start:
        return "an SVG drawing, which is not supported; save it as PNG"
    if _is_text(data[:HEADER_BYTES]):
        return f"a text file, not a picture; supported are {SUPPORTED}"
    return f"not a picture of a known kind; supported are {SUPPORTED}"


def is_archive(data: bytes) -> bool:
    """Returns whether a file starts as an archive does."""
    return data.startswith(_ARCHIVES) or data[257:262] == b"ustar"


def describe_tiff(data: bytes) -> str | None:
    """Returns the channels of a TIFF file in words; None if its header is broken."""
    try:
        header = data[:16] if data[2:4] in (b"+\0", b"\0+") else data[:8]
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
        form = max(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))
        channels = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    except Exception:  # whatever a broken file makes the parser do
        return None
    kinds = {2: "signed numbers", 3: "floating point numbers", 5: "complex", 6: "complex"}
    number = "1 channel" if channels == 1 else f"{channels} channels"
    return f"{number} of {bits} bits" + (f" ({kinds[form]})" if form in kinds else "")


def is_raw(image: Image.Image) -> bool:
    """Returns whether a TIFF is a camera's raw file, whose first picture is a thumbnail."""
    tags: Mapping[int, object] = getattr(image, "tag_v2", {})
    reduced = tags.get(_SUBFILE, 0)
    thumbnail = isinstance(reduced, int) and reduced & _REDUCED and _SUB_IFDS in tags
    return _DNG_VERSION in tags or bool(thumbnail)


def count_frames(data: bytes, kind: str) -> int:
    """Returns how many pictures a file has: frames or pages, without thumbnails.

    A second picture in a JPEG or HEIC file is a preview or a depth map of the first. The pages of
    a TIFF are counted up to ``MAX_PAGES``: finding 30,000 takes ten seconds.
    """
    if kind in ("JPEG", "BMP", "HEIF"):
        return 1
    try:
        image = open_image(data, kind)
        if not isinstance(image, TiffImagePlugin.TiffImageFile):
            return int(getattr(image, "n_frames", 1))
        pages = 1
        for number in range(1, MAX_PAGES):
            try:
                image.seek(number)
            except EOFError:
                break
            pages += not image.tag_v2.get(_SUBFILE, 0) & _REDUCED
        return pages
    except Exception:  # the first picture was read; broken ones after it do not count
        return 1


def drop_large_metadata(data: bytes) -> bytes:
    """Returns a PNG without texts and colour profiles of more than 1 MB, which Pillow refuses."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    kept, total, place, dropped = [data[:8]], 0, 8, False
    while place + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        if name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
            size = _unpacked_size(name, data[place + 8 : place + 8 + length])
            total += min(size, MAX_METADATA)
            if size > MAX_METADATA or total > 16 * MAX_METADATA:
                dropped, place = True, end
                continue
        if name == b"IDAT":
            break
        kept.append(data[place:end])
        place = end
    return b"".join([*kept, data[place:]]) if dropped else data


def _unpacked_size(name: bytes, chunk: bytes) -> int:
    """Returns the bytes of a chunk's content; more than the limit is not unpacked further."""
    if name == b"tEXt":
        return len(chunk)
    _, _, rest = chunk.partition(b"\0")
    if name == b"iTXt":
        if rest[:1] != b"\1":
            return len(chunk)
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        rest = rest[1:]
    try:
        return len(zlib.decompressobj().decompress(rest, MAX_METADATA + 1))
    except zlib.error:
        return 0


def _open_heif(data: bytes, max_pixels: int | None) -> Image.Image:
    if not READS_HEIF:
        raise OSError("pillow-heif is not installed")
    import pillow_heif

    image = pillow_heif.open_heif(io.BytesIO(data))[0]
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        raise Image.DecompressionBombError
    return image.to_pillow()


_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}


def _brands(data: bytes) -> tuple[bytes, ...]:
    """Returns the brands of an ISO media file, the main one first; none for other files."""
    if data[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return (data[8:12], *(data[place : place + 4] for place in range(16, end, 4)))


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return False
        text = start[: error.start].decode()
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)
