"""Files: real tiny pictures through a real tiny style file."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import BmpImagePlugin, ExifTags, Image

from onestroke.errors import ModelError, SettingsError
from onestroke.pictures import read_picture
from onestroke.stylize import paint_files
from onestroke.stylize.paint_files import FileResult, PaintOptions, stylize_files
from onestroke.stylize.stylizer import Stylizer


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """Four pictures, one of them broken, in two folders."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    folder = Path("photos")
    (folder / "more").mkdir(parents=True)
    image = Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image.save(folder / "turned.jpg", exif=exif)
    image.save(folder / "broken.png")
    os.truncate(folder / "broken.png", 900)
    image.resize((120, 48)).save(folder / "more/wide.bmp")
    rgba = random.integers(0, 256, (18, 17, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(folder / "more/clear.webp", lossless=True, exact=True)
    return folder


def test_one_picture(photos, style_file):
    [result] = stylize_files([photos / "more/wide.bmp"], style_file, output="new/wide.png")
    assert result.error is None
    assert result.seconds > 0
    assert (result.source, result.target) == (photos / "more/wide.bmp", Path("new/wide.png"))
    assert read_picture("new/wide.png").pixels.shape == (48, 120, 3)


def test_a_folder_with_a_broken_picture(photos, style_file):
    reports: list[tuple[FileResult, int]] = []
    results = stylize_files(
        [photos],
        style_file,
        output="out",
        report=lambda result, total: reports.append((result, total)),
    )
    assert reports == [(result, 4) for result in results]
    assert {result.target.as_posix(): result.error is None for result in results} == {
        "out/broken.png": False,
        "out/more/clear.webp": True,
        "out/more/wide.bmp": True,
        "out/turned.jpg": True,
    }
    assert "photos/broken.png is broken or cut short" in results[0].error
    assert not Path("out/broken.png").exists()
    assert read_picture("out/turned.jpg").pixels.shape == (30, 20, 3)


def test_a_picture_too_large_for_the_memory_does_not_stop_the_others(
    photos, style_file, monkeypatch
):
    def paint(self, picture, **_):
        if picture.shape == (48, 120, 3):
            raise MemoryError
        return picture

    monkeypatch.setattr(Stylizer, "__call__", paint)
    errors = [result.error for result in stylize_files([photos / "more"], style_file, output="out")]
    wide = photos / "more/wide.bmp"
    assert errors == [None, f"{wide}: too little memory for a picture of its size; try --max-size"]


def test_nor_does_one_that_cannot_even_be_read(photos, style_file, monkeypatch):
    load = BmpImagePlugin.BmpImageFile.load

    def fill(self):
        if self.size == (120, 48):
            raise MemoryError
        return load(self)

    monkeypatch.setattr(BmpImagePlugin.BmpImageFile, "load", fill)
    errors = [result.error for result in stylize_files([photos / "more"], style_file, output="out")]
    wide = photos / "more/wide.bmp"
    assert errors == [None, f"{wide} does not fit into memory; make it smaller first"]


def test_alpha_is_kept(photos, style_file):
    stylize_files([photos / "more/clear.webp"], style_file, output="clear.png")
    before, after = read_picture(photos / "more/clear.webp"), read_picture("clear.png")
    assert (after.alpha == before.alpha).all()
    assert (after.pixels != before.pixels).any()


def test_metadata_is_kept_unless_stripped(photos, style_file):
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Camera"
    Image.new("RGB", (40, 30), (200, 90, 30)).save("dated.jpg", exif=exif)
    for strip, expected in ((False, "Camera"), (True, None)):
        options = PaintOptions(strip=strip, overwrite=True)
        stylize_files(["dated.jpg"], style_file, output="out.jpg", options=options)
        with Image.open("out.jpg") as image:
            assert image.getexif().get(ExifTags.Base.Model) == expected


def test_options_reach_the_stylizer(photos, style_file):
    source = photos / "more/wide.bmp"
    stylize_files([source], style_file, output="same.png", options=PaintOptions(strength=0))
    assert (read_picture("same.png").pixels == read_picture(source).pixels).all()
    names = ("wave", "scream")
    for name in names:
        stylize_files(
            [source], style_file, output=f"{name}.png", options=PaintOptions(style={name: 1})
        )
    stylize_files(
        [source], style_file, output="kept.png", options=PaintOptions(preserve_color=True)
    )
    wave, scream, kept = (read_picture(f"{name}.png").pixels for name in (*names, "kept"))
    assert (wave != scream).any()
    assert (wave != kept).any()
    stylize_files([source], style_file, output="bold.png", options=PaintOptions(paint_size=60))
    bold = read_picture("bold.png").pixels
    assert bold.shape == wave.shape
    assert (bold != wave).any()


def test_a_paint_size_without_effect_is_noted_once(photos, style_file, caplog):
    def notes():
        return [message for message in caplog.messages if message.startswith("--paint-size")]

    for size, name in ((121, "larger"), (120, "equal")):
        source, options = photos / "more/wide.bmp", PaintOptions(paint_size=size)
        stylize_files([source], style_file, output=f"{name}.png", options=options)
    line = (
        "--paint-size 121 has no effect on photos/more/wide.bmp, whose long side has 120 pixels; "
        "choose a smaller one, such as 60"
    )
    assert notes() == [line]
    caplog.clear()
    options = PaintOptions(paint_size=500)
    stylize_files([photos / "more"], style_file, output="out", options=options)
    assert len(notes()) == 1


def test_pictures_are_shrunk_to_the_maximal_size(photos, style_file):
    stylize_files(
        [photos / "more/wide.bmp"],
        style_file,
        output="small.png",
        options=PaintOptions(max_size=40),
    )
    assert read_picture("small.png").pixels.shape == (16, 40, 3)
    stylize_files(
        [photos / "more/wide.bmp"],
        style_file,
        output="same.png",
        options=PaintOptions(max_size=120),
    )
    assert read_picture("same.png").pixels.shape == (48, 120, 3)
    stylize_files(
        [photos / "more/clear.webp"],
        style_file,
        output="clear.png",
        options=PaintOptions(max_size=17),
    )
    assert read_picture("clear.png").alpha.shape == (17, 16)


def test_a_large_jpeg_is_shrunk_to_the_maximal_size(photos, style_file):
    Image.new("RGB", (801, 500), "red").save("large.jpg")
    stylize_files(["large.jpg"], style_file, output="small.jpg", options=PaintOptions(max_size=64))
    assert read_picture("small.jpg").pixels.shape == (40, 64, 3)


def test_a_picture_shrunk_too_far_is_named(photos, style_file):
    [result] = stylize_files(
        [photos / "more/wide.bmp"], style_file, output="out.png", options=PaintOptions(max_size=30)
    )
    assert result.error == (
        "expected 16 pixels a side or more; photos/more/wide.bmp would be 12x30 (height x width); "
        "choose a larger --max-size or leave it out"
    )
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"strength": 2},
            "expected a strength from 0 (the photograph) to 1 (the full style); received 2",
        ),
        ({"max_size": 15}, "expected a maximal size of 16 pixels or more; received 15"),
        ({"paint_size": 15}, "expected a paint size of 16 pixels or more; received 15"),
        ({"style": {"starry": 1}}, "unknown style 'starry'; the model has wave, scream"),
    ],
)
def test_mistakes_in_options_stop_everything(photos, style_file, options, message):
    with pytest.raises(SettingsError) as caught:
        stylize_files([photos], style_file, output="out", options=PaintOptions(**options))
    assert str(caught.value) == message
    assert not Path("out").exists()


