"""What a figure was measured on: processor, system, versions."""

import contextlib
import math
import os
import platform
import re
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs that multiply bfloat16


def describe_machine(packages: Sequence[str]) -> dict[str, Any]:
    """Returns processor, cores, system, and the versions of onestroke, Python and ``packages``."""
    versions = {"python": platform.python_version()}
    for name in ("onestroke", *packages):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "system": platform.platform(),
        "versions": versions,
    }


def describe_gpus() -> list[str]:
    """Returns the names of the GPUs that TensorFlow sees."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]


def gpu_generation() -> tuple[int, int] | None:
    """Returns the compute capability of the first NVIDIA GPU that TensorFlow sees, if any."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("compute_capability")


def available_cores() -> int:
    """Returns how many cores this process may use: its affinity, and the quota of its container."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota = _container_quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _container_quota(membership: Path, root: Path) -> float | None:
    """Returns how many cores the process' control groups allow; None where there is no limit.

    Args:
        membership: the file that lists the groups of the process.
        root: where the file system of the groups is mounted.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one hierarchy, version 1 one for each controller. Inside a container, the
        # group's own folder is often mounted as the root.
        mount = root if not controllers else root / "cpu"
        folder = mount / name.strip("/")
        while folder.is_relative_to(mount):
            quotas.append(_quota_of(folder))
            folder = folder.parent
    return min((quota for quota in quotas if quota), default=None)


def _quota_of(group: Path) -> float | None:
    """Returns the cores that one control group allows, None without a limit."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_text().split()
        return float(quota) / float(period)  # "max" is no number
    with contextlib.suppress(OSError, ValueError):
        quota = (group / "cpu.cfs_quota_us").read_text()
        period = (group / "cpu.cfs_period_us").read_text()
        return float(quota) / float(period) if float(quota) > 0 else None
    return None


def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def multiplies_bfloat16() -> bool:
    """Returns whether this machine's GPU, else its processor, multiplies bfloat16 in hardware."""
    if shutil.which("nvidia-smi") and (generation := gpu_generation()):
        return generation >= AMPERE
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags)
