"""Training with several processes: JAX joins them on this machine, as it does on several."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from onestroke.data.photograph_sources import open_source
from onestroke.errors import SettingsError
from onestroke.train import devices, prepared_run, processes
from onestroke.train.batches import StyledBatches
from onestroke.train.devices import choose_devices
from onestroke.train.prepared_run import prepare_run
from onestroke.train.processes import (
    ADDRESSES,
    ALONE,
    COUNT,
    NUMBER,
    LostProcessError,
    Place,
    explain_lost_processes,
    find_place,
    join_processes,
)
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import read_recipe


def test_the_shares_of_all_processes_are_the_batch():
    places = [Place(number, 3) for number in range(3)]
    assert [row for place in places for row in place.share_of(6)] == [*range(6)]
    assert [*ALONE.share_of(2)] == [0, 1]


def test_processes_read_their_pictures_of_the_batch_of_one():
    def read(place: Place) -> dict[str, np.ndarray]:
        photographs = open_source(["bundled"], split="train")
        options = {"batch": 4, "crop": 32, "seed": 1, "last_step": 3, "place": place}
        return StyledBatches(photographs, styles=3, **options)[1]

    whole, parts = read(ALONE), [read(Place(number, 2)) for number in range(2)]
    for name, value in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), value)


def test_processes_share_all_devices(monkeypatch):
    def set_devices(processes: int, *names: str) -> None:
        monkeypatch.setattr(devices, "find_place", lambda: Place(0, processes))
        monkeypatch.setattr("keras.distribution.list_devices", lambda: list(names))

    set_devices(2, "cpu:0", "cpu:2048")
    assert choose_devices("auto", batch=4) == ["cpu:0", "cpu:2048"]
    with pytest.raises(SettingsError, match=r"data\.batch=3 cannot be divided among 2 devices"):
        choose_devices("auto", batch=3)
    with pytest.raises(SettingsError, match=r"train\.devices=1, but 2 processes train together"):
        choose_devices(1, batch=4)
    set_devices(2, "gpu:0", "gpu:1", "gpu:2")
    with pytest.raises(SettingsError, match="give each process the same number of devices"):
        choose_devices("auto", batch=6)


def test_processes_are_joined_as_the_environment_says(monkeypatch):
    for name in (ADDRESSES, COUNT, NUMBER):
        monkeypatch.delenv(name, raising=False)
    joined = []
    monkeypatch.setattr("jax.distributed.initialize", lambda **options: joined.append(options))
    monkeypatch.setattr(processes, "check_backend", lambda name: None)
    join_processes()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setattr(processes, "runs_on_jax", lambda: False)
    join_processes()  # tasks that train alone, each in its own folder
    monkeypatch.setattr(processes, "runs_on_jax", lambda: True)
    monkeypatch.setenv(COUNT, "1")
    join_processes()
    assert joined == []
    assert find_place() == ALONE
    monkeypatch.delenv(COUNT)
    join_processes()
    unknown = {"coordinator_address": None, "num_processes": None, "process_id": None}
    assert joined == [unknown]  # JAX reads SLURM's variables itself
    monkeypatch.setenv(ADDRESSES, "host0:1234,host1:1234")
    monkeypatch.setenv(COUNT, "2")
    monkeypatch.setenv(NUMBER, "1")
    join_processes()
    assert [*joined[1].values()] == ["host0:1234", 2, 1]


def test_wrong_variables_are_mistakes(monkeypatch):
    monkeypatch.setenv(COUNT, "two")
    with pytest.raises(SettingsError, match=f"{COUNT}=two is not a number"):
        join_processes()
    monkeypatch.setenv(COUNT, "2")
    with pytest.raises(SettingsError, match=r"tensorflow.*set KERAS_BACKEND=jax"):
        join_processes()
    monkeypatch.setattr(processes, "check_backend", lambda name: None)
    monkeypatch.setenv(ADDRESSES, "localhost:1")
    monkeypatch.delenv(NUMBER, raising=False)
    with pytest.raises(SettingsError, match=f"process id .*; set {ADDRESSES} to HOST:PORT"):
        join_processes()


def test_only_errors_about_other_processes_are_explained(monkeypatch):
    monkeypatch.setattr(processes, "is_joined", lambda: True)
    with (
        pytest.raises(LostProcessError, match=r"\(Gloo all-reduce failed\); start the same"),
        explain_lost_processes(),
    ):
        raise RuntimeError("Gloo all-reduce failed.\nmore")
    with pytest.raises(RuntimeError, match="bug"), explain_lost_processes():
        raise RuntimeError("bug")


def test_a_process_with_other_settings_is_named(tiny_recipe, tmp_path, monkeypatch):
    first = prepare_run(read_recipe(tiny_recipe), tmp_path / "run").settings
    monkeypatch.setattr(prepared_run, "find_place", lambda: Place(1, 2))
    monkeypatch.setattr(prepared_run, "broadcast", lambda own: first.model_dump_json().encode())
    folder = tmp_path / "not_shared"
    prepare_run(read_recipe(tiny_recipe), folder)
    assert not folder.exists()
    tiny_recipe.write_text(tiny_recipe.read_text().replace("steps: 8", "steps: 9"))
    with pytest.raises(SettingsError, match=r"train\.steps is 9 in process 1 and 8 in process 0"):
        prepare_run(read_recipe(tiny_recipe), folder)


class Training:
    """Processes that train together through the command line.

    Args:
        recipe: the recipe.
        run: the run folder of process 0. The others name a folder that does not exist.
        count: number of processes.
    """

    def __init__(self, recipe: Path, run: Path, count: int) -> None:
        self.run = RunFolder(run)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "onestroke", "train", "--config", str(recipe)),
                    *("--run", str(run if number == 0 else run / "none")),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "KERAS_BACKEND": "jax",
                    "JAX_PLATFORMS": "cpu",
                    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # they take most of the time
                    ADDRESSES: address,
                    COUNT: str(count),
                    NUMBER: str(number),
                },
            )
            for number in range(count)
        ]

    def wait_for(self, step: int) -> None:
        """Waits for a checkpoint."""
        while not self.run.checkpoint_file(step).is_file():
            for process in self.processes:
                if process.poll() is not None:
                    raise AssertionError(process.communicate())
            time.sleep(0.02)

    def end(self, signal_number: int | None = None, to: int = 0) -> list[tuple[int, str, str]]:
        """Sends a signal to a process; returns the status and the output of all."""
        if signal_number is not None:
            self.processes[to].send_signal(signal_number)
        printed = [process.communicate(timeout=600) for process in self.processes]
        return [(p.returncode, *text) for p, text in zip(self.processes, printed, strict=True)]


@pytest.fixture
def recipe(tiny_recipe) -> Path:
    values = yaml.safe_load(tiny_recipe.read_text())
    values["train"] |= {"steps": 400, "checkpoint_every": 10, "sample_every": 400}
    values["train"] |= {"optimizer": "adam", "learning_rate": 1e-4}  # see test_devices.py
    values["data"] |= {"batch": 4, "validation_count": 1}
    values["style"]["identity"] = True
    values["loss"] = {"content": {"relu1_1": 1}, "style": {"relu1_1": 1}}
    tiny_recipe.write_text(yaml.safe_dump(values))
    return tiny_recipe


def read_network(run: RunFolder, step: int) -> dict[str, np.ndarray]:
    with np.load(run.checkpoint_file(step)) as arrays:
        return {name: arrays[name] for name in arrays if name.startswith("network")}


def distance(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum((one[name] - value) ** 2) for name, value in two.items())))


def test_two_processes_learn_as_one_until_one_is_lost(recipe, tmp_path):
    one, two = Training(recipe, tmp_path / "one", 1), Training(recipe, tmp_path / "two", 2)
    one.wait_for(20)
    one.end(signal.SIGKILL)
    two.wait_for(10)
    (status, _, error), _ = two.end(signal.SIGKILL, to=1)
    assert status != 0
    assert "another process of the training ended or cannot be reached" in error
    assert error.count("\n") == 1, error
    losses = [[m["loss"] for m in t.run.metrics()[:10]] for t in (one, two)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    expected, later = (read_network(one.run, step) for step in (10, 20))
    weights = read_network(two.run, 10)
    assert distance(weights, expected) < 0.1 * distance(later, expected)


@pytest.mark.slow
def test_two_processes_resume_what_both_have_stopped_or_lost(recipe, tmp_path):
    recipe.write_text(recipe.read_text().replace("400", "60"))
    run = tmp_path / "run"
    two = Training(recipe, run, 2)
    two.wait_for(10)
    (_, printed, _), (status, silent, error) = two.end(signal.SIGKILL)
    assert status != 0
    assert "another process of the training ended or cannot be reached" in error
    assert "Training" in printed
    assert "Training" not in silent

    two = Training(recipe, run, 2)
    two.wait_for(20)
    (status, printed, _), (asked, _, _) = two.end(signal.SIGTERM, to=1)
    assert (status, asked) == (128 + signal.SIGINT, 128 + signal.SIGTERM)
    saved = two.run.checkpoint_steps()[-1]
    assert "Resuming" in printed
    assert f"Stopped and saved at step {saved}" in printed

    (status, printed, _), (other, _, _) = Training(recipe, run, 2).end()
    assert (status, other) == (0, 0)
    assert f"at step {saved} of 60" in printed
    assert [m["step"] for m in two.run.metrics() if "loss" in m] == [*range(1, 61)]
    assert two.run.style_file.is_file()
    # Resumed and interrupted, the run is that of two processes that were never stopped.
    whole = Training(recipe, tmp_path / "whole", 2)
    assert [status for status, _, _ in whole.end()] == [0, 0]
    weights = read_network(two.run, 60)
    for name, value in read_network(whole.run, 60).items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)
