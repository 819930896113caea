"""oneDNN: the library of fast kernels in TensorFlow, which has to be chosen before it is loaded.

TensorFlow uses oneDNN by itself only where the processor has AVX-512 VNNI or a newer extension. On
two AVX2 cores of AMD, training with it was 1.2 to 1.45 times as fast. Batches of one picture are
the exception: TensorFlow then keeps kernels in their plain layout, for which oneDNN has only a
multiplication of unrolled pictures on AVX2, slower and with more memory (docs/choices.md). Commands
that compute single pictures therefore leave the choice to TensorFlow.
"""

import os
import platform

SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def choose_onednn(batch: int) -> None:
    """Switches oneDNN on for a training, unless the user has set TensorFlow's variable.

    Args:
        batch: pictures per step.
    """
    if batch > 1 and _is_x86():
        os.environ.setdefault(SWITCH, "1")


def uses_onednn() -> bool:
    """Returns whether a training uses oneDNN: by the user's choice, or by ``choose_onednn``."""
    return _is_x86() and os.environ.get(SWITCH, "1") not in ("0", "false")


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
