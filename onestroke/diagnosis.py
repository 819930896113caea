"""Facts about this installation and machine for a bug report."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from onestroke import __version__
from onestroke.files import cache_folder
from onestroke.machine import describe_machine, installed_version, processor_multiplies_bfloat16
from onestroke.onednn import uses_onednn

PACKAGES = (
    "numpy",
    "pillow",
    "ai-edge-litert",
    "tensorflow",
    "keras",
    "jax",
    "ai-edge-quantizer",
    "onnxruntime",
    "tf2onnx",
    "matplotlib",
)
EXTRAS = {
    "train": ("tensorflow", "keras", "tensorflow_datasets", "tensorboard", "scipy", "h5py"),
    "export": ("ai_edge_quantizer",),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "video": ("imageio_ffmpeg",),
    "plot": ("matplotlib",),
    "heif": ("pillow_heif",),
}
# Features of processors that decide which kernels are used.
FEATURES = (
    "amx_bf16",
    "amx_int8",
    "avx512_bf16",
    "avx512_vnni",
    "avx512f",
    "avx_vnni",
    "avx2",
    "asimddp",
    "sve",
)
PROGRAMS = {
    "FFmpeg": ("ffmpeg",),
    "npm": ("npm",),
    "Chromium": ("chromium", "chromium-browser", "google-chrome"),
}
GPU_PROBE = (
    "import tensorflow as tf\n"
    "print('built with CUDA:', 'yes' if tf.test.is_built_with_cuda() else 'no')\n"
    "print('GPUs:', len(tf.config.list_physical_devices('GPU')))"
)
PROBE_SECONDS = 120


def diagnose() -> dict[str, str]:
    """Returns the facts by name, in the order in which they are shown."""
    machine = describe_machine(())
    return {
        "onestroke": f"{__version__}, in {Path(__file__).parent}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "system": str(machine["system"]),
        "packages": ", ".join(
            f"{name} {found}" for name in PACKAGES if (found := installed_version(name))
        ),
        "extras": ", ".join(f"{name}: {_describe_extra(name)}" for name in EXTRAS),
        "processor": f"{machine['processor']}, {machine['cores']} cores",
        "features": ", ".join(_features()) or "unknown",
        "kernels": _describe_kernels(),
        "GPU": _describe_gpu(),
        "memory": _describe_memory(),
        "cache": _describe_cache(),
        **{name: _find_program(names) for name, names in PROGRAMS.items()},
    }


def _describe_extra(extra: str) -> str:
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    return f"missing {', '.join(missing)}" if missing else "installed"


def _features() -> list[str]:
    with contextlib.suppress(OSError):
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
        return [name for name in FEATURES if name in flags]
    return []


def _describe_kernels() -> str:
    """Describes the arithmetic that training and painting use on this processor."""
    features = _features()
    if not features:
        return "unknown"
    precision = "mixed_bfloat16" if processor_multiplies_bfloat16() else "float32"
    library = "oneDNN" if uses_onednn() else "Eigen"
    integer = next((name for name in FEATURES if name in features and "bf16" not in name), "none")
    return f"training in {precision} with {library}; integer kernels with {integer}"


def _describe_gpu() -> str:
    """Returns the GPUs that TensorFlow sees, or why it sees none."""
    if find_spec("tensorflow") is None:
        return "not used: TensorFlow is not installed (pip install 'onestroke[train]')"
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return "none: nvidia-smi, which NVIDIA's driver installs, is not found"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        names = _run([smi, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
        probe = _run([sys.executable, "-c", GPU_PROBE], environment)
    except (OSError, subprocess.SubprocessError) as error:
        return f"unknown: {error}"
    seen = ", ".join(probe.splitlines())
    return f"{'; '.join(names.splitlines()) or 'none'} (TensorFlow: {seen})"


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True
    )
    return done.stdout.strip()


def _describe_memory() -> str:
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        free, total = kilobytes["MemAvailable"] / 1e6, kilobytes["MemTotal"] / 1e6
        return f"{free:.1f} of {total:.1f} GB free"
    return "unknown"


def _describe_cache() -> str:
    folder = cache_folder("styles")
    if folder is None:
        return "none: the user has no home folder"
    base = folder.parent
    place = next(path for path in (base, *base.parents) if path.exists())
    return f"{base}{'' if os.access(place, os.W_OK) else ', not writable'}"


def _find_program(names: tuple[str, ...]) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None and "ffmpeg" in names and find_spec("imageio_ffmpeg"):
        return "from the package imageio-ffmpeg"
    return found or "not found"
