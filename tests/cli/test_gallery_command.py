"""``onestroke gallery`` leaves a page and a picture."""

from PIL import Image


def test_gallery(run, style_file, tmp_path):
    Image.new("RGB", (64, 64), (200, 30, 90)).save(tmp_path / "photo.png")
    page = tmp_path / "page.html"
    status, said, _ = run(
        "gallery", tmp_path / "photo.png", "--model", style_file, "--output", page
    )
    assert status == 0
    assert f"Gallery: {page}, {page.with_suffix('.png')}" in said.replace("\n", "")
    assert page.is_file()


def test_an_empty_name_is_refused(mistake, tmp_path):
    assert "empty" in mistake("gallery", "", "--output", tmp_path / "b.html")
