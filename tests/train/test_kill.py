"""A training that is killed and resumed ends in the same weights, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml

from onestroke.train.run_folder import RunFolder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "onestroke", *arguments]


def wait_for(process: subprocess.Popen, condition) -> None:
    deadline = time.monotonic() + 600  # a busy machine is slow
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the training did not reach that step"
        time.sleep(0.002)


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def steps_logged(run: Path) -> int:
    return max((entry["step"] for entry in RunFolder(run).metrics()), default=0)


def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(tiny_recipe, tmp_path):
    recipe = yaml.safe_load(tiny_recipe.read_text())
    recipe["train"] |= {"steps": 40, "checkpoint_every": 3, "sample_every": 7}
    recipe["data"]["validation_count"] = 1
    tiny_recipe.write_text(yaml.safe_dump(recipe))
    run, whole = tmp_path / "killed", tmp_path / "whole"

    interrupted = start("train", "--config", str(tiny_recipe), "--run", str(run))
    wait_for(interrupted, lambda: steps_logged(run) >= 2)
    os.kill(interrupted.pid, signal.SIGTERM)
    printed, error = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 128 + signal.SIGTERM, error
    assert f"onestroke train --run {run}" in printed
    assert "Stopped and saved at step" in printed
    saved = RunFolder(run).checkpoint_steps()[-1]
    assert saved < 40

    killed = start("train", "--run", str(run))
    wait_for(killed, lambda: steps_logged(run) >= saved + 8)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    left = RunFolder(run).checkpoint_steps()
    assert saved < left[-1] < 40

    resumed = subprocess.run(command("train", "--run", str(run)), capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resuming {run} at step {left[-1]} of 40." in resumed.stdout
    once = subprocess.run(
        command("train", "--config", str(tiny_recipe), "--run", str(whole)),
        capture_output=True,
        text=True,
    )
    assert once.returncode == 0, once.stderr

    with (
        np.load(RunFolder(run).checkpoint_file(40)) as one,
        np.load(RunFolder(whole).checkpoint_file(40)) as two,
    ):
        assert set(one.files) == set(two.files)
        for name in one.files:
            np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert (run / "style.keras").is_file()
