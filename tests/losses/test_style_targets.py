"""Measures of paintings are cached."""

import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.style_targets import (
    measure_bundled_photographs,
    measure_grams,
    measure_styles,
)
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import load_vgg19_weights

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


def test_a_large_painting_is_measured_in_halves_as_a_whole_one():
    random = np.random.default_rng(6)
    picture = np.repeat(random.integers(0, 256, (79, 6, 3), dtype=np.uint8), 4, axis=0)
    picture = np.repeat(picture, 6, axis=1)[:314]  # 36 columns; the last rows are no multiple of 16
    picture = np.concatenate([picture, random.integers(0, 256, (37, 36, 3), dtype=np.uint8)])
    layers = dict.fromkeys(("relu1_1", "relu2_2", "relu3_1", "relu4_1", "relu5_4"), 1)
    settings = LossSettings(content={"relu2_1": 1}, style=layers)
    weights = load_vgg19_weights()
    expected = measure_grams(loss_network(layers, weights), picture[None].astype("f"))
    measured = measure_styles(settings, weights, [Style([picture])])
    for name in layers:
        largest = np.abs(expected[name]).max()
        np.testing.assert_allclose(measured.grams[name][0], expected[name], atol=1e-5 * largest)


def test_photographs_in_pairs_are_measured_as_single_ones(monkeypatch):
    random = np.random.default_rng(7)
    sizes = ((32, 48), (48, 32), (32, 48), (32, 48))
    photographs = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    monkeypatch.setattr("onestroke.losses.style_targets.typical_photographs", lambda: photographs)
    layers = ("relu1_1", "relu2_1")
    network = loss_network(layers, load_vgg19_weights())
    batches = []

    def measure(pictures):
        batches.append(len(pictures))
        return network(pictures)

    measured = measure_bundled_photographs(measure)
    assert sorted(batches) == [1, 1, 2]
    for photograph, grams in zip(photographs, measured, strict=True):
        expected = measure_grams(network, photograph[None].astype("f"))
        for name in layers:
            largest = np.abs(expected[name]).max()
            np.testing.assert_allclose(grams[name], expected[name], atol=1e-5 * largest)


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
