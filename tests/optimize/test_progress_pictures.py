"""The folder of intermediate pictures: what a resumed optimisation keeps and removes."""

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


def test_entries_after_the_state_are_removed(tmp_path):
    first = ProgressPictures(tmp_path, every=2, fingerprint="a")
    for step in range(1, 6):
        first.record(Progress(step, 9, {"loss": 1.0}), PICTURE)
    with (tmp_path / "losses.jsonl").open("a") as file:
        file.write('{"iteration": 3, "lo')  # killed here
    again = ProgressPictures(tmp_path, every=2, fingerprint="a", done=3)
    assert iterations(tmp_path) == [1, 2, 3]
    assert [file.name for file in tmp_path.glob("*.png")] == ["iteration_000002.png"]
    again.record(Progress(4, 9, {"loss": 0.5}), PICTURE)
    assert iterations(tmp_path) == [1, 2, 3, 4]


def test_iterations_are_identified_by_number_not_by_line(tmp_path):
    """The pictures begin at iteration 101."""
    late = ProgressPictures(tmp_path, every=50, fingerprint="a", done=100)
    for step in (101, 102, 103):
        late.record(Progress(step, 300, {"loss": 1.0}), PICTURE)
    ProgressPictures(tmp_path, every=50, fingerprint="a", done=102)
    assert iterations(tmp_path) == [101, 102]


@pytest.mark.parametrize("left", ["iteration_000009.png", "losses.jsonl"])
def test_other_files_are_not_overwritten(tmp_path, left):
    (tmp_path / left).write_text("something else")
    with pytest.raises(SettingsError, match="choose another folder"):
        ProgressPictures(tmp_path, every=2, fingerprint="a")
    assert [file.name for file in tmp_path.iterdir()] == [left]
    assert (tmp_path / left).read_text() == "something else"


def test_pictures_of_another_optimisation_are_not_overwritten(tmp_path):
    ProgressPictures(tmp_path, every=1, fingerprint="a").record(
        Progress(1, 9, {"loss": 1.0}), PICTURE
    )
    with pytest.raises(SettingsError, match="choose another folder"):
        ProgressPictures(tmp_path, every=1, fingerprint="b")
    assert (tmp_path / "iteration_000001.png").exists()
    assert iterations(tmp_path) == [1]
