"""Which size of training pictures when: the painting's forms first, its strokes last."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stage:
    """Steps that are trained on pictures of one size.

    Attributes:
        crop: side of the pictures, in pixels.
        first_step: steps taken before.
        last_step: steps taken after.
    """

    crop: int
    first_step: int
    last_step: int


def stages(crops: Sequence[int], steps: int, first_step: int = 0) -> list[Stage]:
    """Divides a run so that every crop sees about as many pixels, and so takes as long.

    Args:
        crops: sides of the pictures, in pixels, in the order of the training.
        steps: of the whole run.
        first_step: steps already taken; what they filled is left out.
    """
    shares = np.cumsum([crop**-2.0 for crop in crops])
    ends = [round(float(share) * steps) for share in shares / shares[-1]]
    return [
        Stage(crop, max(start, first_step), end)
        for crop, start, end in zip(crops, [0, *ends], ends, strict=False)
        if max(start, first_step) < end
    ]
