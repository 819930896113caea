"""The machine: processor, memory, GPUs, and the versions of what ran on it."""

import contextlib
import functools
import logging
import math
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from onestroke.backend import backend_title, runs_on_jax
from onestroke.errors import OnestrokeError

logger = logging.getLogger("onestroke.machine")

AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs that multiply bfloat16
JAX_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")
CGROUP = Path("/sys/fs/cgroup")  # the limits of containers
MEMBERSHIP = Path("/proc/self/cgroup")
MEMORY_INFO = Path("/proc/meminfo")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")
FEW_FREE_SHARE = 0.2  # of a GPU's memory; with less, another process is named


def describe_machine(packages: Sequence[str]) -> dict[str, Any]:
    """Returns processor, cores, system, and the versions of onestroke, Python and ``packages``."""
    versions = {"python": platform.python_version()}
    for name in ("onestroke", *packages):
        if found := installed_version(name):
            versions[name] = found
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "system": platform.platform(),
        "versions": versions,
    }


def available_cores(root: Path = CGROUP, membership: Path = MEMBERSHIP) -> int:
    """Returns how many cores this process may use: its affinity, and the quota of its container.

    Args:
        root: where the file system of the control groups is mounted.
        membership: the file that lists the groups of the process.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quotas = [_quota_of(group) for group in _groups("cpu", root, membership)]
    quota = min((quota for quota in quotas if quota), default=None)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def available_memory(root: Path = CGROUP, membership: Path = MEMBERSHIP) -> int | None:
    """Returns the bytes that this process may still use, here and in its container.

    None on systems without ``/proc/meminfo``. The file cache counts as available.

    Args:
        root: where the file system of the control groups is mounted.
        membership: the file that lists the groups of the process.
    """
    found = re.search(r"MemAvailable:\s*(\d+) kB", _read_text(MEMORY_INFO))
    if found is None:
        return None
    free = [_free_memory_of(group) for group in _groups("memory", root, membership)]
    return max(0, min([int(found[1]) * 1024, *(bytes for bytes in free if bytes is not None)]))


def _groups(controller: str, root: Path, membership: Path) -> list[Path]:
    """Returns the control groups that limit the process, the innermost first."""
    groups: list[Path] = []
    for line in _read_text(membership).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # Version 2 has one hierarchy, version 1 one for each controller. Inside a container, the
        # group's own folder is often mounted as the root.
        mount = root if not controllers else root / controller
        folder = mount / name.strip("/")
        while folder.is_relative_to(mount):
            groups.append(folder)
            folder = folder.parent
    return groups


def _quota_of(group: Path) -> float | None:
    """Returns the cores that one control group allows, None without a limit."""
    with contextlib.suppress(ValueError):
        quota, period = _read_text(group / "cpu.max").split()
        return float(quota) / float(period)  # "max" is no number
    with contextlib.suppress(ValueError):
        quota = _read_text(group / "cpu.cfs_quota_us")
        period = _read_text(group / "cpu.cfs_period_us")
        return float(quota) / float(period) if float(quota) > 0 else None
    return None


def _free_memory_of(group: Path) -> int | None:
    """Returns the bytes that one control group has left, None without a limit."""
    cache = re.search(r"^(?:total_)?inactive_file (\d+)", _read_text(group / "memory.stat"), re.M)
    for limit_file, usage_file in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, usage = _read_text(group / limit_file), _read_text(group / usage_file)
        if limit.strip().isdigit() and usage.strip().isdigit():
            return int(limit) - int(usage) + (int(cache[1]) if cache else 0)
    return None


def check_memory(needed: float, purpose: str, remedy: Callable[[float], str]) -> None:
    """Raises an OnestrokeError if an estimate exceeds the available memory.

    The system would otherwise kill the process, after minutes and without a message.

    Args:
        needed: estimated bytes.
        purpose: what the memory is for, beginning with a preposition.
        remedy: returns what to do; receives which share of the estimate is available.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise OnestrokeError(
            f"not enough memory {purpose}: about {needed / 1e9:.1f} GB are needed, "
            f"{available / 1e9:.1f} GB are available; {remedy(available / needed)}"
        )


def describe_gpus() -> list[str]:
    """Returns the names of the GPUs that Keras' backend sees."""
    if runs_on_jax():
        import jax

        return [device.device_kind for device in jax.local_devices() if device.platform == "gpu"]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]


