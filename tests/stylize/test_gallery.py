"""The gallery: every style on every photograph, on a page and in a sheet."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import ExifTags, Image

import onestroke
from onestroke.errors import OnestrokeError
from onestroke.models.card import StyleEntry, untrained_card
from onestroke.models.style_file import load_network
from onestroke.stylize.gallery import GAP, LABEL, make_gallery


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, size in (("a", (40, 60)), ("b", (96, 48))):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_every_style_is_on_the_page_and_on_the_sheet(photographs, style_file, tmp_path):
    seen = []
    output = tmp_path / "page.html"
    page, sheet = make_gallery([photographs], [style_file], output, size=64, report=seen.append)
    assert seen == ["wave", "scream"]
    text = page.read_text()
    assert "2 photographs in 2 styles" in text
    assert re.findall(r"<h2>(.*)</h2>", text) == ["a.png", "b.png"]
    titles = re.findall(r"<figcaption><strong>(.*?)</strong>", text)
    assert titles == 2 * ["Photograph", "wave", "scream"]
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    sizes = [Image.open(io.BytesIO(base64.b64decode(p))).size for p in pictures]
    assert sizes == 3 * [(60, 40)] + 3 * [(32, 64)]
    assert not re.search(r"https?:|<!-- |(src|href)=\"(?!data:|#)", text), "it loads no other file"

    pixels = np.asarray(Image.open(sheet))
    width, height = 60 + GAP + 20, LABEL + 40  # as high as the lowest picture
    assert pixels.shape == (2 * height + GAP, 2 * width + GAP, 3), "two columns of two"
    photograph = np.asarray(Image.open(photographs / "a.png"))
    np.testing.assert_array_equal(pixels[LABEL:][:40, :60], photograph)
    painted = onestroke.load(style_file)(photograph, style={"scream": 1})
    last = pixels[height + GAP :]
    np.testing.assert_array_equal(last[LABEL:][:40, :60], painted)
    assert last[:LABEL, :width].min() < 100, "the name is above the picture"
    assert (last[:, width:] == 255).all()


def test_page_and_sheet_have_no_metadata_of_the_photograph(style_file, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Camera"
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    photograph = Image.new("RGB", (60, 40), (200, 90, 30))
    photograph.save(tmp_path / "photo.jpg", exif=exif, comment=b"Comment")
    page, sheet = make_gallery(
        [tmp_path / "photo.jpg"], [style_file], tmp_path / "page.html", size=64
    )
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", page.read_text())
    files = [sheet.read_bytes(), *(base64.b64decode(picture) for picture in pictures)]
    assert len(files) == 4
    for file in files:
        with Image.open(io.BytesIO(file)) as picture:
            assert not picture.getexif()
        assert b"Camera" not in file
        assert b"Comment" not in file


def test_a_name_in_two_models_gets_its_model(photographs, style_file, tmp_path):
    network = load_network(style_file)
    network.card = untrained_card("mobile", ["wave", "dusk"])
    network.save(tmp_path / "other.keras")
    seen = []
    models = [style_file, tmp_path / "other.keras"]
    make_gallery([photographs], models, tmp_path / "p.html", size=64, report=seen.append)
    assert seen == [f"wave ({style_file.parent.name})", "scream", "wave (other.keras)", "dusk"]


def test_runs_are_named_by_their_folders(photographs, style_file, tmp_path):
    models = []
    for folder in ("one", "a rather long name"):
        (tmp_path / folder).mkdir()
        models.append(shutil.copy(style_file, tmp_path / folder / "style.keras"))
    seen = []
    output = str(tmp_path / "p.html")
    _, sheet = make_gallery([photographs / "b.png"], models, output, size=64, report=seen.append)
    assert seen[1:3] == ["scream (one)", "wave (a rather long name)"]
    pixels = np.asarray(Image.open(sheet).convert("L"))
    width = (pixels.shape[1] - GAP) // 2  # two columns
    for edge in (width, pixels.shape[1]):
        assert (pixels[:, edge - 1] == 255).all(), "no label is cut"
        assert (pixels[:, edge - 25 : edge] < 128).any(), "and a long one makes room for itself"


def test_names_and_captions_are_escaped(photographs, style_file, tmp_path):
    network = load_network(style_file)
    styles = (
        StyleEntry(name="<i>", caption="The Kiss, Gustav Klimt, 1908"),
        StyleEntry(name="b", caption="<b> & more\x1b[31m\x07"),
    )
    network.card = network.card.model_copy(update={"styles": styles})
    network.save(tmp_path / "named.keras")
    page, _ = make_gallery([photographs], [tmp_path / "named.keras"], tmp_path / "p.html", size=64)
    text = page.read_text()
    assert "<i>" not in text
    assert r"<strong>&lt;b&gt; &amp; more\x1b[31m\x07</strong><code>b</code>" in text
    kiss = "<strong>The Kiss</strong><span>Gustav Klimt, 1908</span><code>&lt;i&gt;</code>"
    assert text.count(kiss) == 2


def test_transparent_photographs_are_painted_on_white(style_file, tmp_path):
    pages = []
    for number, hidden in enumerate([(255, 0, 0, 0), (0, 0, 255, 0)]):
        Image.new("RGBA", (40, 30), hidden).save(tmp_path / "clear.png")
        page, _ = make_gallery([tmp_path / "clear.png"], [style_file], tmp_path / f"{number}.html")
        pages.append(page.read_text())
    assert pages[0] == pages[1]


def test_an_output_folder_is_created(photographs, style_file, tmp_path):
    files = make_gallery([photographs], [style_file], tmp_path / "new" / "page.html", size=64)
    assert all(file.is_file() for file in files)


def test_no_photograph_is_overwritten(photographs, style_file):
    with pytest.raises(OnestrokeError, match="the gallery would overwrite"):
        make_gallery([photographs], [style_file], photographs / "a.html")


def test_a_sheet_that_the_user_did_not_name_is_not_overwritten(photographs, style_file, tmp_path):
    holiday = tmp_path / "holiday.png"
    holiday.write_bytes(b"mine")
    with pytest.raises(OnestrokeError, match=r"the gallery would overwrite .*holiday\.png"):
        make_gallery([photographs], [style_file], tmp_path / "holiday.html", size=64)
    assert holiday.read_bytes() == b"mine"
    make_gallery([photographs], [style_file], tmp_path / "page.html", size=64)
    make_gallery([photographs], [style_file], tmp_path / "page.html", size=64)  # its own, again


def test_too_many_or_too_small_photographs_are_refused(photographs, style_file, tmp_path):
    Image.new("RGB", (1000, 20)).save(photographs / "ribbon.png")
    with pytest.raises(
        OnestrokeError,
        match=r"ribbon\.png has 1x64 pixels .* need at least 16; choose a larger --size",
    ):
        make_gallery([photographs], [style_file], tmp_path / "page.html", size=64)
    Image.new("RGB", (20, 8)).save(tmp_path / "low.png")
    with pytest.raises(OnestrokeError, match=r"low\.png has 8x20 pixels .*; leave it out"):
        make_gallery([tmp_path / "low.png"], [style_file], tmp_path / "page.html", size=64)
    for i in range(64):
        Image.new("RGB", (20, 20)).save(photographs / f"{i}.png")
    with pytest.raises(
        OnestrokeError, match="a gallery has 1 to 64 photographs, not 67; choose some"
    ):
        make_gallery([photographs], [style_file], tmp_path / "page.html")


def test_mistakes_write_nothing(photographs, style_file, tmp_path):
    with pytest.raises(OnestrokeError, match="expected a size of 16 pixels or more; received 0"):
        make_gallery([photographs], [style_file], tmp_path / "page.html", size=0)
    for inputs, models, output, expected in (
        ([], [style_file], "page.html", "a gallery has 1 to 64 photographs, not 0"),
        ([photographs], [style_file], "page.pdf", r"page\.pdf does not end in \.html"),
        ([tmp_path / "none"], [style_file], "page.html", "no file or folder"),
        ([photographs], [tmp_path / "none.keras"], "page.html", "no model"),
    ):
        with pytest.raises(OnestrokeError, match=expected):
            make_gallery(inputs, models, tmp_path / output)
        assert not {"page.html", "page.png"} & {file.name for file in tmp_path.iterdir()}


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_pictures_are_enlarged_and_compared_by_keyboard(photographs, runtime_file, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    page_file, _ = make_gallery([photographs], [runtime_file], tmp_path / "page.html", size=64)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(page_file.as_uri())
        sources = [picture.get_attribute("src") for picture in page.locator("figure img").all()]
        page.get_by_role("button", name="Enlarge wave").first.focus()
        page.keyboard.press("Enter")
        large, compare = page.locator("#painted"), page.locator("#compare")
        expect(large).to_have_attribute("src", sources[1])
        expect(page.locator("#photograph")).to_have_attribute("src", sources[0])
        compare.press("Home")
        expect(page.locator("#pair")).to_have_attribute("style", re.compile("--share: 0%"))
        for key, index in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
            page.locator("#next").press(key)
            expect(large).to_have_attribute("src", sources[index])
            expect(compare).to_be_visible(visible=index != 3)  # the second photograph itself
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Enlarge scream").first).to_be_focused()
        browser.close()
    assert errors == []
