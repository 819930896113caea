"""Pictures at the doors: what files hold, what arrays come out, and what errors say."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from onestroke.pictures import (
    MAX_PIXELS,
    Picture,
    PictureError,
    find_pictures,
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
        assert picture.pixels[0, :, 0].tolist() == [4, 8]
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
        assert (picture.pixels == 90).all()
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
        assert picture.pixels.tolist() == [[list(RED), list(GREEN)]]
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
        assert self.message(tmp_path) == f"{tmp_path} is a folder; expected one picture"

    def test_unreachable(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.jpg"
        assert self.message(path) == f"cannot open {path}: Not a directory"

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.jpg"
        path.touch()
        assert self.message(path) == f"{path} is empty (0 bytes); copy or download it again"

    def test_other_files(self) -> None:
        expected = "is not a picture we can read; expected JPEG, PNG, WebP, BMP or TIFF"
        assert self.message(b"<html>404</html>", name="cat.jpg") == f"cat.jpg {expected}"
        assert self.message(encode(flat("P", 0), "GIF")) == f"the picture {expected}"

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
        assert message.endswith("expected at most 200 million pixels; shrink it first")

    def test_pixels_of_another_kind(self) -> None:
        data = encode(Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF")
        assert "has 32 bits a channel; expected 8 or 16; save it so" in self.message(data)
        data = encode(Image.fromarray(np.full((2, 2), 70_000, np.int32)), "TIFF")
        assert "has 32 bits a channel; expected 8 or 16; save it so" in self.message(data)


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


class TestFinding:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ["b.PNG", "a.jpg", "notes.txt", "._a.jpg", "sub/deep/c.webp", ".git/d.jpg"]:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "folder.jpg").mkdir()
        return tmp_path

    def test_folder(self, folder: Path) -> None:
        names = ["a.jpg", "b.PNG", "sub/deep/c.webp"]
        assert find_pictures(folder) == [folder / name for name in names]
        assert find_pictures(str(folder)) == [folder / name for name in names]

    def test_file(self, folder: Path) -> None:
        assert find_pictures(folder / "notes.txt") == [folder / "notes.txt"]

    def test_glob(self, folder: Path) -> None:
        assert find_pictures(f"{folder}/*.jpg") == [folder / "a.jpg"]
        assert find_pictures(f"{folder}/**/*.webp") == [folder / "sub/deep/c.webp"]

    def test_a_real_name_that_looks_like_a_glob(self, tmp_path: Path) -> None:
        (tmp_path / "photos [2024]").mkdir()
        (tmp_path / "photos [2024]" / "a.jpg").touch()
        assert find_pictures(tmp_path / "photos [2024]") == [tmp_path / "photos [2024]" / "a.jpg"]

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError) as caught:
            find_pictures(tmp_path / "none")
        assert str(caught.value) == f"no file or folder {tmp_path / 'none'}; check the path"

    def test_an_empty_name(self) -> None:
        with pytest.raises(PictureError, match="or a glob; received an empty name"):
            find_pictures("")

    def test_nothing_inside(self, tmp_path: Path) -> None:
        suffixes = ".jpg .jpeg .jfif .png .webp .bmp .tif .tiff"
        with pytest.raises(PictureError) as caught:
            find_pictures(tmp_path)
        assert str(caught.value) == (
            f"no pictures in {tmp_path} or its subfolders; expected {suffixes}"
        )
        with pytest.raises(PictureError) as caught:
            find_pictures(f"{tmp_path}/*.jpg")
        assert str(caught.value) == (
            f"no picture matches {tmp_path}/*.jpg; expected names that end in {suffixes}"
        )


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


def test_import_starts_no_tensorflow() -> None:
    code = "import sys, onestroke.pictures; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
