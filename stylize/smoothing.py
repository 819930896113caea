"""Less flicker in painted videos: each frame is blended with those before, moved along.

A network paints what it sees, so noise that nobody notices in a clip moves strokes from frame to
frame. An earlier painted frame, warped by the optical flow of the clip, shows where the strokes
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
    warp_smooth,
)

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
# Averages of strokes that differ have neither's style, so a pixel comes from one of them: from the
# frame before where it is the same at least this surely. The edges between both are softened.
SAME_FROM, EDGE_SIGMA = 0.5, 1.0
# Frames for which a painting is kept, and moved once along the whole way. If it is moved again in
# every frame, it loses its style: the style loss after 18 frames was 0.115, and 0.107 with 8 here.
KEY_FRAMES = 12
# Moving blurs strokes. Their detail gets back the strength that it has frame by frame, between each
# two of these blurs. One factor for the frame: where each square has its own, detail gathers.
DETAIL_SIGMAS, LARGEST_GAIN = (0.5, 1.0, 2.0, 4.0), 2.0
# Mean colours of squares of this side are those of the painted frame, so fades are followed.
TONE_SQUARE = 49
# The blend stays near the colours that the painted frame has around each pixel (neighbourhood
# clamping, Karis 2014, "High-Quality Temporal Supersampling"), so nothing that the flow misses
# stays for long. With a margin of 25 shades, blotches of other colours stayed on flat walls.
COLOUR_SQUARE, COLOUR_MARGIN = 5, 10.0

Arrays = dict[str, np.ndarray]


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
        self._state = dict(state or {})

    @property
    def state(self) -> Arrays:
        """What the next frame needs, from ``blend_frame``; empty before the first one."""
        return self._state

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Paints the next frame; the size of the frames does not change."""
        painted = self._paint(frame).astype(np.float32)
        self._state = blend_frame(self._state, frame, painted)
        # Not part of the state: detail that is restored again in every frame would grow.
        return np.rint(restore_detail(self._state["blend"], painted).clip(0, 255)).astype(np.uint8)


def blend_frame(state: Mapping[str, np.ndarray], frame: np.ndarray, painted: np.ndarray) -> Arrays:
    """Blends a painted frame with those before, except after a cut and where pixels are new.

    Args:
        state: what this function returned for the frame before; empty for the first frame.
        frame: (height, width, 3) uint8 RGB in [0, 255].
        painted: its painting, (height, width, 3) float32 RGB in [0, 255].

    Returns:
        ``frame`` and its ``blend``; ``key``, the blend of an earlier frame; ``path``, the flow from
        this frame to that one; ``traced``, the product of the shares along
        the path, (height, width) float32 in [0, 1]; ``age``, the frames since the key, shape (1,).
    """
    if not state:
        return _begin(frame, painted)
    flow = estimate_flow(frame, state["frame"])
    same = find_same(state["frame"], frame, flow)
    if same.mean() < CUT_BELOW:
        return _begin(frame, painted)
    still = find_still(state["frame"], frame, flow)
    flow = flow * (1 - still[..., None])
    share = blur(np.maximum(same, still) >= SAME_FROM, EDGE_SIGMA)
    path = flow + warp_smooth(state["path"], flow)
    traced = share * warp_smooth(state["traced"], flow)
    before = warp(state["blend"], flow)
    before += traced[..., None] * (warp(state["key"], path) - before)
    smallest, largest = range_nearby(painted, COLOUR_SQUARE)
    blend = painted + share[..., None] * (before - painted)
    blend += average_nearby(painted - blend, TONE_SQUARE)
    blend = blend.clip(smallest - COLOUR_MARGIN, largest + COLOUR_MARGIN).clip(0, 255)
    age = state["age"] + 1
    if age[0] >= KEY_FRAMES:
        return _begin(frame, blend)
    found = {"frame": frame, "blend": blend, "path": path, "traced": traced, "age": age}
    return {**state, **found}


def _begin(frame: np.ndarray, blend: np.ndarray) -> Arrays:
    size = frame.shape[:2]
    return {
        "frame": frame,
        "blend": blend,
        "key": blend,
        "path": np.zeros((*size, 2), np.float32),
        "traced": np.ones(size, np.float32),
        "age": np.zeros(1, np.int64),
    }


def restore_detail(blended: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Gives the detail of a blended frame the strength that the painted one has.

    Args:
        blended, painted: (height, width, 3) RGB in [0, 255].

    Returns:
        (height, width, 3) float32 RGB.
    """
    restored, rest, wanted = np.zeros(blended.shape, np.float32), blended, painted
    for sigma in DETAIL_SIGMAS:
        coarse, coarse_wanted = blur(rest, sigma), blur(wanted, sigma)
        detail = rest - coarse
        gain = float(np.std(wanted - coarse_wanted)) / max(float(np.std(detail)), 1e-3)
        restored += np.clip(gain, 1 / LARGEST_GAIN, LARGEST_GAIN) * detail
        rest, wanted = coarse, coarse_wanted
    return restored + rest


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
