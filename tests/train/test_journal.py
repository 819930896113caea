"""The two logs of a run."""

import io
import struct
import threading

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from onestroke.train.journal import Journal, drop_events_after
from onestroke.train.run_folder import RunFolder
from onestroke.train.training import train


def read_events(run: RunFolder) -> EventAccumulator:
    # Without purging, which would hide events that were written twice.
    events = EventAccumulator(str(run.events), purge_orphaned_data=False)
    events.Reload()
    return events


def steps_of(run: RunFolder, tag: str) -> list[int]:
    events = read_events(run)
    found = events.Images(tag) if tag == "validation" else events.Scalars(tag)
    return [event.step for event in found]


def test_tensorboard_has_every_term_and_the_samples(once):
    events = read_events(RunFolder(once(train__steps=2).style_file.parent))
    tags = set(events.Tags()["scalars"])
    assert {"loss", "content", "style", "variation", "learning_rate", "pictures_per_second"} <= tags
    assert {"validation_style", "validation_content", "photographs_style"} <= tags
    assert events.Tags()["images"] == ["validation"]
    [sheet] = events.Images("validation")
    with Image.open(io.BytesIO(sheet.encoded_image_string)) as picture:
        assert picture.size == (sheet.width, sheet.height)


def test_a_resumed_run_has_every_step_once(settings, tmp_path):
    """Stopped after step 5, and resumed from step 4 because the last checkpoint is broken."""
    stop = threading.Event()
    run = RunFolder(tmp_path / "run")
    train(settings, run.path, stop=stop, show=lambda now: stop.set() if now.step == 4 else None)
    assert steps_of(run, "loss") == [1, 2, 3, 4, 5]
    run.checkpoint_file(5).write_bytes(b"PK")
    [file] = run.events.iterdir()
    with file.open("ab") as events:
        events.write(b"\x20\x00\x00")  # cut off by a kill
    train(settings, run.path)
    assert steps_of(run, "loss") == list(range(1, 9))
    assert steps_of(run, "validation") == [4, 8]
    assert steps_of(run, "photographs_style") == [4]  # at the first validation


def test_files_without_an_event_to_keep_are_deleted(settings, tmp_path, changed):
    run = RunFolder(tmp_path / "run")
    train(changed(settings, train__steps=1), run.path)
    drop_events_after(run.events, 1)
    assert steps_of(run, "photographs_style") == [1]
    drop_events_after(run.events, -1)
    assert not list(run.events.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        struct.pack("<Q", 2**62) + bytes(20),  # TensorFlow would reserve the memory
        struct.pack("<Q", 8) + bytes(4) + b"\xff" * 8 + bytes(4),
        b"\0",
    ],
    ids=range(3),
)
def test_damaged_events_are_left_out(damage, tmp_path):
    run = RunFolder(tmp_path)
    journal = Journal(run, every=1, batch=1, first_step=0, last_step=1)
    journal.write(1, {"loss": 0.5})
    journal.close()
    [file] = run.events.iterdir()
    sound = file.read_bytes()
    file.write_bytes(sound + damage)
    drop_events_after(run.events, 1)
    assert file.read_bytes() == sound


def test_names_of_styles_cannot_act_in_tensorboard(tmp_path):
    run = RunFolder(tmp_path)
    journal = Journal(run, every=1, batch=1, first_step=0, last_step=1)
    journal.write(1, {"style/<b>\x1b[31m\nx": 0.5})
    journal.close()
    assert read_events(run).Tags()["scalars"] == [r"style/<b>\x1b[31m\nx"]
    assert run.metrics() == [{"step": 1, "style/<b>\x1b[31m\nx": 0.5}]
