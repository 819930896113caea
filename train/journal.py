"""The journal of a run: losses, learning rate and training speed in two logs.

One is ``metrics.jsonl``, the other TensorBoard's event files.
"""

import io
import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from google.protobuf.message import DecodeError
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from onestroke.files import write_whole
from onestroke.printable import make_printable
from onestroke.train.run_folder import RunFolder
from onestroke.train.step_callback import StepCallback

CHECKSUM_BYTES = 4  # after a record's length and after the record
LENGTH_BYTES = 8 + CHECKSUM_BYTES
FILE_VERSION = "brain.Event:2"  # the first event of a file


class Journal(StepCallback):
    """Writes losses, learning rate and pictures per second to ``metrics.jsonl`` and TensorBoard.

    Args:
        run: the run folder.
        every: steps between two entries.
        batch: pictures per step.
    """

    def __init__(self, run: RunFolder, every: int, batch: int, **steps: int) -> None:
        super().__init__(**steps)
        self.run = run
        self.every = every
        self.batch = batch
        with run.writing():
            self.writer = _create_event_file(run.events)
        self.begun = time.perf_counter()
        self.step_seconds = 0.0  # of the latest step
        self.seconds = 0.0
        self.steps = 0
        self.latest: dict[str, float] = {}

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Starts the clock. The time of samples and checkpoints is not counted."""
        self.begun = time.perf_counter()

    def after_step(self, step: int, terms: Mapping[str, float]) -> None:
        """Logs the means of the interval and starts a new one."""
        self.step_seconds = time.perf_counter() - self.begun
        self.seconds += self.step_seconds
        self.steps += 1
        if not self.is_due(step, self.every):
            return
        speed = self.steps * self.batch / self.seconds
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        # A style that no picture of the interval was painted in has no mean.
        means = {name: value for name, value in terms.items() if math.isfinite(value)}
        self.latest = {**means, "learning_rate": rate, "pictures_per_second": round(speed, 3)}
        self.write(step, self.latest)
        self.seconds, self.steps = 0.0, 0
        for metric in self.model.metrics:
            metric.reset_state()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds an entry to both logs."""
        with self.run.writing():
            self.run.append_metrics({"step": step, **values})
            self._write_event(
                step,
                # A style has any name.
                *(Summary.Value(tag=make_printable(k), simple_value=v) for k, v in values.items()),
            )

    def write_picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Adds a picture, ``(height, width, 3)`` uint8, to TensorBoard's log."""
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        height, width, colours = picture.shape
        image = Summary.Image(
            height=height,
            width=width,
            colorspace=colours,
            encoded_image_string=stream.getvalue(),
        )
        with self.run.writing():
            self._write_event(step, Summary.Value(tag=name, image=image))

    def _write_event(self, step: int, *values: Summary.Value) -> None:
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self.writer.write(event.SerializeToString())
        self.writer.flush()

    def close(self) -> None:
        """Closes TensorBoard's log."""
        with self.run.writing():
            self.writer.close()


def _create_event_file(folder: Path) -> RecordWriter:
    """Opens a new event file, named as TensorBoard expects."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    name = f"events.out.tfevents.{now:.0f}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
    writer = RecordWriter((folder / name).open("xb"))
    writer.write(Event(wall_time=now, file_version=FILE_VERSION).SerializeToString())
    writer.flush()
    return writer


def drop_events_after(folder: Path, step: int) -> None:
    """Removes the events of later steps, which a resumed run writes again.

    A record that a kill cut off is removed too. Files without an event are deleted.

    Args:
        folder: TensorBoard's event files.
        step: the last step to keep.
    """
    for file in sorted(path for path in folder.glob("events.out.tfevents.*") if path.is_file()):
        records, events, complete = _read_records(file)
        # Each file opens with an event that holds the version of the format.
        kept = [
            record
            for record, event in zip(records, events, strict=True)
            if event.step <= step or event.HasField("file_version")
        ]
        if not any(event.HasField("summary") and event.step <= step for event in events):
            file.unlink()
        elif len(kept) < len(records) or not complete:
            write_whole(file, partial(_write_records, kept))


def _read_records(file: Path) -> tuple[list[bytes], list[Any], bool]:
    """Returns the sound records of an event file, parsed too, and whether it ends with them.

    TensorFlow's reader reserves the memory that a record claims, which ends the process.
    """
    content, place = file.read_bytes(), 0
    records, events = [], []
    while place + LENGTH_BYTES <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        record = content[place + LENGTH_BYTES : place + LENGTH_BYTES + length]
        try:
            event = Event.FromString(record)
        except DecodeError:
            break
        if place + LENGTH_BYTES + length + CHECKSUM_BYTES > len(content):
            break
        records.append(record)
        events.append(event)
        place += LENGTH_BYTES + length + CHECKSUM_BYTES
    return records, events, place == len(content)


def _write_records(records: list[bytes], path: Path) -> None:
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for record in records:
            writer.write(record)
