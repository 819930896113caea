"""Painting pictures of any size with a file that was exported for one size.

An app scales and crops the picture to the size of its file. Here the whole picture is wanted: it
is scaled until it covers the file's size, painted in overlapping windows, and scaled back.
"""

import logging
import math
from collections.abc import Callable
from itertools import product

import numpy as np

from onestroke.pictures import PictureError, format_size, resize

logger = logging.getLogger("onestroke.stylize")

# Of a window, at least. Each window is normalised by its own mean and variance, so neighbours
# differ in tone; a wide overlap turns the difference into a gradient.
OVERLAP = 0.4
MAX_WINDOWS = 64  # a longer strip needs minutes and is hardly a photograph

PaintWindow = Callable[[np.ndarray], np.ndarray]


class FixedSizeCanvas:
    """Covers pictures with windows of the one size that a file accepts.

    Args:
        name: of the file, for messages.
        size: (height, width) of the file's input.
    """

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._name = name
        self.size = size
        self._announced = False

    def paint(self, picture: np.ndarray, paint: PaintWindow) -> np.ndarray:
        """Paints a picture; the first one of another size is announced in the log.

        Args:
            picture: (height, width, 3) uint8 RGB.
            paint: maps a picture of the file's size to its paint, float32 of the same shape.

        Returns:
            (height, width, 3) float32 RGB in [0, 255], of the picture's size.

        Raises:
            PictureError: the picture is too long and narrow for the file.
        """
        size = picture.shape[:2]
        if size == self.size:
            return paint(picture)
        covering = covering_size(size, self.size)
        rows, columns = (
            window_starts(length, window)
            for length, window in zip(covering, self.size, strict=True)
        )
        count = len(rows) * len(columns)
        if count > MAX_WINDOWS:
            raise PictureError(
                f"a picture of {format_size(size)} (height x width) needs {count} windows of "
                f"{format_size(self.size)}, the size that {self._name} was exported for, and "
                f"{MAX_WINDOWS} are allowed; crop the picture, or export the file without --size"
            )
        if not self._announced:
            self._announced = True
            parts = "in one part"
            if count > 1:
                parts = f"in {count} overlapping parts, whose tones may differ"
            logger.warning(
                "%s accepts %s pixels (height x width): a picture of %s is scaled to %s and "
                "painted %s",
                self._name,
                format_size(self.size),
                format_size(size),
                format_size(covering),
                parts,
            )
        scaled = resize(picture, covering)
        painted = np.zeros(scaled.shape, np.float32)
        weights = np.zeros((*covering, 1), np.float32)
        for top, left in product(rows, columns):
            window = slice(top, top + self.size[0]), slice(left, left + self.size[1])
            weight = _ramp(top, rows, self.size[0])[:, None] * _ramp(left, columns, self.size[1])
            painted[window] += paint(scaled[window]) * weight[..., None]
            weights[window] += weight[..., None]
        painted /= weights
        pixels = np.clip(np.rint(painted), 0, 255).astype(np.uint8)
        return resize(pixels, size).astype(np.float32)


def covering_size(size: tuple[int, int], window: tuple[int, int]) -> tuple[int, int]:
    """Returns the smallest size of a picture's shape that a window fits into.

    Args:
        size: (height, width) of the picture.
        window: (height, width) of the window.
    """
    factor = max(window[0] / size[0], window[1] / size[1])
    return max(window[0], round(size[0] * factor)), max(window[1], round(size[1] * factor))


def window_starts(length: int, window: int) -> list[int]:
    """Returns where windows begin that cover a length evenly and overlap.

    Args:
        length: pixels along the axis, at least ``window``.
        window: pixels of a window.
    """
    count = 1 + math.ceil((length - window) / (window * (1 - OVERLAP)))
    return [round(start) for start in np.linspace(0, length - window, count)]


def _ramp(start: int, starts: list[int], window: int) -> np.ndarray:
    """Returns the weight of a window's pixels along one axis, (window,) float32, above 0.

    It rises over the overlap with the window before and falls over that with the one after.
    """
    index = starts.index(start)
    position = np.arange(window, dtype=np.float32) + 0.5
    weight = np.ones(window, np.float32)
    if index > 0:
        weight = np.minimum(weight, position / (starts[index - 1] + window - start))
    if index + 1 < len(starts):
        weight = np.minimum(weight, position[::-1] / (start + window - starts[index + 1]))
    return weight
