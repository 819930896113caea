"""What a figure was measured on: processor, system, versions."""

import contextlib
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
        "cores": os.cpu_count(),
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
