"""Training on several devices of one machine: the same steps as on one."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from onestroke.errors import SettingsError
from onestroke.settings_schema import apply_overrides
from onestroke.train import devices
from onestroke.train.devices import check_step, choose_devices
from onestroke.train.settings import Settings, check_settings

ROOT = Path(__file__).parents[2]

# One process trains on one device, then on two. TensorFlow and JAX divide the processor into two
# devices, if asked before they start. With a step to stop at, a third one is interrupted there.
TRAININGS = """
import json, os, sys, threading
from pathlib import Path
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
else:  # JAX trains as if TensorFlow were not installed
    from importlib.machinery import PathFinder
    find_spec = PathFinder.find_spec
    PathFinder.find_spec = classmethod(
        lambda cls, name, *more: None if name == "tensorflow" else find_spec(name, *more)
    )
from onestroke.train.settings import check_settings, resolve_settings
from onestroke.train import training
training.write_runtime_file = lambda style_file: None  # the conversion takes seconds
train = training.train
values, folder, stop_at = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def settings(count):
    values["train"]["devices"] = count
    return resolve_settings(check_settings(values))
train(settings(1), folder / "one")
train(settings(2), folder / "two")
if stop_at:
    stop = threading.Event()
    def watch(progress):
        if progress.step == stop_at:
            stop.set()
    train(settings(2), folder / "resumed", show=watch, stop=stop)
    train(settings(2), folder / "resumed")
"""


@pytest.fixture
def names(monkeypatch):
    """Makes Keras find devices of these names."""

    def set_names(*found: str) -> None:
        monkeypatch.setattr("keras.distribution.list_devices", lambda: list(found))

    return set_names


def test_auto_takes_the_gpus_that_divide_the_batch(names):
    names("gpu:0", "gpu:1", "gpu:2")
    assert choose_devices("auto", batch=4) == ["gpu:0", "gpu:1"]
    assert choose_devices("auto", batch=6) == ["gpu:0", "gpu:1", "gpu:2"]
    assert choose_devices("auto", batch=1) == ["gpu:0"]
    names("cpu:0", "cpu:1")
    assert choose_devices("auto", batch=4) == ["cpu:0"]
    assert choose_devices(2, batch=4) == ["cpu:0", "cpu:1"]


def test_too_many_devices_and_odd_batches_are_mistakes(names):
    names("gpu:0", "gpu:1")
    with pytest.raises(SettingsError, match=r"train.devices=3, but this machine has 2 \(gpu:0, "):
        choose_devices(3, batch=3)
    with pytest.raises(SettingsError, match=r"data\.batch=5 cannot be divided among 2 devices"):
        choose_devices(2, batch=5)


def test_what_tensorflow_cannot_divide_is_a_mistake(tiny_values):
    def settings(change: str) -> Settings:
        return check_settings(apply_overrides(tiny_values, [change]))

    check_step(1, settings("train.precision=mixed_float16"))
    check_step(2, settings("train.precision=float32"))
    with pytest.raises(SettingsError, match="mixed_float16 is not supported on several devices"):
        check_step(2, settings("train.precision=mixed_float16"))
    for change in ("train.clip_norm=1", "loss.stability_weight=1"):
        with pytest.raises(SettingsError, match=f"{change[:-2]} is not supported on several dev"):
            check_step(2, settings(change))


def test_one_device_needs_no_strategy():
    with devices.use_devices(["cpu:0"]):
        assert devices.count_replicas() == 1


def train_on_one_and_two(
    values, folder: Path, backend: str, *, steps: int, rate: float = 1e-3, stop_at: int = 0
) -> None:
    values = copy.deepcopy(values)
    # Adam: Muon turns differences of rounding into steps in weak directions of the gradient.
    values["train"] |= {"steps": steps, "checkpoint_every": steps, "sample_every": steps}
    values["train"] |= {"optimizer": "adam", "learning_rate": rate}
    values["data"] |= {"batch": 4, "validation_count": 1}
    values["style"]["identity"] = True  # its moving moments are means over the whole batch
    values["loss"] = {"content": {"relu1_1": 1}, "style": {"relu1_1": 1}}
    subprocess.run(
        [sys.executable, "-c", TRAININGS, json.dumps(values), folder, str(stop_at)],
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": backend,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
    )


BACKENDS = pytest.mark.parametrize("backend", ["tensorflow", "jax"])


@BACKENDS
def test_two_devices_take_the_steps_of_one(tiny_values, tmp_path, backend):
    stop_at = 3 if backend == "jax" else 0  # other tests interrupt trainings on TensorFlow
    train_on_one_and_two(tiny_values, tmp_path, backend, steps=6, stop_at=stop_at)
    one, two = (read_losses(tmp_path / run) for run in ("one", "two"))
    assert len(one) == 6
    np.testing.assert_allclose(two, one, rtol=1e-3)
    if stop_at:
        assert read_losses(tmp_path / "resumed") == two


@pytest.mark.slow
@BACKENDS
def test_two_devices_learn_as_one_and_resume(tiny_values, tmp_path, backend):
    # At larger rates, differences of rounding grow to some per cent of the loss.
    train_on_one_and_two(tiny_values, tmp_path, backend, steps=100, rate=1e-4, stop_at=37)
    one, two, resumed = (read_losses(tmp_path / run) for run in ("one", "two", "resumed"))
    assert len(one) == 100
    np.testing.assert_allclose(two, one, rtol=0.02)
    assert resumed == two
    weights, same = (read_weights(tmp_path / run, 100) for run in ("two", "resumed"))
    for name, value in read_weights(tmp_path / "one", 100).items():
        np.testing.assert_allclose(weights[name], value, atol=0.02, err_msg=name)
        np.testing.assert_array_equal(same[name], weights[name])


def read_weights(run: Path, step: int) -> dict[str, np.ndarray]:
    with np.load(run / "checkpoints" / f"step_{step:07d}.npz") as arrays:
        return {name: arrays[name] for name in arrays if name.startswith("network")}


def read_losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]
