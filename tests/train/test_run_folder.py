"""The run folder: creating, locking, resuming, metrics."""

import errno
import os

import pytest

from onestroke.errors import ModelError, OnestrokeError
from onestroke.train.run_folder import RunFolder
from onestroke.train.training import train


def message(call, *arguments) -> str:
    with pytest.raises(OnestrokeError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"is not a run folder: it has no settings\.yaml"):
        RunFolder(tmp_path).settings()


def test_a_run_folder_that_cannot_be_made_is_named(settings, tmp_path):
    (tmp_path / "file").touch()
    text = message(RunFolder(tmp_path / "file" / "run").begin, settings)
    assert text.startswith("cannot create the run folder ")


@pytest.mark.parametrize("left", [[], ["folder"], ["folder", ".unfinished.k3x/settings.yaml"]])
def test_a_folder_whose_creation_was_killed_can_be_used(settings, tmp_path, left):
    for name in left:
        path = tmp_path / "run" / ("" if name == "folder" else name)
        path.mkdir() if name == "folder" else path.parent.mkdir() or path.write_text("half")
    RunFolder(tmp_path / "run").begin(settings)
    assert RunFolder(tmp_path / "run").settings() == settings


def test_deleted_sub_folders_are_created_again(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    run.samples.rmdir()
    run.begin(settings)
    assert run.samples.is_dir()


def test_two_trainings_in_one_folder_are_refused(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    with run.locked():
        text = message(train, settings, tmp_path / "run")
    assert text.startswith(f"{tmp_path / 'run'} is already being trained by another process; ")


def test_a_drive_without_locks_is_accepted(settings, tmp_path, monkeypatch):
    def answer(number):
        def acquire(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("filelock.FileLock._acquire", acquire)

    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    answer(errno.ENOLCK)
    with run.locked():
        assert run.exists
    answer(errno.EIO)
    with pytest.raises(OSError, match="Input/output"), run.locked():
        pass


def test_a_cut_off_line_of_metrics_is_dropped(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics({"step": 1, "loss": 2.0})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 2, "lo')
    assert run.metrics() == [{"step": 1, "loss": 2.0}]
    run.drop_after(1)
    assert run.metrics_file.read_text() == '{"step": 1, "loss": 2.0}\n'


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "lock", "style.keras", "events", "samples/step_0000001.png"]
)
def test_links_out_of_the_folder_are_refused(settings, tmp_path, name):
    """Resuming a run from a stranger would write through them."""
    mine = tmp_path / "mine"
    mine.mkdir() if name == "events" else mine.write_text("mine")
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    link = run.path / name
    if link.is_dir():
        link.rmdir()
    link.symlink_to(mine)
    text = message(train, settings, run.path)
    assert text.startswith(f"{link} is a link out of the run folder")
    assert mine.is_dir() or mine.read_text() == "mine"


def test_a_folder_that_is_itself_a_link_is_used(settings, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    RunFolder(tmp_path / "run").begin(settings)
    RunFolder(tmp_path / "run").begin(settings)
    assert (tmp_path / "disk" / "settings.yaml").is_file()


def test_broken_lines_of_metrics_are_left_out(tmp_path):
    run = RunFolder(tmp_path)
    lines = [b"5", b"null", b"[" * 5000, b"\xff\xfe", b'{"loss": 1}', b'{"step": "x"}', b"{"]
    lines += [b'{"step": 1, "loss": [1]}', b'{"step": 2, "loss": 0.5}', b'{"step": true}']
    run.metrics_file.write_bytes(b"\n".join(lines))
    assert run.metrics() == [{"step": 2, "loss": 0.5}]
    run.drop_after(1)
    assert run.metrics_file.read_text() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_in_place_of_checkpoints_are_left_out(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    os.mkfifo(run.checkpoint_file(4))
    for number in ("9" * 50, "2", "00000000002"):
        run.checkpoint_file(2).with_name(f"step_{number}.npz").write_bytes(b"")
    assert run.checkpoint_steps() == []
    assert run.summary()["steps"] == "0 of 8"
