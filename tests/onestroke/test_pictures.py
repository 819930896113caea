"""Picture files to arrays and back, and the messages for files that cannot be read."""

import errno
import io
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from onestroke.pictures import (
    MAX_PIXELS,
    Picture,
    PictureAccessError,
    PictureError,
    group_by_size,
    largest_deviation,
    read_picture,
    resize,
    size_of_long_side,
    size_of_short_side,
    write_picture,
)

RED, GREEN = (255, 0, 0), (0, 255, 0)


# Rows are the stored picture; each should be seen as abc over def (EXIF 2.3, page 36).
STORED = {
    1: ["abc", "def"],
    2: ["cba", "fed"],
    3: ["fed", "cba"],
    4: ["def", "abc"],
    5: ["ad", "be", "cf"],
    6: ["cf", "be", "ad"],
    7: ["fc", "eb", "da"],
    8: ["da", "eb", "fc"],
}


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def flat(mode: str, colour: int | tuple[int, ...], size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new(mode, size, colour)


def waves(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth colour picture, which lossy formats keep closely."""
    y, x = np.mgrid[:height, :width]
    channels = [
        128 + 100 * np.sin(x / 9),
        128 + 100 * np.cos(y / 7),
        128 + 100 * np.sin((x + y) / 11),
    ]
    return np.stack(channels, axis=-1).astype(np.uint8)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged: its red is our green."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        profile.replace(b"rXYZ", b"....", 1)
        .replace(b"gXYZ", b"rXYZ", 1)
        .replace(b"....", b"gXYZ", 1)
    )


def cmyk_profile() -> bytes:
    """A press whose cyan prints the gray of L* = 50, black prints black, other inks nothing."""
    ramp = bytes(range(256))
    # Cyan varies slowest, black fastest; L* in 255ths of 100, a* and b* zero.
    lightness = [0 if black else 128 if cyan else 255 for cyan in (0, 1) for black in (0, 1) * 4]
    grid = b"".join(bytes([light, 128, 128]) for light in lightness)
    identity = struct.pack(
        ">9i", *(65536 * (row == column) for row in range(3) for column in range(3))
    )
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    start = 128 + 4 + 12
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sII4sQI3I", start + len(table), bytes(4), 0x02400000, b"prtr", b"CMYK",
        b"Lab ", bytes(12), b"acsp", bytes(4), 0, 0, bytes(4), 0, 0, 0xF6D6, 0x10000, 0xD32D,
    )  # fmt: skip
    index = struct.pack(">I4sII", 1, b"A2B0", start, len(table))
    return header.ljust(128, b"\0") + index + table


class TestReading:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG"])
    def test_formats(self, kind: str) -> None:
        pixels = waves()
        options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
        if kind == "JPEG":
            options = {"quality": 98, "subsampling": 0}
        picture = read_picture(encode(Image.fromarray(pixels), kind, **options))
        assert picture.alpha is None
        assert picture.pixels.dtype == np.uint8
        difference = np.abs(picture.pixels.astype(int) - pixels)
        assert difference.max() <= (6 if kind == "JPEG" else 0)

    def test_a_path_and_a_name_that_lies(self, tmp_path: Path) -> None:
        path = tmp_path / "really_a_png.jpg"
        path.write_bytes(encode(flat("RGB", RED), "PNG"))
        assert (read_picture(path).pixels == RED).all()
        assert (read_picture(str(path)).pixels == RED).all()

    def test_several_pictures_in_one_jpeg(self) -> None:
        # Phones append a depth map or a small preview ("MPO"); the first picture is the photograph.
        more = [flat("RGB", GREEN, (8, 8))]
        data = encode(flat("RGB", (90, 90, 90), (64, 48)), "MPO", save_all=True, append_images=more)
        assert (read_picture(data).pixels == np.full((48, 64, 3), 90)).all()
        assert read_picture(data, shrink_to=24).pixels.shape == (24, 32, 3)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
    def test_grayscale(self, kind: str) -> None:
        assert (read_picture(encode(flat("L", 77), kind)).pixels == (77, 77, 77)).all()

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
    def test_ink(self, kind: str) -> None:
        # Pillow writes a CMYK JPEG the way Adobe does, inverted and marked as such.
        data = encode(
            flat("CMYK", (0, 255, 255, 0)), kind, **{"quality": 100} if kind == "JPEG" else {}
        )
        assert np.abs(read_picture(data).pixels.astype(int) - RED).max() <= 2

    def test_16_bits_of_gray_are_scaled_not_clipped(self) -> None:
        values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
        for order in ("<u2", ">u2"):
            data = encode(Image.fromarray(values.astype(order)), "TIFF")
            assert read_picture(data).pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
        data = encode(Image.fromarray(values), "PNG")
        assert read_picture(data).pixels[0, :, 2].tolist() == [0, 0, 1, 1, 128, 255]
        data = encode(Image.fromarray(values.astype(np.int32)), "TIFF")  # mode I
        assert read_picture(data).pixels[0, :, 1].tolist() == [0, 0, 1, 1, 128, 255]

    def test_16_bits_of_gray_with_a_transparent_value(self) -> None:
        values = np.array([[1000, 2000]], np.uint16)
        png = encode(Image.fromarray(values), "PNG")
        chunk = b"tRNS" + struct.pack(">H", 2000)
        chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
        place = png.index(b"IDAT") - 4
        picture = read_picture(png[:place] + chunk + png[place:])
        assert picture.pixels[0, :, 0].tolist() == [4, 255]
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[255, 0]]

    def test_alpha_is_apart_and_colour_untouched(self) -> None:
        picture = read_picture(encode(flat("RGBA", (10, 20, 30, 40)), "PNG"))
        assert (picture.pixels == (10, 20, 30)).all()
        assert picture.alpha is not None
        assert picture.alpha.shape == (16, 16)
        assert (picture.alpha == 40).all()

    def test_gray_with_alpha(self) -> None:
        picture = read_picture(encode(flat("LA", (90, 0)), "PNG"))
        assert (picture.pixels == 255).all()  # what is transparent has no colour
        assert picture.alpha is not None
        assert (picture.alpha == 0).all()

    def test_palette(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *GREEN])
        image.putdata([0, 1])
        picture = read_picture(encode(image, "PNG"))
        assert picture.pixels.tolist() == [[list(RED), list(GREEN)]]
        assert picture.alpha is None

    @pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
    def test_palette_with_transparency(self, transparency: int | bytes) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *GREEN])
        image.putdata([0, 1])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = read_picture(encode(image, "PNG", transparency=transparency))
        assert picture.pixels.tolist() == [[[255, 255, 255], list(GREEN)]]
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255]]

    def test_one_bit(self) -> None:
        assert (read_picture(encode(flat("1", 1), "PNG")).pixels == 255).all()

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
    @pytest.mark.parametrize("orientation", STORED)
    def test_orientation(self, orientation: int, kind: str) -> None:
        letters = np.array([[ord(letter) for letter in row] for row in STORED[orientation]])
        stored = np.kron(letters, np.ones((16, 16))).astype(np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode(
            Image.fromarray(stored), kind, exif=exif.tobytes() if kind != "TIFF" else exif
        )
        seen = read_picture(data).pixels[8::16, 8::16, 0]
        assert np.abs(seen - np.array([[97, 98, 99], [100, 101, 102]])).max() <= 1
        assert read_picture(data).pixels.shape == (32, 48, 3)

    def test_damaged_exif_is_no_damaged_picture(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"):
                data = encode(flat("RGB", RED), "PNG", exif=exif)
                assert (read_picture(data).pixels == RED).all()

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    def test_colour_profile_is_applied(self, kind: str) -> None:
        data = encode(flat("RGB", RED), kind, icc_profile=swapped_profile())
        assert np.abs(read_picture(data).pixels.astype(int) - GREEN).max() <= 3

    def test_colour_profile_leaves_alpha_alone(self) -> None:
        data = encode(flat("RGBA", (*RED, 7)), "PNG", icc_profile=swapped_profile())
        picture = read_picture(data)
        assert np.abs(picture.pixels.astype(int) - GREEN).max() <= 1
        assert picture.alpha is not None
        assert (picture.alpha == 7).all()

    def test_srgb_profile_changes_next_to_nothing(self) -> None:
        pixels = waves()
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        read = read_picture(encode(Image.fromarray(pixels), "PNG", icc_profile=profile)).pixels
        assert np.abs(read.astype(int) - pixels).max() <= 1

    def test_ink_profile_is_applied(self) -> None:
        # L* = 128 / 255 * 100 = 50.2 is a luminance of 0.186, an sRGB value of 119.5.
        data = encode(flat("CMYK", (255, 0, 0, 0)), "TIFF", icc_profile=cmyk_profile())
        assert np.abs(read_picture(data).pixels.astype(int) - 119.5).max() <= 2

    @pytest.mark.parametrize("profile", [b"garbage", swapped_profile()[:200], cmyk_profile()])
    def test_broken_or_alien_profile_is_ignored(self, profile: bytes) -> None:
        data = encode(flat("RGB", (10, 20, 30)), "PNG", icc_profile=profile)
        assert (read_picture(data).pixels == (10, 20, 30)).all()

    def test_shrink_to(self) -> None:
        data = encode(Image.fromarray(waves(400, 604)), "JPEG")
        assert read_picture(data).pixels.shape == (400, 604, 3)
        assert read_picture(data, shrink_to=100).pixels.shape == (100, 151, 3)
        assert read_picture(data, shrink_to=101).pixels.shape == (200, 302, 3)
        assert read_picture(data, shrink_to=401).pixels.shape == (400, 604, 3)
        full = read_picture(data).pixels
        small = resize(full, (100, 151))
        shrunk = read_picture(data, shrink_to=100).pixels
        assert np.abs(small.astype(int) - shrunk)[2:-2, 2:-2].max() <= 8

    def test_large_metadata_of_png_is_dropped(self) -> None:
        # Pillow refuses a whole file for a text or a profile of more than 1 MB.
        profile, pixels = swapped_profile(), waves()
        for kind in ("zTXt", "iTXt", "tEXt"):
            text = PngImagePlugin.PngInfo()
            if kind == "iTXt":
                text.add_itxt("w", "x" * 2_000_000, zip=True)
            else:
                text.add_text("w", "x" * 2_000_000, zip=kind == "zTXt")
            data = encode(Image.fromarray(pixels), "PNG", pnginfo=text, icc_profile=profile)
            red = read_picture(encode(Image.fromarray(pixels), "PNG", icc_profile=profile))
            assert (read_picture(data).pixels == red.pixels).all()
        data = encode(Image.fromarray(pixels), "PNG", icc_profile=b"\0" * 1_500_000)
        assert (read_picture(data).pixels == pixels).all()
        text = PngImagePlugin.PngInfo()
        for number in range(100):
            text.add_text(str(number), "x" * 1_000_000, zip=True)
        data = encode(Image.fromarray(pixels), "PNG", pnginfo=text)
        assert (read_picture(data).pixels == pixels).all()

    def test_hidden_colours_do_not_count(self) -> None:
        pictures = []
        for hidden in ((255, 0, 0, 0), (0, 0, 255, 0)):
            image = flat("RGBA", (10, 20, 30, 255))
            image.paste(hidden, (0, 0, 8, 16))
            pictures.append(read_picture(encode(image, "PNG")))
        assert (pictures[0].pixels == pictures[1].pixels).all()
        assert (pictures[0].pixels[:, :8] == 255).all()

    def test_over_white(self) -> None:
        # 100 * 51/255 + 255 * 204/255 = 20 + 204
        picture = Picture(np.full((3, 4, 3), 100, np.uint8), np.full((3, 4), 51, np.uint8))
        assert (picture.over_white() == 224).all()
        opaque = Picture(waves())
        assert opaque.over_white() is opaque.pixels

    @pytest.mark.parametrize("missing", [2, 3, 10, 300])
    def test_jpeg_that_lacks_a_few_bytes_is_read(self, missing: int) -> None:
        # As viewers do: phones and memory cards cut files at a block of the drive.
        noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3), np.uint8)
        data = encode(Image.fromarray(noise), "JPEG", quality=95)
        picture, whole = read_picture(data[:-missing], name="x.jpg"), read_picture(data)
        assert (picture.pixels[:-16] == whole.pixels[:-16]).all()
        assert not whole.notes
        small = read_picture(data[:-missing], shrink_to=40)
        assert small.pixels.shape == (50, 40, 3)
        (note,) = picture.notes
        assert note.startswith("x.jpg is cut short (")
        assert note.endswith("); its last rows are grey")

    @pytest.mark.parametrize(
        ("kind", "options"),
        [("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("AVIF", {})],
    )
    def test_further_pictures_are_noted(self, kind: str, options: dict[str, Any]) -> None:
        first, second = flat("RGB", RED, (32, 32)), flat("RGB", GREEN, (32, 32))
        data = encode(first, kind, save_all=True, append_images=[second], **options)
        picture = read_picture(data, name="x")
        assert picture.notes == ("x has 2 pictures; only the first one is used",)
        assert np.abs(picture.pixels.astype(int) - RED).max() <= 4
        assert not read_picture(encode(first, kind)).notes

    def test_thumbnails_of_tiff_are_not_further_pictures(self) -> None:
        thumbnail = flat("RGB", RED, (8, 8))
        thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
        data = encode(flat("RGB", RED), "TIFF", save_all=True, append_images=[thumbnail])
        assert not read_picture(data).notes

    def test_avif(self) -> None:
        picture = read_picture(encode(Image.fromarray(waves(64, 64)), "AVIF", quality=95))
        assert np.abs(picture.pixels.astype(int) - waves(64, 64)).mean() < 4

    def test_heic_upright(self) -> None:
        heif = pytest.importorskip("pillow_heif")
        stored = np.rot90(waves(64, 96))  # the camera was turned
        exif = Image.Exif()
        exif[0x0112] = 6
        stream = io.BytesIO()
        heif.from_pillow(Image.fromarray(np.ascontiguousarray(stored))).save(
            stream, quality=95, exif=exif.tobytes()
        )
        picture = read_picture(stream.getvalue())
        assert picture.pixels.shape == (64, 96, 3)
        assert np.abs(picture.pixels.astype(int) - waves(64, 96)).mean() < 4

    def test_standard_input(self) -> None:
        code = (
            "from onestroke.pictures import read_picture, write_picture\n"
            "write_picture('-', read_picture('-'))"
        )
        data = encode(Image.fromarray(waves()), "PNG")
        done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True)
        assert (read_picture(done.stdout).pixels == waves()).all()

    def test_a_drive_that_fails_once_is_tried_again(self, tmp_path: Path, monkeypatch) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(encode(flat("RGB", RED), "PNG"))
        monkeypatch.setattr("onestroke.pictures.RETRY_SECONDS", 0)
        read, failures = Path.read_bytes, [OSError(errno.EIO, "Input/output error")]

        def read_bytes(self: Path) -> bytes:
            if failures:
                raise failures.pop()
            return read(self)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        assert (read_picture(path).pixels == RED).all()
        failures += [OSError(errno.EIO, "Input/output error") for _ in range(2)]
        with pytest.raises(PictureAccessError) as caught:
            read_picture(path)
        assert str(caught.value) == (
            f"cannot read {path}: Input/output error; check the drive or the network"
        )


class TestReadingErrors:
    def message(self, source: Path | bytes, **options: str) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(PictureError) as caught:
                read_picture(source, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "none.jpg"
        assert self.message(path) == f"no picture {path}; check the path"

    def test_folder(self, tmp_path: Path) -> None:
        assert self.message(tmp_path) == f"{tmp_path} is a folder; give one picture"

    def test_unreachable(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.jpg"
        assert self.message(path) == f"cannot open {path}: Not a directory"

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.jpg"
        path.touch()
        assert self.message(path) == f"{path} is empty (0 bytes); copy or download it again"

    def test_other_files(self) -> None:
        page = b"<html>404</html>"
        assert self.message(page, name="cat.jpg") == (
            "cat.jpg is a web page, not a picture; download the picture again"
        )
        assert self.message(encode(flat("P", 0), "GIF")) == (
            "the picture is a GIF, which is not supported; save the picture you need as PNG"
        )

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
    def test_cut_short(self, kind: str) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        data = encode(Image.fromarray(noise), kind)
        message = self.message(data[: len(data) // 2], name="x")
        assert message.startswith("x is broken or cut short (")
        assert message.endswith("); copy or export it again")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
    def test_garbled_anywhere(self, kind: str) -> None:
        data = encode(Image.fromarray(waves()), kind)
        random = np.random.default_rng(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(100):
                garbled = bytearray(data)
                for place in random.integers(0, len(data), 4):
                    garbled[place] = random.integers(256)
                try:
                    read_picture(bytes(garbled))
                except PictureError as error:
                    assert "\n" not in str(error)  # noqa: PT017 - many files pass, rightly

    @pytest.mark.parametrize("side", [15_000, 30_000])  # ours, and past twice our limit Pillow's
    def test_too_large(self, side: int) -> None:
        assert side**2 > MAX_PIXELS
        png = bytearray(encode(flat("L", 0), "PNG"))
        png[16:24] = struct.pack(">II", side, side)
        png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
        message = self.message(bytes(png), name="bomb.png")
        assert message.startswith("bomb.png is too large")
        assert message.endswith("at most 200 million pixels are read; shrink it first")

    def test_headers_that_claim_too_much(self) -> None:
        png = bytearray(encode(flat("L", 0), "PNG"))
        for width, height, expected in [
            (199_999_999, 1, r"^x is too large, 1x199999999 .* a side has at most 131072 pixels"),
            (14_000, 14_000, r"^x claims 14000x14000 pixels in a file of \d+ bytes; "),
        ]:
            png[16:24] = struct.pack(">II", width, height)
            png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
            assert re.search(expected, self.message(bytes(png), name="x"))
        bmp = bytearray(encode(flat("L", 0), "BMP"))
        bmp[18:26] = struct.pack("<ii", 199_999_999, 1)
        assert "x is too large, 1x199999999" in self.message(bytes(bmp), name="x")

    def test_scans_that_would_take_minutes(self) -> None:
        data = encode(Image.new("L", (3000, 3000)), "JPEG", progressive=True)
        scan = data[data.rfind(b"\xff\xda") : -2]
        message = self.message(data[:-2] + 1000 * scan + b"\xff\xd9", name="x")
        assert re.match(r"x stores its 3000x3000 pixels in 10\d\d scans, which would take", message)
        small = encode(flat("L", 0), "JPEG", progressive=True)
        scan = small[small.rfind(b"\xff\xda") : -2]
        read_picture(small[:-2] + 1000 * scan + b"\xff\xd9")

    def test_progressive_jpeg_cut_short(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        data = encode(Image.fromarray(noise), "JPEG", progressive=True)
        assert "is broken or cut short" in self.message(data[: len(data) // 2])

    def test_without_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def load(self: Image.Image) -> None:
            raise MemoryError

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
        data = encode(flat("L", 0), "PNG")
        assert self.message(data, name="x") == "x does not fit into memory; make it smaller first"

    def test_pixels_of_another_kind(self) -> None:
        expected = "has 32 bits per channel, which is not supported; save it as RGB or grey"
        data = encode(Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF")
        assert expected in self.message(data)
        data = encode(Image.fromarray(np.full((2, 2), 70_000, np.int32)), "TIFF")
        assert expected in self.message(data)


class TestMetadata:
    @pytest.fixture
    def photograph(self) -> bytes:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        exif[ExifTags.Base.Make] = "Camera maker"
        exif[ExifTags.Base.DateTime] = "2024:05:06 07:08:09"
        exif[ExifTags.IFD.Exif] = {
            ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
            ExifTags.Base.ExifImageWidth: 40,
            ExifTags.Base.MakerNote: b"serial number",
        }
        exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 51.0, 24.0)}
        return encode(Image.fromarray(waves()), "JPEG", exif=exif)

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
    def test_date_place_and_camera_are_kept(
        self, tmp_path: Path, photograph: bytes, name: str
    ) -> None:
        picture = read_picture(photograph, with_metadata=True)
        write_picture(tmp_path / name, picture)
        with Image.open(tmp_path / name) as image:
            exif = image.getexif()
            assert image.size == (24, 40)  # upright
            details = exif.get_ifd(ExifTags.IFD.Exif)
            place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert exif[ExifTags.Base.Make] == "Camera maker"
        assert exif[ExifTags.Base.DateTime] == "2024:05:06 07:08:09"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert details[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
        assert ExifTags.Base.ExifImageWidth not in details
        assert ExifTags.Base.MakerNote not in details
        assert tuple(map(float, place[ExifTags.GPS.GPSLatitude])) == (48.0, 51.0, 24.0)
        again = read_picture(tmp_path / name, with_metadata=True)
        assert again.metadata is not None
        assert b"2024:05:06 07:08:09" in again.metadata

    def test_metadata_can_be_left_out(self, tmp_path: Path, photograph: bytes) -> None:
        write_picture(tmp_path / "a.jpg", read_picture(photograph))
        with Image.open(tmp_path / "a.jpg") as image:
            assert not image.getexif()

    def test_damaged_metadata_is_left_out(self) -> None:
        for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"):
            data = encode(flat("RGB", RED), "PNG", exif=exif)
            assert read_picture(data, with_metadata=True).metadata is None


class TestPicture:
    def test_shapes_are_checked(self) -> None:
        good = np.zeros((2, 3, 3), np.uint8)
        with pytest.raises(
            ValueError, match=r"\(height, width, 3\) uint8; received \(2, 3\) uint8"
        ):
            Picture(good[:, :, 0])
        with pytest.raises(ValueError, match=r"received \(2, 3, 3\) float32"):
            Picture(good.astype(np.float32))
        with pytest.raises(
            ValueError, match=r"an alpha of \(2, 3\) uint8; received \(3, 2\) uint8"
        ):
            Picture(good, np.zeros((3, 2), np.uint8))


class TestWriting:
    @pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF"])
    def test_lossless_formats_come_back_exactly(self, tmp_path: Path, name: str) -> None:
        pixels = waves(23, 41)
        write_picture(tmp_path / name, Picture(pixels))
        picture = read_picture(tmp_path / name)
        assert (picture.pixels == pixels).all()
        assert picture.alpha is None

    @pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
    def test_lossy_formats_come_back_closely(self, tmp_path: Path, name: str) -> None:
        pixels = waves(23, 41)
        write_picture(str(tmp_path / name), Picture(pixels))
        read = read_picture(tmp_path / name).pixels
        assert read.shape == pixels.shape
        assert np.abs(read.astype(int) - pixels).mean() < 3

    def test_jpeg_keeps_full_colour_resolution(self, tmp_path: Path) -> None:
        pixels = np.tile(np.array([RED, (0, 0, 255)], np.uint8), (16, 8, 1))
        write_picture(tmp_path / "a.jpg", Picture(pixels))
        assert np.abs(read_picture(tmp_path / "a.jpg").pixels.astype(int) - pixels).max() < 25

    def test_quality(self, tmp_path: Path) -> None:
        for quality in (30, 95):
            write_picture(tmp_path / f"{quality}.jpg", Picture(waves()), quality=quality)
        sizes = [(tmp_path / f"{quality}.jpg").stat().st_size for quality in (30, 95)]
        assert sizes[0] < sizes[1]

    @pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
    def test_alpha_is_kept(self, tmp_path: Path, name: str) -> None:
        alpha = np.arange(24 * 40, dtype=np.uint8).reshape(24, 40)
        write_picture(tmp_path / name, Picture(waves(), alpha), quality=100)
        picture = read_picture(tmp_path / name)
        assert picture.alpha is not None
        assert (picture.alpha == alpha).all()
        assert np.abs(picture.pixels.astype(int) - waves()).mean() < 3

    @pytest.mark.parametrize("name", ["a.jpg", "a.bmp"])
    def test_alpha_goes_over_white(self, tmp_path: Path, name: str) -> None:
        # 100 * 51/255 + 255 * 204/255 = 20 + 204
        pixels, alpha = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16), 51, np.uint8)
        write_picture(tmp_path / name, Picture(pixels, alpha))
        picture = read_picture(tmp_path / name)
        assert picture.alpha is None
        assert (picture.pixels == 224).all()

    def test_folders_are_made_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "newer" / "a.png"
        write_picture(path, Picture(waves()))
        write_picture(path, Picture(waves()))
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(("name", "received"), [("a.gif", "'.gif'"), ("a", "'no suffix'")])
    def test_unknown_suffix(self, tmp_path: Path, name: str, received: str) -> None:
        with pytest.raises(PictureError) as caught:
            write_picture(tmp_path / name, Picture(waves()))
        assert str(caught.value) == (
            f"cannot write {tmp_path / name}: expected a name that ends in one of "
            f".jpg .jpeg .png .webp .bmp .tif .tiff; received {received}"
        )
        assert not list(tmp_path.iterdir())

    def test_unwritable(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.png"
        with pytest.raises(PictureError) as caught:
            write_picture(path, Picture(waves()))
        assert str(caught.value).startswith(f"cannot write {path}: ")
        assert str(caught.value).endswith("; choose another place, format or size")
        assert "\n" not in str(caught.value)

    def test_a_folder_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").mkdir()
        with pytest.raises(PictureError, match="Is a directory; choose another place"):
            write_picture(tmp_path / "a.png", Picture(waves()))
        assert os.listdir(tmp_path) == ["a.png"]

    def test_too_long_for_the_format(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"the old one")
        long = Picture(np.zeros((1, 70_000, 3), np.uint8))
        for name in ("a.jpg", "a.webp"):
            with pytest.raises(PictureError, match=f"cannot write .*{name}: .*; choose another"):
                write_picture(tmp_path / name, long)
        assert os.listdir(tmp_path) == ["a.jpg"]
        assert (tmp_path / "a.jpg").read_bytes() == b"the old one"


class TestSizes:
    def test_resize(self) -> None:
        assert resize(waves(), (10, 20)).shape == (10, 20, 3)
        assert resize(waves()[:, :, 0], (10, 20)).shape == (10, 20)
        flat_picture = np.full((9, 7, 3), 33, np.uint8)
        assert (resize(flat_picture, (20, 30)) == 33).all()

    def test_sides(self) -> None:
        assert size_of_short_side((300, 400), 150) == (150, 200)
        assert size_of_long_side((300, 400), 100) == (75, 100)
        assert size_of_long_side((1, 1000), 10) == (1, 10)

    def test_pictures_of_one_size_are_a_batch(self) -> None:
        wide, high = waves(8, 12), waves(12, 8)
        assert group_by_size([wide, high, wide, wide], most=2) == [(0, 2), (3,), (1,)]
        assert group_by_size([], most=2) == []


def test_import_and_reading_leave_the_process_alone() -> None:
    code = """if True:
        import io, warnings
        from PIL import Image
        limit = Image.MAX_IMAGE_PIXELS
        from onestroke.pictures import read_picture
        filters = list(warnings.filters)  # NumPy adds one when it is imported
        stream = io.BytesIO()
        Image.new("RGB", (9, 9)).save(stream, "PNG")
        read_picture(stream.getvalue())
        assert Image.MAX_IMAGE_PIXELS == limit
        assert list(warnings.filters) == filters
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_starts_no_tensorflow() -> None:
    code = "import sys, onestroke.pictures; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_largest_deviation_of_a_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    pixels[:, :, 1] //= 2
    assert largest_deviation(pixels) == pytest.approx(pixels.std(axis=(0, 1)).max(), rel=1e-12)
    assert largest_deviation(np.full((40, 30, 3), 255, np.uint8)) == 0
