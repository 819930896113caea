"""Whether a picture fits into memory, before it is painted."""

import math
from collections.abc import Callable

from onestroke.errors import OnestrokeError
from onestroke.machine import check_memory
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import PictureError, size_of_long_side

# Bytes for each pixel that TensorFlow sees at once, by preset, in Keras and in SavedModels: the
# highest resident memory of a process, beyond that after a picture of 64x64 pixels. Measured with
# TensorFlow 2.21 at 1024x1024 to 2048x2048 pixels: 1160 to 1280, 660, and 170 to 200.
TENSORFLOW_BYTES = {"johnson": 1250, "half": 660, "mobile": 180}


class PaintMemory:
    """The memory that a painter has been allowed to take.

    A painter keeps its memory for the next picture, so only what it takes in addition is compared
    with the available memory.

    Args:
        estimate: returns the bytes that painting a picture of a (height, width) takes.
    """

    def __init__(self, estimate: Callable[[tuple[int, int]], int]) -> None:
        self._estimate = estimate
        self._allowed = 0

    def check(self, size: tuple[int, int]) -> None:
        """Raises a PictureError if a picture does not fit, with a paint size that does.

        Args:
            size: (height, width) that the network paints.
        """
        needed = self._estimate(size)
        if needed <= self._allowed:
            return

        def remedy(share: float) -> str:
            fitting = self._fitting_side(size, share * (needed - self._allowed) + self._allowed)
            return f"choose a paint size of {fitting}" if fitting else "free some memory"

        purpose = f"to paint {size[0]}x{size[1]} pixels (height x width)"
        try:
            check_memory(needed - self._allowed, purpose, remedy)
        except OnestrokeError as error:
            raise PictureError(str(error)) from error
        self._allowed = needed

    def _fitting_side(self, size: tuple[int, int], available: float) -> int | None:
        """Returns a long side of the same shape for which the memory suffices."""
        side = max(size)
        while side >= MINIMUM_SIDE and self._estimate(size_of_long_side(size, side)) > available:
            side = math.floor(0.9 * side)
        return side if side >= MINIMUM_SIDE else None
