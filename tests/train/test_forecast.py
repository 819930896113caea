"""The forecast of a training's rest."""

import pytest

from onestroke.train.crop_stages import Stage
from onestroke.train.forecast import Forecast


def test_larger_crops_take_longer():
    forecast = Forecast([Stage(100, 0, 10), Stage(200, 10, 15)])
    assert forecast.seconds_left(0) is None
    forecast.record(1, 30.0)  # traces the graph
    assert forecast.seconds_left(1) is None
    for step in (2, 3, 4):
        forecast.record(step, 2.0)
    assert forecast.seconds_left(4) == pytest.approx(6 * 2.0 + 5 * 8.0)
    forecast.record(11, 30.0)
    assert forecast.seconds_left(11) == pytest.approx(4 * 8.0)
    assert forecast.seconds_left(15) == 0


def test_the_latest_steps_count():
    forecast = Forecast([Stage(100, 0, 100)])
    for step in range(2, 40):
        forecast.record(step, 1.0 if step < 20 else 3.0)
    assert forecast.seconds_left(90) == pytest.approx(30.0)
