"""Smoothing follows motion, stops at cuts, and reveals new pixels as they are painted."""

import numpy as np
import pytest

from onestroke.pictures import resize
from onestroke.stylize import optical_flow
from onestroke.stylize.optical_flow import blur, estimate_flow, measure_disagreement, warp
from onestroke.stylize.smoothing import Smoother, blend_frame, find_still, restore_detail


def texture(seed: int, size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """Smooth blobs, (height, width, 3) uint8."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    return resize(coarse, size)


def flickering(seed: int = 0):
    """A paint that adds other noise to each frame."""
    random = np.random.default_rng(seed)

    def paint(frame: np.ndarray) -> np.ndarray:
        noise = random.normal(0, 20, frame.shape)
        return np.rint(frame + noise).clip(0, 255).astype(np.uint8)

    return paint


def differ(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_flow_finds_a_shift() -> None:
    wide = texture(0, (96, 160))
    flow = estimate_flow(wide[:, :128], wide[:, 5:133])
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), [-5, 0], atol=0.1)


def test_flow_of_large_frames_is_in_their_pixels(monkeypatch) -> None:
    monkeypatch.setattr(optical_flow, "FLOW_SIDE", 160)
    wide = texture(0, (240, 360))
    flow = estimate_flow(wide[:, :320], wide[:, 8:328])
    assert flow.shape == (240, 320, 2)
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), [-8, 0], atol=0.3)


def test_warping_by_whole_pixels_moves_them() -> None:
    frame = texture(1)
    flow = np.zeros((*frame.shape[:2], 2), np.float32)
    flow[..., 0], flow[..., 1] = 3, -2
    moved = warp(frame, flow)
    np.testing.assert_allclose(moved[2:, :-3], frame[:-2, 3:], atol=1e-3)


def test_flows_that_lead_back_agree() -> None:
    flow = np.full((20, 20, 2), 2, np.float32)
    assert measure_disagreement(flow, -flow).max() < 1e-6
    assert measure_disagreement(flow, flow).min() > 1


def test_flicker_of_a_still_clip_shrinks() -> None:
    frame = texture(2)
    plain, smooth = flickering(), Smoother(flickering())
    each = [plain(frame) for _ in range(8)]
    together = [smooth(frame) for _ in range(8)]
    before, after = differ(each[-1], each[-2]), differ(together[-1], together[-2])
    assert after < before / 2


def test_flicker_of_a_moving_clip_shrinks() -> None:
    wide = texture(3, (96, 192))
    frames = [wide[:, 3 * index : 3 * index + 128] for index in range(8)]
    plain, smooth = flickering(), Smoother(flickering())
    each, together = [plain(f) for f in frames], [smooth(f) for f in frames]

    def error(painted: list[np.ndarray]) -> float:
        return differ(painted[-1][:, :-3], painted[-2][:, 3:])

    assert error(together) < error(each) / 2
    # What entered at the border was painted from its own frame.
    assert differ(together[-1][:, -3:], frames[-1][:, -3:]) < 25


def test_detail_gets_its_strength_back() -> None:
    painted = np.full((64, 64, 3), 100, np.float32)
    painted[::2] += 40
    weaker = np.full((64, 64, 3), 106, np.float32)
    weaker[::2] += 28
    restored = restore_detail(weaker, painted)
    np.testing.assert_allclose(restored[10:-10], painted[10:-10], atol=1)


def test_strokes_of_a_long_still_clip_stay_sharp_and_spread() -> None:
    frame = texture(2)
    plain, smooth = flickering(), Smoother(flickering())
    each, together = plain(frame), [smooth(frame) for _ in range(80)][-1]
    detail = [painted - blur(painted, 1.0) for painted in (each, together)]
    assert np.std(detail[0]) * 0.85 < np.std(detail[1]) < np.std(detail[0]) * 1.25
    # The largest values of normally distributed noise; a few bright points would be far above.
    assert np.abs(detail[1]).max() < 6 * np.std(detail[1])


def test_strokes_that_are_carried_along_are_moved_once() -> None:
    wide = resize(texture(3, (48, 256)), (96, 512))
    strokes = 3 * blur(np.random.default_rng(1).normal(0, 12, (48, 256, 3)), 1.0)
    frames = [wide[::2, step : step + 256 : 2] for step in range(0, 88, 11)]
    paintings = [
        (frame + strokes[:, 16 * index : 16 * index + 128]).astype(np.float32)
        for index, frame in enumerate(frames)
    ]
    state: dict[str, np.ndarray] = {}
    for frame, painted in zip(frames, paintings, strict=True):
        state = blend_frame(state, frame, painted)
    moved = warp(paintings[0], np.full((48, 128, 2), [38.5, 0], np.float32))
    known = (slice(8, -8), slice(8, 80))
    other = np.std(paintings[-1][known] - moved[known])
    assert np.std(state["blend"][known] - moved[known]) < 0.24 * other  # 0.28 if moved each time


def test_a_slow_change_of_colour_is_followed() -> None:
    frame, smooth = texture(12) // 3 + 20, Smoother(lambda frame: frame)
    for step in range(60):
        painted = smooth(frame + np.uint8(2 * step))
    assert differ(painted, frame + np.uint8(118)) < 6


def test_where_nothing_happens_strokes_do_not_drift() -> None:
    frame = texture(11)
    flow = np.full((*frame.shape[:2], 2), 0.1, np.float32)
    assert find_still(frame, frame, flow).min() == 1
    assert find_still(frame, frame + np.uint8(9), flow).max() == 0
    assert find_still(frame, frame, flow + 1).max() == 0


def test_a_cut_never_smears() -> None:
    for first, second in ((texture(4), texture(5)), (texture(6), 255 - texture(6))):
        smooth = Smoother(lambda frame: frame)
        smooth(first)
        np.testing.assert_array_equal(smooth(second), second)


def test_a_cut_between_alike_scenes_does_not_smear() -> None:
    dark, other = texture(7) // 8 + 20, texture(8) // 8 + 20
    smooth = Smoother(lambda frame: frame)
    smooth(dark)
    np.testing.assert_array_equal(smooth(other), other)


def test_a_moving_object_leaves_no_trail() -> None:
    background, ball = texture(9), np.uint8([250, 240, 30])
    smooth = Smoother(lambda frame: frame)
    for index in range(6):
        frame = background.copy()
        frame[40:60, 10 + 18 * index : 28 + 18 * index] = ball
        painted = smooth(frame)
    uncovered = (slice(40, 60), slice(82, 100))  # where the object was a frame ago
    assert differ(painted[uncovered], background[uncovered]) < 12


def test_a_state_continues_the_video() -> None:
    frames = [np.roll(texture(10), index, axis=1) for index in range(4)]
    whole = Smoother(lambda frame: frame)
    expected = [whole(frame) for frame in frames]
    first = Smoother(lambda frame: frame)
    assert first.state == {}
    for frame in frames[:2]:
        first(frame)
    second = Smoother(lambda frame: frame, first.state)
    np.testing.assert_array_equal([second(frame) for frame in frames[2:]], expected[2:])


def test_grey_of_one_tone_stays_as_it_is() -> None:
    frame = np.full((64, 64, 3), 128, np.uint8)
    smooth = Smoother(lambda frame: frame)
    smooth(frame)
    np.testing.assert_array_equal(smooth(frame), frame)


@pytest.mark.parametrize("size", [(17, 16), (16, 121)])
def test_small_frames_are_smoothed(size: tuple[int, int]) -> None:
    smooth = Smoother(lambda frame: frame)
    for seed in range(2):
        assert smooth(np.full((*size, 3), seed, np.uint8)).shape == (*size, 3)