def test_mistakes_in_paths_stop_everything(photos, style_file):
    with pytest.raises(ModelError, match=r"no model gone\.keras"):
        stylize_files([photos], "gone.keras", output="out")
    with pytest.raises(SettingsError, match="is both the input and the output folder"):
        stylize_files([photos], style_file, output=photos)
    assert not Path("out").exists()


def test_existing_pictures_are_skipped(photos, style_file, monkeypatch):
    options = PaintOptions(skip_existing=True)
    (photos / "broken.png").unlink()
    Path("out/more").mkdir(parents=True)
    Path("out/more/wide.bmp").write_bytes(b"painted before")
    reports: list[tuple[FileResult, int]] = []
    results = stylize_files(
        [photos],
        style_file,
        output="out",
        options=options,
        report=lambda *result: reports.append(result),
    )
    assert [result.skipped for result in results] == [True, False, False]
    assert results[0].target == Path("out/more/wide.bmp")
    assert Path("out/more/wide.bmp").read_bytes() == b"painted before"
    assert reports == [(result, 2) for result in results[1:]]
    # Nothing is left to paint, and no network is loaded.
    monkeypatch.setattr("onestroke.stylize.paint_files.load", None)
    again = stylize_files([photos], style_file, output="out", options=options)
    assert [result.skipped for result in again] == [True] * 3


