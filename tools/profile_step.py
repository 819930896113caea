"""Profiles training steps by operator, with TensorFlow's profiler.

    python3 tools/profile_step.py cpu --size 128 --batch 4 --set loss.palette_weight=0

The table lists the operators of the graph, the longest first: seconds in one step, and the share of
all of them. Each operator counts with all its threads, and some run side by side, so that the sum
may be larger than the time of the step.
"""

import argparse
import collections
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from onestroke.train.crop_stages import plan_stages
from onestroke.train.settings import compose_recipe, resolve_settings
from onestroke.train.step_benchmark import WARMUP_STEPS
from onestroke.train.training import build_trainer, open_batches
from onestroke.train.training_inputs import read_training_inputs

HOST = "/host:CPU"
LISTED = 14


class Profiler(keras.callbacks.Callback):
    """Times some steps, and profiles as many after them.

    Args:
        folder: of the profile.
        warmup: number of steps before.
        count: number of timed and of profiled steps.
    """

    def __init__(self, folder: str, warmup: int, count: int) -> None:
        super().__init__()
        self.folder = folder
        self.timed = range(warmup, warmup + count)
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Starts the profile after the timed steps."""
        if batch == self.timed.stop:
            tf.profiler.experimental.start(self.folder)
        self._begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Records the time of a timed step."""
        if batch in self.timed:
            self.seconds.append(time.perf_counter() - self._begun)

    def on_train_end(self, logs: Any = None) -> None:
        """Ends the profile."""
        tf.profiler.experimental.stop()


def seconds_by_operator(folder: str) -> dict[str, float]:
    """Returns the seconds of each type of operator in a profile, the longest first."""
    [file] = Path(folder).rglob("*.xplane.pb")
    space = XSpace.FromString(file.read_bytes())
    seconds: dict[str, float] = collections.defaultdict(float)
    for plane in space.planes:
        if plane.name != HOST:
            continue
        for line in plane.lines:
            for event in line.events:
                name, found, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                # Of the graph's operators, the name and the type; the rest are calls of TensorFlow.
                if found and kind.isidentifier() and not name.endswith(":"):
                    seconds[kind] += event.duration_ps / 1e12
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def main() -> None:
    """Profiles the recipe of the command line and prints a table."""
    parser = argparse.ArgumentParser(description="Profile training steps by operator.")
    parser.add_argument("recipe")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    arguments = parser.parse_args()
    changes = [
        f"data.batch={arguments.batch}",
        f"data.crop={arguments.size}",
        f"train.precision={arguments.precision}",
        f"train.steps={WARMUP_STEPS + 2 * arguments.steps}",
        *arguments.overrides,
    ]
    settings = resolve_settings(compose_recipe(Path(arguments.recipe), overrides=changes)[0])
    inputs = read_training_inputs(settings)
    [stage] = plan_stages(settings.data.crop, settings.train.steps)
    batches = open_batches(settings, inputs.photographs, stage)
    trainer = build_trainer(settings, inputs.vgg19, inputs.styles)
    with tempfile.TemporaryDirectory() as folder:
        profiler = Profiler(folder, WARMUP_STEPS, arguments.steps)
        trainer.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[profiler])
        seconds = seconds_by_operator(folder)
    total = sum(seconds.values())
    print(f"step without the profiler {statistics.median(profiler.seconds):.2f} s")
    print(f"all operators {total / arguments.steps:.3f} s")
    for kind, duration in list(seconds.items())[:LISTED]:
        print(f"{kind:40} {duration / arguments.steps:7.3f} s  {duration / total:4.0%}")


if __name__ == "__main__":
    main()
