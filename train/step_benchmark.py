"""Times a recipe: the input pipeline, the training step, and the shares of the step.

A step is timed three times: as in training; with one batch that is already in memory, which
excludes the wait for input; and without the loss network. The differences are the shares.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from onestroke.models.style_rows import freeze_shared_layers
from onestroke.train.batches import StyledBatches, pipeline_rate
from onestroke.train.crop_stages import plan_stages
from onestroke.train.settings import Settings, check_settings, resolve_settings
from onestroke.train.training import build_network, build_optimizer, build_trainer, open_batches
from onestroke.train.training_inputs import read_training_inputs

WARMUP_STEPS = 4  # the first steps trace the graph and fill caches
PIPELINE_SECONDS = 5.0


@dataclass(frozen=True)
class StepTiming:
    """The times of one combination of crop and precision.

    Attributes:
        crop: side of the training crops, in pixels.
        precision: precision of the computation.
        pipeline: pictures per second of the input pipeline when nothing else runs.
        step: median seconds of a training step.
        without_input: median seconds of a step with a batch that is already in memory.
        without_loss: median seconds of such a step without the loss network.
        batch: pictures per step.
    """

    crop: int
    precision: str
    pipeline: float
    step: float
    without_input: float
    without_loss: float
    batch: int

    def shares(self) -> dict[str, float]:
        """Returns the shares of a step for the loss network, the network and the input.

        They add up to 1, also when the times are noisy.
        """
        input_wait = max(0.0, self.step - self.without_input)
        network = min(self.without_loss, self.step - input_wait)
        return {
            "VGG19": (self.step - input_wait - network) / self.step,
            "network": network / self.step,
            "input": input_wait / self.step,
        }


def benchmark_training(
    settings: Settings,
    *,
    crops: Sequence[int] = (),
    precisions: Sequence[str] = (),
    steps: int = 16,
) -> list[StepTiming]:
    """Times every combination of crops and precisions.

    Args:
        settings: the recipe.
        crops: sides of the training crops, in pixels; by default those of the recipe.
        precisions: values of ``train.precision``; by default that of the recipe.
        steps: number of timed steps after the warm-up.
    """
    timings = []
    for crop in crops or settings.data.crop:
        for precision in precisions or [settings.train.precision]:
            values = settings.model_dump()
            values["data"]["crop"] = crop
            values["train"] |= {"precision": precision, "steps": steps + WARMUP_STEPS}
            timings.append(_time_steps(resolve_settings(check_settings(values))))
    return timings


class _Stopwatch(keras.callbacks.Callback):
    """Records the time at the end of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.perf_counter())

    def median(self) -> float:
        return statistics.median(np.diff(self.ends)[WARMUP_STEPS - 1 :])


class _SameBatch(keras.utils.PyDataset):
    """Repeats one batch, as input or as input and target."""

    def __init__(self, batch: Any, steps: int) -> None:
        super().__init__()
        self.batch = batch
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, position: int) -> Any:
        return self.batch


def _time_steps(settings: Settings) -> StepTiming:
    inputs = read_training_inputs(settings)
    [stage] = plan_stages(settings.data.crop, settings.train.steps)
    batches = open_batches(settings, inputs.photographs, stage)
    pipeline = pipeline_rate(batches, PIPELINE_SECONDS)
    trainer = build_trainer(settings, inputs.vgg19, inputs.styles)
    batch = batches[0]
    image = batch["image"]
    network = build_network(settings.network.preset, precision=settings.train.precision)
    if settings.network.learn == "rows":
        freeze_shared_layers(network)
    network.compile(optimizer=build_optimizer(settings.train), loss="mse")
    steps = settings.train.steps
    return StepTiming(
        crop=stage.crop,
        precision=settings.train.precision,
        pipeline=pipeline,
        step=_median_step(trainer, batches),
        without_input=_median_step(trainer, _SameBatch(batch, steps)),
        without_loss=_median_step(network, _SameBatch((image, image), steps)),
        batch=settings.data.batch,
    )


def _median_step(model: keras.Model, batches: StyledBatches | _SameBatch) -> float:
    stopwatch = _Stopwatch()
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[stopwatch])
    return stopwatch.median()
