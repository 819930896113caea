"""Kinds are recognised by content; the messages for others say what to do."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from onestroke.picture_kinds import (
    MAX_PAGES,
    count_frames,
    explain_unreadable,
    identify_kind,
)
from onestroke.pictures import PictureError, read_picture


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(bits: list[int], form: int, photometric: int = 2, extra: int = 0) -> bytes:
    """A TIFF of 2 x 2 pixels with any channels."""
    channels = len(bits)
    pixels = bytes(4 * sum(bits) // 8)
    entries = [(256, 3, 1, 2), (257, 3, 1, 2), (259, 3, 1, 1), (262, 3, 1, photometric)]
    entries += [(277, 3, 1, channels), (278, 3, 1, 2), (279, 4, 1, len(pixels))]
    count = len(entries) + 3 + bool(extra)
    after = 8 + 2 + 12 * count + 4
    lists = struct.pack(f"<{channels}H", *bits), struct.pack(f"<{channels}H", *[form] * channels)
    places = []
    blob = b""
    for data in lists:
        places.append(after + len(blob))
        blob += data + b"\0" * (len(data) % 2)
    entries.append((273, 4, 1, after + len(blob)))
    for tag, place, data in zip((258, 339), places, lists, strict=True):
        value = place if len(data) > 4 else int.from_bytes(data, "little")
        entries.append((tag, 3, channels, value))
    if extra:
        entries.append((338, 3, 1, extra))
    table = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, count) + table + bytes(4) + blob + pixels


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
def test_kinds_by_content(kind: str) -> None:
    assert identify_kind(encode(Image.new("RGB", (16, 16)), kind)) == kind


def test_text_that_starts_as_a_bmp() -> None:
    assert identify_kind(b"BMW makes cars and motorcycles.") is None
    assert identify_kind(b"") is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            tiff([32, 32, 32], 3),
            "x is a TIFF of 3 channels of 32 bits (floating point numbers), which is not "
            "supported; save it as RGB or grey with 8 or 16 bits per channel, without extra "
            "channels",
        ),
        (tiff([16, 16], 1, 1, 2), "x is a TIFF of 2 channels of 16 bits, which is not supported; "),
        (tiff([8] * 7, 1, 5), "x is a TIFF of 7 channels of 8 bits, which is not supported; "),
    ],
)
def test_tiffs_that_pillow_lacks_are_described(data: bytes, expected: str) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(data, name="x")
    assert str(caught.value).startswith(expected)


def test_cameras_raw_files_are_not_read_as_their_thumbnails() -> None:
    for tags in ({50706: b"\1\4\0\0"}, {254: 1, 330: (8,)}):
        data = encode(Image.new("RGB", (16, 16)), "TIFF", tiffinfo=tags)
        with pytest.raises(PictureError, match="x is a camera's raw file, which is not supported"):
            read_picture(data, name="x")


def archive(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as zipped:
            zipped.writestr("a.jpg", b"x")
    else:
        with tarfile.open(fileobj=stream, mode=f"w:{kind}") as tar:
            tar.addfile(tarfile.TarInfo("a.jpg"))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
def test_archives(kind: str) -> None:
    assert explain_unreadable(archive(kind)) == "an archive, not a picture; unpack it first"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><title>", "a web page"),
        (b'<?xml version="1.0"?><svg xmlns', "an SVG drawing"),
        (b"a.jpg\nb.jpg\n", "a text file"),
        ("Fotos für später\n".encode(), "a text file"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "a video"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file"),
        (bytes(range(256)), "not a picture of a known kind"),
    ],
)
def test_other_files(data: bytes, expected: str) -> None:
    assert explain_unreadable(data).startswith(expected)


def test_heic_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestroke.picture_kinds.READS_HEIF", False)
    with pytest.raises(PictureError) as caught:
        read_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), name="x")
    assert str(caught.value) == (
        "x is a HEIC picture; pip install 'onestroke[heif]' or save it as JPEG"
    )


def test_pages_are_counted_up_to_a_limit() -> None:
    """A small file may have so many pages that counting them takes minutes."""
    data = encode(Image.new("L", (4, 4)), "TIFF")
    place = struct.unpack("<I", data[4:8])[0]
    end = place + 2 + 12 * struct.unpack("<H", data[place : place + 2])[0]
    directory, pages = data[place:end], bytearray()
    for page in range(1, 1101):
        following = len(data) + page * (len(directory) + 4) if page < 1100 else 0
        pages += directory + struct.pack("<I", following)
    data = data[:end] + struct.pack("<I", len(data)) + data[end + 4 :] + pages
    assert count_frames(data, "TIFF") == MAX_PAGES
    assert "has 1000 or more pictures; only the first one is used" in read_picture(data).notes[0]


def test_float_pictures_are_refused() -> None:
    data = encode(Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF")
    with pytest.raises(PictureError, match="x has 32 bits per channel"):
        read_picture(data, name="x")
