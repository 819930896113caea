"""The cores and the memory that a process may use, and the messages about GPUs."""

import logging
import os
import types
from pathlib import Path

import pytest

from onestroke import machine
from onestroke.errors import OnestrokeError
from onestroke.machine import available_cores, available_memory, check_memory, explain_busy_gpu

GB = 10**9


def group(root: Path, name: str, **files: str) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file.replace("__", ".")).write_text(content + "\n")


@pytest.fixture
def membership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The groups of a process on a machine of eight cores and 8 GB of free memory."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (tmp_path / "meminfo").write_text("MemTotal: 9999999 kB\nMemAvailable:    8000000 kB\n")
    monkeypatch.setattr(machine, "MEMORY_INFO", tmp_path / "meminfo")
    return tmp_path / "cgroup"


class TestCores:
    def test_quota_of_version_2(self, tmp_path: Path, membership: Path) -> None:
        membership.write_text("0::/pod/container\n")
        root = tmp_path / "fs"
        group(root, "pod", cpu__max="400000 100000")
        group(root, "pod/container", cpu__max="150000 100000")
        assert available_cores(root, membership) == 2  # 1.5
        group(root, "pod/container", cpu__max="max 100000")
        assert available_cores(root, membership) == 4  # that of the pod around it
        group(root, "pod", cpu__max="max 100000")
        assert available_cores(root, membership) == 8
        group(root, "pod", cpu__max="10000 100000")
        assert available_cores(root, membership) == 1

    def test_quota_of_version_2_inside_a_container(self, tmp_path: Path, membership: Path) -> None:
        membership.write_text("0::/\n")  # the group's own folder is mounted as the root
        group(tmp_path / "fs", ".", cpu__max="200000 100000")
        assert available_cores(tmp_path / "fs", membership) == 2

    def test_quota_of_version_1(self, tmp_path: Path, membership: Path) -> None:
        membership.write_text("4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n")
        root = tmp_path / "fs"
        group(root, "cpu/docker/1", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000")
        assert available_cores(root, membership) == 3
        group(root, "cpu/docker/1", cpu__cfs_quota_us="-1")
        assert available_cores(root, membership) == 8

    def test_systems_without_control_groups(self, tmp_path: Path, membership: Path) -> None:
        assert available_cores(tmp_path, tmp_path / "absent") == 8

    def test_affinity(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
        assert available_cores(tmp_path, tmp_path / "absent") == 3


class TestMemory:
    def test_of_the_machine(self, tmp_path: Path, membership: Path) -> None:
        assert available_memory(tmp_path, tmp_path / "absent") == 8_000_000 * 1024

    def test_limit_of_version_2(self, tmp_path: Path, membership: Path) -> None:
        membership.write_text("0::/pod/container\n")
        root = tmp_path / "fs"
        group(root, "pod/container", memory__max=str(2 * GB), memory__current=str(GB))
        assert available_memory(root, membership) == GB
        # What the cache of files holds is given back.
        group(root, "pod/container", memory__stat=f"anon 5\ninactive_file {GB // 2}")
        assert available_memory(root, membership) == GB + GB // 2
        group(root, "pod", memory__max=str(3 * GB), memory__current=str(3 * GB - 7))
        assert available_memory(root, membership) == 7
        group(root, "pod", memory__max="max")
        group(root, "pod/container", memory__max="max")
        assert available_memory(root, membership) == 8_000_000 * 1024

    def test_limit_of_version_1(self, tmp_path: Path, membership: Path) -> None:
        membership.write_text("4:memory:/docker/1\n3:cpu:/docker/1\n")
        root = tmp_path / "fs"
        files = {"memory__limit_in_bytes": str(2 * GB), "memory__usage_in_bytes": str(GB)}
        group(root, "memory/docker/1", **files, memory__stat="total_inactive_file 9")
        assert available_memory(root, membership) == GB + 9

    def test_other_systems(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "MEMORY_INFO", tmp_path / "absent")
        assert available_memory() is None
        check_memory(1e18, "for a picture", str)

    def test_estimates_above_the_available_memory_are_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(machine, "available_memory", lambda: 2 * GB)
        check_memory(1.9 * GB, "for a picture", str)
        with pytest.raises(OnestrokeError) as caught:
            check_memory(12.5 * GB, "for a picture", lambda share: f"{share:.0%} would fit")
        assert str(caught.value) == (
            "not enough memory for a picture: about 12.5 GB are needed, 2.0 GB are available; 16% "
            "would fit"
        )


class TestGpus:
    @pytest.fixture
    def nvidia(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine with nvidia-smi; the file is what the program prints about memory."""
        program, answer = tmp_path / "nvidia-smi", tmp_path / "answer"
        program.write_text(
            f"#!/bin/sh\n[ $1 = --list-gpus ] && echo 'GPU 0: H100' || cat {answer}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        answer.write_text("70000, 81559\n")
        return answer

    def test_memory_that_another_process_holds(self, nvidia: Path) -> None:
        assert explain_busy_gpu() is None
        nvidia.write_text("1024, 81920\n")
        assert explain_busy_gpu() == (
            "only 1.0 of 80.0 GB of the GPU's memory are free; another process uses the rest "
            "(nvidia-smi lists it)"
        )
        nvidia.write_text("Failed to initialize NVML\n")
        assert explain_busy_gpu() is None

    def test_a_gpu_that_tensorflow_does_not_see(
        self, nvidia: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        wanted = ['nvidia-cudnn-cu12<10; extra == "and-cuda"', "numpy>1"]
        monkeypatch.setattr(machine, "requires", lambda _: wanted)
        with caplog.at_level(logging.WARNING, "onestroke.machine"):
            machine.prepare_gpus.__wrapped__()
        assert caplog.messages == [
            "TensorFlow cannot use the NVIDIA GPU (nvidia-cudnn-cu12 is missing); the processor is "
            "used; pip install 'tensorflow[and-cuda]'"
        ]
        monkeypatch.setattr(machine, "requires", lambda _: [])
        assert "update the NVIDIA driver" in machine.explain_unusable_gpu()
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        assert "CUDA_VISIBLE_DEVICES hides" in machine.explain_unusable_gpu()

    def test_jax_is_asked_about_its_own_gpus(
        self, nvidia: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("keras.backend.backend", lambda: "jax")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        nvidia.write_text("9.0\n8.0\n")
        versions = {"jax-cuda13-plugin": "0.8.0"}
        monkeypatch.setattr(machine, "installed_version", versions.get)
        assert machine.gpu_generation() == (9, 0)
        assert "update the NVIDIA driver" in machine.explain_unusable_gpu()
        versions.clear()
        assert machine.gpu_generation() is None
        assert machine.explain_unusable_gpu() == (
            "JAX cannot use the NVIDIA GPU (jax-cuda12-plugin is missing); the processor is used; "
            "pip install 'jax[cuda12]'"
        )
        gpu = types.SimpleNamespace(platform="gpu", device_kind="NVIDIA H200")
        processor = types.SimpleNamespace(platform="cpu", device_kind="cpu")
        monkeypatch.setattr("jax.local_devices", lambda: [gpu, processor])
        assert machine.describe_gpus() == ["NVIDIA H200"]

    def test_memory_grows_as_it_is_needed(
        self, nvidia: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grown = []
        monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: ["gpu"])
        monkeypatch.setattr(
            "tensorflow.config.experimental.set_memory_growth", lambda *gpu: grown.append(gpu)
        )
        machine.prepare_gpus.__wrapped__()
        assert grown == [("gpu", True)]
