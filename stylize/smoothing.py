"""Less flicker in painted videos: each frame is blended with the one before, moved along.

A network paints what it sees, so noise that nobody notices in a clip moves strokes from frame to
frame. The painted frame before, warped by the optical flow of the clip, shows where the strokes
should be. docs/video.md lists the measures that were tried and not kept.
"""

from collections.abc import Callable, Mapping

import numpy as np

from onestroke.stylize.optical_flow import (
    average_nearby,
    blur,
    estimate_flow,
    largest_difference,
    measure_disagreement,
    points_inside,
    range_nearby,
    sum_squares,
    warp,
)

# Share of the frame before, where its pixels are surely the same. With less, more strokes that
# differ from frame to frame are averaged: the style loss was 0.20 at 0.9, and 0.14 here.
BLEND = 0.97
# Difference of the warped clip, in shades, up to which its pixels are surely the same, and from
# which they are surely others. Averaged over squares, so that noise counts less than motion.
SAME_UP_TO, OTHER_FROM, SQUARE = 8.0, 24.0, 5
# Share of the pixels that are found again. Across the cuts between three clips it was 0.00, and
# 0.15 between dark, flat scenes; from one frame to the next 0.82 or more, to the fourth 0.36.
CUT_BELOW = 0.25
# Difference in shades, averaged over squares, and motion in pixels up to which a pixel is surely
# still, and from which it surely is not. The flow of still regions is noise, up to half a pixel.
STILL_UP_TO, CHANGED_FROM, STILL_SQUARE = 2.0, 5.0, 9
RESTS_UP_TO, MOVES_FROM = 0.3, 0.7
# Blending and warping blur strokes. Their detail gets back the strength that it has frame by
# frame; from one frame to the next, the factor is near 1. One factor for the frame: where each
# square has its own, its detail gathers in one bright point after 80 frames.
DETAIL_SIGMA, LARGEST_GAIN = 1.0, 1.6
# The blend stays near the colours that the painted frame has around each pixel (neighbourhood
# clamping, Karis 2014, "High-Quality Temporal Supersampling"), so detail cannot grow, and nothing
# that the flow misses stays for long.
COLOUR_SQUARE, COLOUR_MARGIN = 5, 10.0


class Smoother:
    """Paints the frames of a video, one after the other.

    Args:
        paint: paints one frame, (height, width, 3) uint8 RGB in [0, 255].
        state: from ``state`` of another smoother, to continue its video.
    """

    def __init__(
        self,
        paint: Callable[[np.ndarray], np.ndarray],
        state: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._paint = paint
        self._frame = state["frame"] if state else None
        self._painted = state["painted"] if state else None

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The last frame and its painting; empty before the first one."""
        if self._frame is None or self._painted is None:
            return {}
        return {"frame": self._frame, "painted": self._painted}

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Paints the next frame; the size of the frames does not change."""
        painted = blended = self._paint(frame).astype(np.float32)
        if self._frame is not None and self._painted is not None:
            blended = blend_previous(self._frame, frame, self._painted, painted)
        # Not rounded: a tenth of a small change would be lost in every frame.
        self._frame, self._painted = frame, blended
        return np.rint(blended).astype(np.uint8)


def blend_previous(
    previous: np.ndarray, frame: np.ndarray, painted_previous: np.ndarray, painted: np.ndarray
) -> np.ndarray:
    """Blends a painted frame with the one before, except after a cut and where pixels are new.

    Args:
        previous, frame: two frames of a clip, (height, width, 3) uint8 RGB in [0, 255].
        painted_previous, painted: their paintings, of the same shape.

    Returns:
        (height, width, 3) float32 RGB in [0, 255].
    """
    flow = estimate_flow(frame, previous)
    same = find_same(previous, frame, flow)
    if same.mean() < CUT_BELOW:
        return painted
    still = find_still(previous, frame, flow)
    flow = flow * (1 - still[..., None])
    share = BLEND * np.maximum(same, still)[..., None]
    blended = painted + share * (warp(painted_previous, flow) - painted)
    smallest, largest = range_nearby(painted, COLOUR_SQUARE)
    restored = restore_detail(blended, painted)
    return restored.clip(smallest - COLOUR_MARGIN, largest + COLOUR_MARGIN).clip(0, 255)


def restore_detail(blended: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Gives the detail of a blended frame the strength that the painted one has.

    Args:
        blended, painted: (height, width, 3) RGB in [0, 255].

    Returns:
        (height, width, 3) float32 RGB.
    """
    coarse = blur(blended, DETAIL_SIGMA)
    detail = blended - coarse
    wanted = float(np.std(painted - blur(painted, DETAIL_SIGMA)))
    gain = wanted / max(float(np.std(detail)), 1e-3)
    return coarse + np.clip(gain, 1 / LARGEST_GAIN, LARGEST_GAIN) * detail


def find_still(previous: np.ndarray, frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns how surely nothing happens at each pixel, (height, width) float32 in [0, 1].

    Args:
        previous, frame: (height, width, 3) uint8 RGB in [0, 255].
        flow: (height, width, 2) float32, from ``frame`` to ``previous``.
    """
    change = average_nearby(largest_difference(previous, frame), STILL_SQUARE)
    motion = np.sqrt(sum_squares(flow))
    unchanged = ((CHANGED_FROM - change) / (CHANGED_FROM - STILL_UP_TO)).clip(0, 1)
    return unchanged * ((MOVES_FROM - motion) / (MOVES_FROM - RESTS_UP_TO)).clip(0, 1)


def find_same(previous: np.ndarray, frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns how surely each pixel shows the same point as the one in the frame before.

    Args:
        previous, frame: (height, width, 3) uint8 RGB in [0, 255].
        flow: (height, width, 2) float32, from ``frame`` to ``previous``.

    Returns:
        (height, width) float32 in [0, 1].
    """
    disagreement = measure_disagreement(flow, estimate_flow(previous, frame))
    difference = average_nearby(largest_difference(warp(previous, flow), frame), SQUARE)
    alike = ((OTHER_FROM - difference) / (OTHER_FROM - SAME_UP_TO)).clip(0, 1)
    return points_inside(flow) * (1 - disagreement).clip(0, 1) * alike
