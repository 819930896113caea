"""Warping error and flicker, with values worked out by hand."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import OnestrokeError, SettingsError
from onestroke.evaluate.frame_losses import open_frame_loss
from onestroke.evaluate.video_stability import (
    CLIP,
    PLAIN,
    SMOOTH,
    FramePair,
    VideoEvaluationOptions,
    compare_frames,
    evaluate_videos,
    measure_clip,
    read_flow,
    read_flow_pairs,
    still_flicker,
    warping_error,
)
from onestroke.pictures import resize
from onestroke.stylize.ffmpeg import find_ffmpeg
from onestroke.stylize.stylizer import StyleChoice

SIZE = (64, 80)


def texture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 200, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    return resize(coarse, size)


def write_flow(path: Path, flow: np.ndarray) -> None:
    height, width = flow.shape[:2]
    head = np.float32(202021.25).tobytes() + np.int32([width, height]).tobytes()
    path.write_bytes(head + flow.astype("<f4").tobytes())


def constant_flow(right: float, down: float) -> np.ndarray:
    return np.broadcast_to(np.float32([right, down]), (*SIZE, 2)).copy()


def test_a_moved_frame_has_no_warping_error() -> None:
    wide = texture(0, (64, 88))
    before, after = wide[:, :80], wide[:, 8:]  # the pixels of `after` were 8 further right
    same = np.zeros(SIZE, bool)
    same[:, :72] = True
    assert warping_error(before, after, constant_flow(8, 0), same) < 1e-6
    assert warping_error(before, after, constant_flow(0, 0), same) > 0.02


def test_a_change_of_brightness_is_the_warping_error() -> None:
    before, after = np.full((*SIZE, 3), 100, np.uint8), np.full((*SIZE, 3), 151, np.uint8)
    everywhere = np.ones(SIZE, bool)
    error = warping_error(before, after, constant_flow(2, 1), everywhere)
    assert error == pytest.approx(51 / 255)
    assert warping_error(before, after, constant_flow(0, 0), ~everywhere) == 0


def test_flicker_is_measured_where_nothing_moves() -> None:
    before = np.full((*SIZE, 3), 100, np.uint8)
    after, still = before.copy(), np.zeros(SIZE, bool)
    after[:, 40:] += 90  # what moves
    after[:, :40] += 51
    still[:, :40] = True
    assert still_flicker(before, after, still) == pytest.approx(51 / 255)
    assert still_flicker(before, after, np.zeros(SIZE, bool)) is None


def test_regions_of_a_clip_are_still_or_move() -> None:
    """The left half rests, the right half moves by 3 pixels."""
    rest, moving = texture(1), texture(2, (64, 88))
    previous, frame = rest.copy(), rest.copy()
    previous[:, 40:], frame[:, 40:] = moving[:, 3:43], moving[:, :40]
    pair = compare_frames(previous, frame)
    assert pair.still[8:-8, 4:30].mean() > 0.95
    assert pair.still[8:-8, 50:].mean() < 0.3
    assert pair.same[8:-8, 50:70].mean() > 0.8


def test_new_pixels_are_not_the_same() -> None:
    previous = texture(3)
    frame = previous.copy()
    frame[20:44, 30:54] = (250, 20, 30)
    assert compare_frames(previous, frame).same[24:40, 34:50].mean() < 0.05


def test_a_clip_is_measured_three_ways() -> None:
    frame = texture(4)
    random = np.random.default_rng(0)

    def paint(frame: np.ndarray) -> np.ndarray:
        return (frame + random.integers(0, 40, frame.shape)).clip(0, 255).astype(np.uint8)

    pairs = [compare_frames(frame, frame) for _ in range(6)]
    clip, plain, smooth = measure_clip("still", pairs, {"noise": paint})
    assert [one.way for one in (clip, plain, smooth)] == [CLIP, PLAIN, SMOOTH]
    assert clip.warping_error == 0
    assert clip.flicker == 0
    # The difference of two independent uniform variables over 40 shades.
    assert plain.warping_error == pytest.approx(np.sqrt(2 * (40**2 - 1) / 12) / 255, rel=0.05)
    assert smooth.warping_error < plain.warping_error / 2
    assert smooth.flicker < plain.flicker / 2


def test_pairs_are_painted_without_those_before() -> None:
    painted = []

    def paint(frame: np.ndarray) -> np.ndarray:
        painted.append(int(frame[0, 0, 0]))
        return frame

    def pair(first: int, second: int) -> FramePair:
        frames = [np.full((*SIZE, 3), value, np.uint8) for value in (first, second)]
        mask = np.ones(SIZE, bool)
        return FramePair(*frames, constant_flow(0, 0), mask, mask, begins=True)

    measure_clip("pairs", [pair(1, 2), pair(3, 4)], {"copy": paint})
    assert painted == [1, 2, 3, 4]


def test_flow_files_are_read(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(size=(*SIZE, 2)).astype(np.float32)
    write_flow(tmp_path / "0flow.flo", flow)
    np.testing.assert_array_equal(read_flow(tmp_path / "0flow.flo"), flow)


@pytest.mark.parametrize("cut", [0, 8, 500])
def test_broken_flow_files_are_refused(cut: int, tmp_path: Path) -> None:
    write_flow(tmp_path / "0flow.flo", constant_flow(0, 0))
    data = (tmp_path / "0flow.flo").read_bytes()
    (tmp_path / "0flow.flo").write_bytes(data[:cut])
    with pytest.raises(OnestrokeError, match=r"no \.flo file"):
        read_flow(tmp_path / "0flow.flo")


def test_pairs_of_a_folder_follow_their_flow(tmp_path: Path) -> None:
    wide = texture(5, (64, 88))
    Image.fromarray(wide[:, 8:]).save(tmp_path / "0img0.ppm")
    Image.fromarray(wide[:, :80]).save(tmp_path / "0img1.png")
    write_flow(tmp_path / "0flow.flo", constant_flow(8, 0))
    (pair,) = read_flow_pairs(tmp_path)
    assert warping_error(pair.previous, pair.frame, pair.flow, pair.same) < 1e-6
    assert pair.same[:, :72].all()
    assert not pair.same[:, 72:].any()


def test_missing_pictures_of_a_pair_are_named(tmp_path: Path) -> None:
    with pytest.raises(OnestrokeError, match=r"no files \*flow.flo"):
        read_flow_pairs(tmp_path)
    write_flow(tmp_path / "0flow.flo", constant_flow(0, 0))
    with pytest.raises(OnestrokeError, match="0img0"):
        read_flow_pairs(tmp_path)


def test_a_report_is_written(tmp_path: Path) -> None:
    clip, frames = tmp_path / "clip.mp4", tmp_path / "frames"
    card = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=0.8"]
    subprocess.run([find_ffmpeg(), "-v", "error", *card, str(clip)], check=True)
    frames.mkdir()
    for index in range(3):
        Image.fromarray(texture(6)).save(frames / f"{index}.png")
    report = tmp_path / "report"
    options = VideoEvaluationOptions("great_wave", max_size=64)
    results = evaluate_videos(["base_mobile"], [clip, frames], report, options)
    assert [(one.clip, one.way) for one in results] == [
        (clip, way) for clip in ("clip", "frames") for way in (CLIP, PLAIN, SMOOTH)
    ]
    record = json.loads((report / "stability.json").read_text())
    assert [len(one["warping_errors"]) for one in record["results"]] == [3] * 3 + [2] * 3
    assert record["results"][4]["warping_error"] == pytest.approx(0, abs=1e-6)
    for name in ("stability_clip.png", "stability_frames.png"):
        with Image.open(report / name) as image:
            assert image.width > 500


def test_one_frame_is_too_few(tmp_path: Path) -> None:
    Image.fromarray(texture(7)).save(tmp_path / "0.png")
    with pytest.raises(OnestrokeError, match="fewer than two frames"):
        evaluate_videos(["base_mobile"], [tmp_path], tmp_path, VideoEvaluationOptions())


def test_every_fifth_frame_has_losses() -> None:
    pairs = [compare_frames(texture(8), texture(8))] * 10
    asked = []

    def loss(frame: np.ndarray, painted: np.ndarray) -> tuple[float, float]:
        asked.append(int(painted[0, 0, 0]) - int(frame[0, 0, 0]))
        return 0.25, 0.5

    results = measure_clip(
        "still", pairs, {"lighter": lambda f: f + np.uint8(1)}, {"lighter": loss}
    )
    for one in results[1:]:
        assert (one.style, one.content) == (0.25, 0.5)
        assert one.styles == [None, None, None, None, 0.25] * 2
    assert results[0].style is None
    assert asked == [1] * 4


@pytest.mark.parametrize(
    ("style", "painting", "said"),
    [
        ({"great_wave": 1, "the_kiss": 1}, "great_wave_hokusai_1831.jpg", "are not defined"),
        ("the_kiss", "great_wave_hokusai_1831.jpg", "is not the painting of the_kiss"),
    ],
)
def test_losses_need_the_painting_of_one_style(
    style: StyleChoice, painting: str, said: str, tmp_path: Path
) -> None:
    Image.fromarray(texture(9)).save(tmp_path / painting)
    with pytest.raises(SettingsError, match=said):
        open_frame_loss("base_mobile", style, tmp_path / painting)


def test_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--video or --flow"):
        evaluate_videos(["base_mobile"], [], tmp_path, VideoEvaluationOptions())
