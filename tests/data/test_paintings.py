"""Paintings are found, checked and read at the size of the loss network."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestroke.data.paintings import (
    check_variation,
    find_paintings,
    parse_style_weights,
    read_painting,
    read_styles,
    weights_by_name,
)
from onestroke.errors import SettingsError
from onestroke.pictures import PictureError


def save(path: Path, height: int, width: int, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_weights_by_name() -> None:
    assert weights_by_name("a") == {"a": 1.0}
    assert weights_by_name(["a", {"b": 2}]) == {"a": 1.0, "b": 2}
    assert weights_by_name({"a": 3}) == {"a": 3}
    with pytest.raises(ValueError, match="expected paths, each alone or with its weight"):
        weights_by_name([1])


def test_weights_of_the_command_line() -> None:
    assert parse_style_weights(["a.jpg:2", "b.jpg"]) == {"a.jpg": 2.0, "b.jpg": 1.0}
    with pytest.raises(SettingsError, match=r"^--style a:0: the weight must be above 0$"):
        parse_style_weights(["a:0"])


def test_folders_of_paintings(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "paintings").mkdir()
    inside = [str(save(tmp_path / "paintings" / name, 20, 20)) for name in ("a.png", "b.jpg")]
    assert find_paintings([str(tmp_path / "paintings"), "c.jpg"]) == [*inside, "c.jpg"]
    assert find_paintings(["~/paintings"]) == inside
    with pytest.raises(SettingsError, match="--style is empty"):
        find_paintings([""])


def test_paintings_are_resized_by_their_short_side(tmp_path: Path) -> None:
    blend = {str(save(tmp_path / "a.png", 40, 60)): 1.0, str(save(tmp_path / "b.png", 90, 30)): 3.0}
    (style,) = read_styles([blend], [20])
    assert [picture.shape for picture in style.pictures] == [(20, 30, 3), (60, 20, 3)]
    assert list(style.shares) == [1.0, 3.0]
    assert len(set(style.sha256)) == 2


def test_the_hash_is_of_the_pixels_not_of_the_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.bmp"):
        save(tmp_path / name, 20, 30)
    hashes = [read_styles([{str(tmp_path / n): 1.0}], [20])[0].sha256 for n in ("a.png", "b.bmp")]
    assert hashes[0] == hashes[1]


def test_small_paintings_are_named(tmp_path: Path, caplog) -> None:
    small, large = save(tmp_path / "small.png", 12, 16), save(tmp_path / "large.png", 40, 40)
    with caplog.at_level(logging.WARNING, "onestroke.data"):
        read_styles([{str(small): 1.0, str(large): 1.0}], [48])
    assert caplog.messages == [
        f"the painting {small} has only 16 x 12 pixels and is enlarged to a short side of 48; "
        "a larger file gives finer strokes"
    ]


def test_transparent_paintings_are_seen_on_white(tmp_path: Path) -> None:
    pictures = []
    for hidden in (0, 255):
        pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 4), np.uint8)
        pixels[:10, :, :3], pixels[:10, :, 3] = hidden, 0
        pixels[10:, :, 3] = 255
        Image.fromarray(pixels).save(tmp_path / f"{hidden}.png")
        pictures.append(read_painting(str(tmp_path / f"{hidden}.png")))
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0][:10] == 255).all()


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (9, 80, 200)])
def test_paintings_of_one_colour_are_refused(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    path = tmp_path / "flat.png"
    Image.new("RGB", (600, 500), colour).save(path)
    with pytest.raises(PictureError) as caught:
        read_painting(str(path))
    assert str(caught.value) == (
        f"the painting {path} has nearly one colour (standard deviation 0 of 255); choose another "
        "picture"
    )


def test_paintings_of_nearly_one_colour_are_refused() -> None:
    # The noise of a scanner: its own variation is 1, that of the sheet from a distance is not.
    paper = 250 + np.random.default_rng(0).integers(-2, 3, (1000, 1000, 3))
    with pytest.raises(PictureError, match="the painting paper has nearly one colour"):
        check_variation(paper.astype(np.uint8), "paper")
    one_dot = np.full((1000, 1000, 3), 255, np.uint8)
    one_dot[500, 500] = 0
    with pytest.raises(PictureError, match="has nearly one colour"):
        check_variation(one_dot, "dot")


def test_drawings_with_a_thin_line_are_accepted() -> None:
    drawing = np.full((1000, 1000, 3), 255, np.uint8)
    drawing[500, 100:900] = 100
    check_variation(drawing, "drawing")
    one_channel = np.full((100, 100, 3), 80, np.uint8)
    one_channel[:, :, 2] = np.arange(100)
    check_variation(one_channel, "blue")


def test_long_paintings_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (900, 20)).save(tmp_path / "ribbon.png")
    with pytest.raises(PictureError, match=r"is 900 x 20 pixels; .* at most 8 times its short"):
        read_painting(str(tmp_path / "ribbon.png"))


def test_bundled_painting() -> None:
    assert min(read_painting("bundled").shape[:2]) >= 256
