"""Networks beside pictures of others, measured by a yardstick that takes no time."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import ModelError, SettingsError
from onestroke.evaluate import yardstick
from onestroke.evaluate.comparison import PHOTOGRAPHS, Opponent, compare_pictures, match_opponents


class Means:
    """In place of the yardstick: the mean of each picture."""

    def measure_painting(self, blend):
        return SimpleNamespace(figures={"blown": 0.25})

    def measure(self, photograph, pictures, painting):
        return {name: {"mean": float(picture.mean())} for name, picture in pictures.items()}


@pytest.fixture(autouse=True)
def means(monkeypatch):
    monkeypatch.setattr(yardstick, "Yardstick", Means)


def flat(value: int, height: int = 40, width: int = 48) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def subject(name: str, paint):
    return SimpleNamespace(name=name, paint=paint, about={"pictures": {"bundled": 1.0}})


def test_the_columns_of_a_comparison(tmp_path):
    for name, value in (("one", 90), ("two", 110)):
        Image.fromarray(flat(value, 38)).save(tmp_path / f"{name}.png")
    opponent = Opponent("theirs", {p.stem: p for p in tmp_path.iterdir()})
    photographs = {"photos/one.jpg": flat(20), "photos/two.jpg": flat(40)}
    double = subject("double", lambda photograph: photograph * 2)
    (one,) = compare_pictures([double], photographs, [opponent], long_side=640)
    assert one.rows == [PHOTOGRAPHS, "double", "against theirs"]
    assert [one.mean(row)["mean"] for row in one.rows] == [30, 60, 100]
    assert one.scenes[0].photograph.shape == one.scenes[0].painted.shape == (38, 48, 3)
    assert (one.scenes[1].opposed == 110).all()
    record = one.record()
    assert record["against"] == "theirs"
    assert record["painting"] == {"blown": 0.25}
    assert record["mean"]["double"] == {"mean": 60}
    assert record["photographs"][0]["against theirs"] == {"mean": 90}


def test_without_an_opponent_photographs_are_painted_at_the_long_side():
    sides = []

    def paint(photograph):
        sides.append(photograph.shape[:2])
        return photograph

    (one,) = compare_pictures([subject("a", paint)], {"x": flat(9, 40, 80)}, [], long_side=40)
    assert sides == [(20, 40)]
    assert one.opponent is None
    assert one.scenes[0].opposed is None


def test_larger_pictures_are_scaled_down_after_the_painting(tmp_path):
    Image.fromarray(flat(1, 40, 80)).save(tmp_path / "x.png")
    sides = []

    def paint(photograph):
        sides.append(photograph.shape[:2])
        return photograph

    opponent = Opponent("theirs", {"x": Path(tmp_path / "x.png")})
    (one,) = compare_pictures(
        [subject("a", paint)], {"x.jpg": flat(9, 40, 80)}, [opponent], long_side=40
    )
    assert sides == [(40, 80)]
    assert one.scenes[0].painted.shape == (20, 40, 3)


def test_an_export_of_another_size_is_not_measured():
    def paint(photograph):
        raise ModelError("paints 64x64 only")

    said = []
    options = {"long_side": 640, "show": said.append}
    assert compare_pictures([subject("a", paint)], {"x": flat(9)}, [], **options) == []
    assert said[-1] == "  not measured: paints 64x64 only"


def test_opponents_belong_to_networks():
    one, other = Opponent("1", {}), Opponent("2", {})
    assert match_opponents(["a", "b"], []) == [None, None]
    assert match_opponents(["a", "b"], [one]) == [one, one]
    assert match_opponents(["a", "b"], [one, other]) == [one, other]
    with pytest.raises(SettingsError, match="given 2 times for 3 networks"):
        match_opponents(["a", "b", "c"], [one, other])
