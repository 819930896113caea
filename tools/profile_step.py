"""Profiles training steps by operator, with TensorFlow's profiler.

    python3 tools/profile_step.py cpu --size 128 --batch 4 --set loss.palette_weight=0

The table lists the operators of the graph, the longest first: seconds in one step, and the share of
all of them. Each operator counts with all its threads, and some run side by side, so that the sum
may be larger than the time of the step.
"""

import argparse
import collections
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from onestroke.train import step_benchmark
from onestroke.train.settings import compose_recipe

HOST = "/host:CPU"
LISTED = 14


class Profiler(keras.callbacks.Callback):
    """Profiles the steps after the first ones.

    Args:
        folder: of the profile.
        first: number of the first profiled step.
        count: number of profiled steps.
    """

    def __init__(self, folder: str, first: int, count: int) -> None:
        super().__init__()
        self.folder, self.first, self.last = folder, first, first + count - 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Starts the profile before the first step that is profiled."""
        if batch == self.first:
            tf.profiler.experimental.start(self.folder)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends the profile after the last one."""
        if batch == self.last:
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
    changes = [f"data.batch={arguments.batch}", *arguments.overrides]
    recipe, _ = compose_recipe(Path(arguments.recipe), overrides=changes)
    warmup = step_benchmark.WARMUP_STEPS
    with tempfile.TemporaryDirectory() as folder:
        profiled = False

        def profile(model: keras.Model, batches: Any) -> float:
            nonlocal profiled
            callbacks = [] if profiled else [Profiler(folder, warmup, arguments.steps)]
            profiled = True
            stopwatch = step_benchmark._Stopwatch()
            model.fit(
                batches, epochs=1, shuffle=False, verbose=0, callbacks=[stopwatch, *callbacks]
            )
            return stopwatch.median()

        step_benchmark._median_step = profile
        [timing] = step_benchmark.benchmark_training(
            recipe,
            crops=[arguments.size],
            precisions=[arguments.precision],
            steps=arguments.steps,
        )
        seconds = seconds_by_operator(folder)
    total = sum(seconds.values())
    print(f"step with the profiler {timing.step:.2f} s, without {timing.without_input:.2f} s")
    print(f"all operators {total / arguments.steps:.3f} s")
    for kind, duration in list(seconds.items())[:LISTED]:
        print(f"{kind:40} {duration / arguments.steps:7.3f} s  {duration / total:4.0%}")


if __name__ == "__main__":
    main()
