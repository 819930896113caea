"""Why a training is slow, where the machine or its installation is the reason."""

from onestroke.machine import (
    describe_gpus,
    explain_unusable_gpu,
    has_nvidia_gpu,
    processor_multiplies_bfloat16,
)
from onestroke.onednn import SWITCH, uses_onednn


def explain_slow_training(precision: str) -> list[str]:
    """Returns a reason in each line; none on a machine with a GPU that is used.

    Args:
        precision: the resolved ``train.precision``.
    """
    if has_nvidia_gpu():
        return [] if describe_gpus() else [explain_unusable_gpu()]
    reasons = ["no GPU: the processor computes everything"]
    if precision == "float32" and processor_multiplies_bfloat16():
        reasons.append("train.precision=float32: this processor is faster with mixed_bfloat16")
    elif precision != "float32" and not processor_multiplies_bfloat16():
        reasons.append(f"train.precision={precision}: this processor is faster with float32")
    elif precision == "float32":
        reasons.append("the processor has no fast bfloat16 (AMX, or AVX-512 BF16 of AMD)")
    if not uses_onednn():
        reasons.append(f"oneDNN is off; unset {SWITCH} if you set it")
    return reasons