def test_existing_files_are_not_replaced(photos, style_file, monkeypatch):
    """The folder of another album, or a photograph that is not painted, is not lost."""
    (photos / "broken.png").unlink()
    Path("out").mkdir()
    Path("out/turned.jpg").write_bytes(b"another photograph")
    with monkeypatch.context() as patch:
        patch.setattr("onestroke.stylize.paint_files.load", None)  # nothing slow starts
        with pytest.raises(SettingsError) as caught:
            stylize_files([photos], style_file, output="out")
        assert str(caught.value) == (
            "1 of the 3 files to write exists, such as out/turned.jpg; add --overwrite to replace "
            "what exists, --skip-existing to keep it, or choose another output"
        )
        Path("link.png").symlink_to("out/turned.jpg")
        for name in ("out/turned.jpg", "link.png"):
            with pytest.raises(SettingsError) as caught:
                stylize_files([photos / "more/wide.bmp"], style_file, output=name)
            assert str(caught.value) == (
                f"{name} exists; add --overwrite to replace it, --skip-existing to keep it, or "
                "choose another output"
            )
    assert Path("out/turned.jpg").read_bytes() == b"another photograph"
    assert [path.name for path in Path("out").iterdir()] == ["turned.jpg"]
    stylize_files([photos], style_file, output="out", options=PaintOptions(overwrite=True))
    assert read_picture("out/turned.jpg").pixels.shape == (30, 20, 3)


def test_not_even_overwrite_replaces_a_photograph_that_is_painted(photos, style_file):
    source = photos / "turned.jpg"
    before = source.read_bytes()
    Path("symbolic.jpg").symlink_to(source)
    os.link(source, "hard.jpg")
    spellings = [source, "photos/../photos/turned.jpg", source.resolve()]
    for name in (*spellings, "symbolic.jpg", "hard.jpg"):
        with pytest.raises(SettingsError, match="is an input and would be overwritten"):
            stylize_files([source], style_file, output=name, options=PaintOptions(overwrite=True))
    assert source.read_bytes() == before


def test_skipping_and_overwriting_cannot_be_combined(photos, style_file):
    options = PaintOptions(skip_existing=True, overwrite=True)
    with pytest.raises(SettingsError, match="--skip-existing and --overwrite cannot be combined"):
        stylize_files([photos], style_file, output="out", options=options)


def test_pictures_are_decoded_and_encoded_while_others_are_painted(photos, style_file, monkeypatch):
    """The second picture is read before the first is painted, which is written before the third."""
    for index in range(6):
        Image.new("RGB", (20 + index, 20)).save(photos / f"a{index}.png")
    events, decoded = [], threading.Event()
    read, write = paint_files.read_picture, paint_files.write_picture

    def note_reading(source, **options):
        events.append(("read", Path(source).name))
        if Path(source).name == "a1.png":
            decoded.set()
        return read(source, **options)

    def note_writing(target, picture):
        write(target, picture)
        events.append(("written", target.name))

    def paint(self, picture, **_):
        assert decoded.wait(10)
        events.append(("painted", f"a{picture.shape[1] - 20}.png"))
        return picture

    monkeypatch.setattr(paint_files, "read_picture", note_reading)
    monkeypatch.setattr(paint_files, "write_picture", note_writing)
    monkeypatch.setattr(Stylizer, "__call__", paint)
    results = stylize_files([str(photos / "a?.png")], style_file, output="out")
    assert [result.source.name for result in results] == [f"a{index}.png" for index in range(6)]
    place = {event: index for index, event in enumerate(events)}
    assert place["read", "a1.png"] < place["painted", "a0.png"]
    for index in range(6):
        name = f"a{index}.png"
        assert place["read", name] < place["painted", name] < place["written", name]
    # At most two pictures wait decoded, so a folder of any length fits into memory.
    assert place["read", "a4.png"] > place["painted", "a0.png"]


def test_an_interruption_leaves_whole_pictures_only(photos, style_file, monkeypatch):
    for index in range(6):
        Image.new("RGB", (20 + index, 20)).save(photos / f"a{index}.png")

    def paint(self, picture, **_):
        if picture.shape[1] == 23:
            raise KeyboardInterrupt
        return picture

    with monkeypatch.context() as patch:
        patch.setattr(Stylizer, "__call__", paint)
        with pytest.raises(KeyboardInterrupt):
            stylize_files([str(photos / "a?.png")], style_file, output="out")
    done = sorted(path.name for path in Path("out").iterdir())
    assert {*done} <= {"a0.png", "a1.png", "a2.png"}
    options = PaintOptions(skip_existing=True)
    results = stylize_files([str(photos / "a?.png")], style_file, output="out", options=options)
    assert sum(result.skipped for result in results) == len(done)
    assert sorted(path.name for path in Path("out").iterdir()) == [f"a{i}.png" for i in range(6)]
