"""Pictures of any size in a file of one size: where the windows lie, how their paint is joined."""

import logging

import numpy as np
import pytest

from onestroke.pictures import PictureError, resize
from onestroke.stylize.fixed_size import FixedSizeCanvas, covering_size, window_starts


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("size", "window", "covering"),
    [
        ((100, 200), (50, 50), (50, 100)),
        ((200, 100), (50, 50), (100, 50)),
        ((20, 30), (40, 40), (40, 60)),  # a small picture is enlarged
        ((48, 32), (32, 48), (72, 48)),
        ((33, 49), (32, 48), (32, 48)),
    ],
)
def test_covering_size(size, window, covering):
    assert covering_size(size, window) == covering


def test_windows_overlap_by_two_fifths_and_reach_the_ends():
    assert window_starts(50, 50) == [0]
    assert window_starts(51, 50) == [0, 1]
    assert window_starts(80, 50) == [0, 30]
    assert window_starts(100, 50) == [0, 25, 50]


def test_picture_of_the_file_size_is_painted_as_it_is(caplog):
    picture = noise(32, 48)
    painted = FixedSizeCanvas("wave.tflite", (32, 48)).paint(picture, np.float32)
    assert np.array_equal(painted, picture)
    assert caplog.messages == []


def test_windows_of_a_picture_join_without_a_trace():
    picture = noise(32, 100)
    seen = []

    def paint(window: np.ndarray) -> np.ndarray:
        seen.append(window.shape)
        return window.astype(np.float32)

    painted = FixedSizeCanvas("wave.tflite", (32, 48)).paint(picture, paint)
    assert seen == [(32, 48, 3)] * 3
    assert np.abs(painted - picture).max() <= 0.5
    assert painted.dtype == np.float32


def test_two_windows_of_different_tone_meet_in_a_gradient():
    picture = np.zeros((10, 16, 3), np.uint8)
    tones = iter((100.0, 200.0))
    painted = FixedSizeCanvas("wave.tflite", (10, 10)).paint(
        picture, lambda window: np.full(window.shape, next(tones), np.float32)
    )
    # Four columns overlap: the second window has 1/8, 3/8, 5/8 and 7/8 of the weight there.
    assert painted[0, :, 0].tolist() == [100] * 6 + [112, 138, 162, 188] + [200] * 6


def test_result_has_the_size_of_the_picture():
    picture = noise(40, 90)
    painted = FixedSizeCanvas("wave.tflite", (32, 32)).paint(picture, np.float32)
    assert painted.shape == picture.shape
    expected = resize(resize(picture, (32, 72)), (40, 90))
    assert np.abs(painted - expected).max() <= 1


def test_first_picture_of_another_size_is_announced(caplog):
    canvas = FixedSizeCanvas("wave.tflite", (32, 48))
    with caplog.at_level(logging.WARNING):
        canvas.paint(noise(64, 200), np.float32)
        canvas.paint(noise(64, 100), np.float32)
    assert caplog.messages == [
        "wave.tflite accepts 32x48 pixels (height x width): a picture of 64x200 is scaled to "
        "32x100 and painted in 3 overlapping parts, whose tones may differ"
    ]


def test_strip_of_hundreds_of_windows_is_refused():
    with pytest.raises(PictureError, match=r"of 16x9000 .* needs 937 windows of 32x32, the size"):
        FixedSizeCanvas("wave.tflite", (32, 32)).paint(noise(16, 9000), np.float32)
