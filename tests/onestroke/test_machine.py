"""The cores that a process may use: its affinity, and the quota of its container."""

import os
from pathlib import Path

import pytest

from onestroke.machine import _container_quota, available_cores


def group(root: Path, name: str, **files: str) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file.replace("__", ".")).write_text(content + "\n")


@pytest.fixture
def membership(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def test_quota_of_version_2(tmp_path: Path, membership: Path) -> None:
    membership.write_text("0::/pod/container\n")
    root = tmp_path / "fs"
    group(root, "pod", cpu__max="400000 100000")
    group(root, "pod/container", cpu__max="150000 100000")
    assert _container_quota(membership, root) == 1.5
    group(root, "pod/container", cpu__max="max 100000")
    assert _container_quota(membership, root) == 4  # that of the pod around it
    group(root, "pod", cpu__max="max 100000")
    assert _container_quota(membership, root) is None


def test_quota_of_version_2_inside_a_container(tmp_path: Path, membership: Path) -> None:
    """The group's own folder is mounted as the root."""
    membership.write_text("0::/\n")
    group(tmp_path / "fs", ".", cpu__max="200000 100000")
    assert _container_quota(membership, tmp_path / "fs") == 2


def test_quota_of_version_1(tmp_path: Path, membership: Path) -> None:
    membership.write_text("4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n")
    root = tmp_path / "fs"
    group(root, "cpu/docker/1", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    assert _container_quota(membership, root) == 0.5
    group(root, "cpu/docker/1", cpu__cfs_quota_us="-1")
    assert _container_quota(membership, root) is None


def test_systems_without_control_groups(tmp_path: Path) -> None:
    assert _container_quota(tmp_path / "absent", tmp_path) is None


@pytest.mark.parametrize(("quota", "cores"), [(None, 3), (1.5, 2), (0.2, 1), (8, 3)])
def test_the_smaller_of_affinity_and_quota(quota, cores, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
    monkeypatch.setattr("onestroke.machine._container_quota", lambda *_: quota)
    assert available_cores() == cores
