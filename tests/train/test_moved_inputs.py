"""A run whose photographs, painting and folder have moved is resumed bit for bit."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import SettingsError
from onestroke.train.moved_inputs import check_places, point_to_moved
from onestroke.train.prepared_run import prepare_run
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import check_settings
from onestroke.train.training import train


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Photographs and a painting."""
    folder = tmp_path / "before"
    (folder / "photos").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(4):
        pixels = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{index}.png")
    painting = np.zeros((48, 48, 3), np.uint8)
    painting[::4] = (250, 40, 10)
    Image.fromarray(painting).save(folder / "wave.png")
    return folder


@pytest.fixture
def recipe(place: Path, tiny_values: dict):
    style = {**tiny_values["style"], "pictures": [str(place / "wave.png")]}
    data = {**tiny_values["data"], "source": [str(place / "photos")]}
    return check_settings({**tiny_values, "style": style, "data": data})


def test_a_moved_run_ends_in_the_same_weights(recipe, place: Path, tmp_path: Path) -> None:
    whole = train(recipe, place / "whole")
    stop = threading.Event()
    train(recipe, place / "run", show=lambda done: done.step >= 3 and stop.set(), stop=stop)
    after = tmp_path / "after"
    place.rename(after)
    (after / "photos").rename(after / "pictures")
    (after / "wave.png").rename(after / "storm.png")
    run = RunFolder(after / "run")
    assert run.steps_done() < whole.step
    with pytest.raises(SettingsError, match=r"photos, which the run uses, .* place with --data"):
        check_places(run.settings())
    new = {"styles": [str(after / "storm.png")], "sources": [str(after / "pictures")]}
    moved = point_to_moved(run.settings(), **new)
    check_places(moved)
    prepared = prepare_run(moved, run.path, moved=True)
    assert prepared.settings.data.source == [str(after / "pictures")]
    assert run.settings() == prepared.settings  # so that --run alone resumes from now on
    assert run.settings().style.all_names() == ["wave"]
    train(run.settings(), run.path)
    with (
        np.load(run.checkpoint_file(whole.step)) as one,
        np.load(RunFolder(after / "whole").checkpoint_file(whole.step)) as two,
    ):
        assert set(one.files) == set(two.files)
        for name in one.files:
            np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def test_the_whole_command_also_resumes_a_moved_run(recipe, place: Path, tmp_path: Path) -> None:
    prepare_run(recipe, tmp_path / "run")
    shutil.copytree(place, tmp_path / "copy")
    style = recipe.style.model_copy(update={"pictures": [{str(tmp_path / "copy/wave.png"): 1.0}]})
    data = recipe.data.model_copy(update={"source": [str(tmp_path / "copy/photos")]})
    prepare_run(recipe.model_copy(update={"style": style, "data": data}), tmp_path / "run")
    assert RunFolder(tmp_path / "run").settings().data.source == [str(tmp_path / "copy/photos")]


def test_other_photographs_are_named(recipe, place: Path, tmp_path: Path, caplog) -> None:
    run = prepare_run(recipe, tmp_path / "run").run
    np.savez(run.checkpoint_file(3), step=3)
    other = tmp_path / "other"
    shutil.copytree(place / "photos", other)
    (other / "3.png").unlink()
    data = recipe.data.model_copy(update={"source": [str(other)]})
    with pytest.raises(SettingsError, match=r"other settings: data\.source was"):
        prepare_run(recipe.model_copy(update={"data": data}), run.path)
    caplog.clear()
    prepare_run(point_to_moved(run.settings(), sources=[str(other)]), run.path, moved=True)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"the photographs of the run in {run.path} have changed since it began")
    caplog.clear()
    prepare_run(run.settings(), run.path, moved=True)
    assert not caplog.records
    shutil.copy(other / "0.png", other / "4.png")
    prepare_run(run.settings(), run.path)
    assert "have changed since it began" in caplog.text


def test_another_painting_is_refused(recipe, place: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    prepare_run(recipe, run.path)
    other = tmp_path / "other.png"
    Image.linear_gradient("L").convert("RGB").save(other)
    with pytest.raises(SettingsError, match=r"other settings: style\.pictures was"):
        prepare_run(point_to_moved(run.settings(), styles=[str(other)]), run.path, moved=True)
    shutil.copy(other, place / "wave.png")
    with pytest.raises(SettingsError, match=r"a painting of the run in .* has changed since"):
        prepare_run(recipe, run.path)


def test_other_settings_cannot_be_changed(recipe, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    prepare_run(recipe, run.path)
    changed = point_to_moved(run.settings(), overrides=["train.steps=9"])
    with pytest.raises(SettingsError, match=r"train\.steps was 8 and is now 9"):
        prepare_run(changed, run.path, moved=True)


def test_paintings_are_recognised_by_name_else_by_position(recipe) -> None:
    pictures = [{"a/wave.png": 1.0, "a/sky.png": 2.0}, {"a/sun.png": 1.0}]
    style = recipe.style.model_copy(update={"pictures": pictures})
    settings = recipe.model_copy(update={"style": style})
    given = ["b/sun.png", "b/other.png", "b/sky.png", "b/wave.png"]
    moved = point_to_moved(settings, styles=given).style
    assert moved.pictures == [{"b/wave.png": 1.0, "b/sky.png": 2.0}, {"b/sun.png": 1.0}]
    assert moved.names == []
    moved = point_to_moved(settings, styles=["1.png", "2.png", "3.png"]).style
    assert moved.pictures == [{"1.png": 1.0, "2.png": 2.0}, {"3.png": 1.0}]
    assert moved.all_names() == style.all_names()
    with pytest.raises(SettingsError, match=r"--style lacks sky\.png, a painting of the run"):
        point_to_moved(settings, styles=["b/wave.png", "b/sun.png"])
