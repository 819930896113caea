"""The stages of a training: small crops first, which train faster, then larger ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stage:
    """The steps that are trained on crops of one size.

    Attributes:
        crop: side of the crops, in pixels.
        first_step: number of steps before the stage.
        last_step: number of steps at the end of the stage.
    """

    crop: int
    first_step: int
    last_step: int


def plan_stages(crops: Sequence[int], steps: int, first_step: int = 0) -> list[Stage]:
    """Divides a run into stages that train on about the same number of pixels each.

    Args:
        crops: sides of the crops in pixels, in the order of the training.
        steps: number of steps of the whole run.
        first_step: number of steps already taken; finished stages are left out.
    """
    shares = np.cumsum([crop**-2.0 for crop in crops])
    ends = [round(float(share) * steps) for share in shares / shares[-1]]
    return [
        Stage(crop, max(start, first_step), end)
        for crop, start, end in zip(crops, [0, *ends], ends, strict=False)
        if max(start, first_step) < end
    ]
