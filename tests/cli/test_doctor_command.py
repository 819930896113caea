"""``onestroke doctor`` and the facts that it prints."""

import pytest

from onestroke import __version__, diagnosis


def test_facts_are_printed_one_per_line(run):
    status, printed, error = run("doctor")
    assert (status, error) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert facts["onestroke"].startswith(f"{__version__}, in ")
    assert "numpy " in facts["packages"]
    assert "train: installed" in facts["extras"]
    for name in ("Python", "processor", "kernels", "GPU", "memory", "cache", "FFmpeg", "npm"):
        assert facts[name], name


def test_missing_parts_are_named(monkeypatch):
    monkeypatch.setattr(diagnosis, "find_spec", lambda name: None)
    monkeypatch.setattr(diagnosis.shutil, "which", lambda name: None)
    facts = diagnosis.diagnose()
    assert "plot: missing matplotlib" in facts["extras"]
    assert facts["GPU"].startswith("not used: TensorFlow is not installed")
    assert facts["FFmpeg"] == facts["npm"] == facts["Chromium"] == "not found"


def test_a_machine_without_the_driver_has_no_gpu(monkeypatch):
    monkeypatch.setattr(diagnosis.shutil, "which", lambda name: None)
    assert diagnosis.diagnose()["GPU"].startswith("none: nvidia-smi")


@pytest.mark.parametrize("answer", ["built with CUDA: no\nGPUs: 0"])
def test_a_gpu_that_tensorflow_does_not_see_is_explained(monkeypatch, answer):
    monkeypatch.setattr(diagnosis.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(
        diagnosis, "_run", lambda command, *_: "NVIDIA X" if "smi" in command[0] else answer
    )
    assert diagnosis.diagnose()["GPU"] == "NVIDIA X (TensorFlow: built with CUDA: no, GPUs: 0)"
