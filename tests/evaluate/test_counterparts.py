"""Pictures of others are found by name and aligned with their photographs."""

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import SettingsError
from onestroke.evaluate.counterparts import find_counterparts, read_counterpart
from onestroke.pictures import PictureError


def photograph(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path, height: int, width: int) -> None:
    Image.fromarray(photograph(height, width)).save(path)


def test_pictures_are_found_by_name_without_suffix(tmp_path):
    save(tmp_path / "one.png", 8, 8)
    save(tmp_path / "two.jpg", 8, 8)
    (found,) = find_counterparts([tmp_path])
    assert {name: path.name for name, path in found.items()} == {
        "one": "one.png",
        "two": "two.jpg",
    }


def test_one_name_twice_is_a_mistake(tmp_path):
    save(tmp_path / "one.png", 8, 8)
    save(tmp_path / "one.jpg", 8, 8)
    with pytest.raises(SettingsError, match="have the same name; remove one"):
        find_counterparts([tmp_path])


def test_an_empty_folder_is_a_mistake(tmp_path):
    with pytest.raises(PictureError, match="no pictures in"):
        find_counterparts([tmp_path])


def test_the_photograph_of_a_cut_picture_is_cut(tmp_path):
    save(tmp_path / "one.png", 60, 84)
    whole = photograph(63, 85)
    aligned, picture = read_counterpart(tmp_path / "one.png", whole)
    assert picture.shape == (60, 84, 3)
    np.testing.assert_array_equal(aligned, whole[:60, :84])


def test_the_photograph_of_a_scaled_picture_is_scaled(tmp_path):
    save(tmp_path / "one.png", 60, 80)
    aligned, _ = read_counterpart(tmp_path / "one.png", photograph(121, 160))
    assert aligned.shape == (60, 80, 3)


def test_another_aspect_is_a_mistake(tmp_path):
    save(tmp_path / "one.png", 60, 60)
    with pytest.raises(SettingsError, match=r"one\.png is 60x60 .* photograph 60x80.* aspect"):
        read_counterpart(tmp_path / "one.png", photograph(60, 80))
