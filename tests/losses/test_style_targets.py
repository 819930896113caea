"""Measures of paintings are cached."""

import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.style_targets import measure_styles
from onestroke.models.vgg19_weights import load_vgg19_weights

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


def test_measures_of_paintings_are_cached(tmp_path, monkeypatch):
    style = Style([np.random.default_rng(5).integers(0, 256, (48, 40, 3), dtype=np.uint8)])
    measured = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    [file] = tmp_path.iterdir()
    monkeypatch.setattr(
        "onestroke.losses.style_targets._PaintingMeasure.measure", lambda *_: pytest.fail("again")
    )
    again = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    for name in LOSS.style:
        np.testing.assert_array_equal(again.grams[name], measured.grams[name])
    assert again.variation == measured.variation
    monkeypatch.undo()
    file.write_bytes(b"PK cut off")
    repaired = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    np.testing.assert_array_equal(repaired.grams["relu1_1"], measured.grams["relu1_1"])
    other = Style([255 - style.pictures[0]])
    measure_styles(LOSS, load_vgg19_weights(), [other], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