def gpu_generation() -> tuple[int, int] | None:
    """Returns the compute capability of the first NVIDIA GPU that Keras' backend uses, if any."""
    if runs_on_jax():
        # JAX itself cannot be asked: it must not start before the processes of a training join.
        if _missing_gpu_package():
            return None
        answer = _ask_nvidia("--query-gpu=compute_cap", "--format=csv,noheader")
        found = re.match(r"(\d+)\.(\d+)", answer)
        return (int(found[1]), int(found[2])) if found else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("compute_capability")


@functools.cache
def prepare_gpus() -> None:
    """Lets TensorFlow take memory of GPUs as it needs it, instead of all at once.

    Logs a line about an NVIDIA GPU that cannot be used or whose memory another process holds.
    TensorFlow accepts the setting only before it uses a GPU.
    """
    if not has_nvidia_gpu():
        return
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if problem := (explain_busy_gpu() if gpus else explain_unusable_gpu()):
        logger.warning("%s", problem)
    for gpu in gpus:
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, True)


def has_nvidia_gpu() -> bool:
    """Returns whether the driver of NVIDIA knows a GPU."""
    with contextlib.suppress(OSError):
        if any(NVIDIA_DRIVER.iterdir()):
            return True
    return _ask_nvidia("--list-gpus").startswith("GPU")


def explain_unusable_gpu() -> str:
    """Returns why Keras' backend does not see the GPU of this machine, and what to install."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides the NVIDIA GPU; the processor is used"
    name = backend_title()
    if sys.platform == "win32":
        return f"{name} cannot use NVIDIA GPUs on Windows; the processor is used; try WSL2"
    missing = _missing_gpu_package()
    reason = f"{missing} is missing" if missing else "the driver does not fit to its libraries"
    with_gpu = "jax[cuda12]" if runs_on_jax() else "tensorflow[and-cuda]"
    remedy = f"pip install '{with_gpu}'" if missing else "update the NVIDIA driver"
    return f"{name} cannot use the NVIDIA GPU ({reason}); the processor is used; {remedy}"


def _missing_gpu_package() -> str | None:
    """Returns a package that Keras' backend needs for NVIDIA GPUs and that is not installed."""
    if runs_on_jax():
        return None if any(map(installed_version, JAX_PLUGINS)) else JAX_PLUGINS[0]
    wanted = [line for line in requires("tensorflow") or () if "and-cuda" in line]
    names = [re.split(r"[^\w-]", line, maxsplit=1)[0] for line in wanted]
    return next((name for name in names if not installed_version(name)), None)


def installed_version(package: str) -> str | None:
    """Returns the version of an installed package, None for others."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def explain_busy_gpu() -> str | None:
    """Returns a line if another process holds most of the GPU's memory."""
    answer = _ask_nvidia("--query-gpu=memory.free,memory.total", "--format=csv,noheader,nounits")
    found = re.match(r"(\d+), (\d+)", answer)
    if not found or int(found[1]) > FEW_FREE_SHARE * int(found[2]):
        return None
    return (
        f"only {int(found[1]) / 1024:.1f} of {int(found[2]) / 1024:.1f} GB of the GPU's memory are "
        "free; another process uses the rest (nvidia-smi lists it)"
    )


def _ask_nvidia(*arguments: str) -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", _read_text(Path("/proc/cpuinfo")))
    return found[1] if found else platform.processor() or platform.machine()


def multiplies_bfloat16() -> bool:
    """Returns whether this machine computes faster in bfloat16: its GPU, else its processor."""
    if shutil.which("nvidia-smi") and (generation := gpu_generation()):
        return generation >= AMPERE
    return processor_multiplies_bfloat16()


def processor_multiplies_bfloat16() -> bool:
    """Returns whether the processor computes faster in bfloat16 than in float32.

    Those with AMX do, and those of AMD with AVX-512 BF16. Intel's AVX-512 BF16 alone, as on virtual
    machines that hide AMX, took twice the time of float32 (docs/choices.md).
    """
    words = set(_read_text(Path("/proc/cpuinfo")).split())
    return "amx_bf16" in words or {"avx512_bf16", "AuthenticAMD"} <= words
