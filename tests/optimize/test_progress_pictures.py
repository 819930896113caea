"""The way of an optimisation on disk: what a resumed one keeps, and what it drops."""

import json

import numpy as np
import pytest

from onestroke.errors import SettingsError
from onestroke.optimize.progress_pictures import ProgressPictures
from onestroke.progress import Progress

PICTURE = np.full((16, 20, 3), 90.4)


def iterations(folder):
    lines = (folder / "losses.jsonl").read_text().splitlines()
    return [json.loads(line)["iteration"] for line in lines]


def test_a_resumed_one_drops_what_came_after_its_state(tmp_path):
    first = ProgressPictures(tmp_path, every=2, fingerprint="a")
    for step in range(1, 6):
        first.note(Progress(step, 9, {"loss": 1.0}), PICTURE)
    with (tmp_path / "losses.jsonl").open("a") as file:
        file.write('{"iteration": 3, "lo')  # killed here
    again = ProgressPictures(tmp_path, every=2, fingerprint="a", done=3)
    assert iterations(tmp_path) == [1, 2, 3]
    assert [file.name for file in tmp_path.glob("*.png")] == ["iteration_000002.png"]
    again.note(Progress(4, 9, {"loss": 0.5}), PICTURE)
    assert iterations(tmp_path) == [1, 2, 3, 4]


def test_iterations_are_told_by_their_number_not_their_line(tmp_path):
    """Frames were asked for only from iteration 101 on."""
    late = ProgressPictures(tmp_path, every=50, fingerprint="a", done=100)
    for step in (101, 102, 103):
        late.note(Progress(step, 300, {"loss": 1.0}), PICTURE)
    ProgressPictures(tmp_path, every=50, fingerprint="a", done=102)
    assert iterations(tmp_path) == [101, 102]


@pytest.mark.parametrize("left", ["iteration_000009.png", "losses.jsonl"])
def test_pictures_of_something_else_are_not_overwritten(tmp_path, left):
    (tmp_path / left).write_text("something else")
    with pytest.raises(SettingsError, match="name another folder"):
        ProgressPictures(tmp_path, every=2, fingerprint="a")
    assert [file.name for file in tmp_path.iterdir()] == [left]
    assert (tmp_path / left).read_text() == "something else"


def test_nor_are_those_of_another_optimisation(tmp_path):
    ProgressPictures(tmp_path, every=1, fingerprint="a").note(
        Progress(1, 9, {"loss": 1.0}), PICTURE
    )
    with pytest.raises(SettingsError, match="name another folder"):
        ProgressPictures(tmp_path, every=1, fingerprint="b")
    assert (tmp_path / "iteration_000001.png").exists()
    assert iterations(tmp_path) == [1]
