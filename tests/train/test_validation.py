"""The validation photographs: painted in batches, their features computed once."""

import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train import validation as validation_module
from onestroke.train.training import build_trainer
from onestroke.train.validation import Validation

SIZES = ((32, 48), (48, 32), (32, 48), (32, 48))


@pytest.fixture
def trainer(settings):
    painting = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    return build_trainer(settings, load_vgg19_weights(), [Style([painting])])


@pytest.fixture
def photographs():
    random = np.random.default_rng(1)
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def test_batches_measure_what_single_photographs_measure(trainer, photographs):
    validation = Validation(photographs, ["style"])
    assert validation.batches == [(0, 2), (3,), (1,)]
    losses, sheet = validation.measure(trainer)
    alone = [Validation([each], ["style"]).measure(trainer) for each in photographs]
    for name, value in losses.items():
        expected = np.mean([measured[name] for measured, _ in alone])
        assert value == pytest.approx(expected, rel=1e-3, abs=2e-5), name
    first = np.asarray(alone[1][1], np.int16)  # the second photograph above its picture
    assert np.abs(np.asarray(sheet, np.int16)[:48, 48:80] - first[:48]).max() <= 1


@pytest.mark.parametrize("room", [1e9, 0])
def test_features_of_photographs_are_computed_once_if_there_is_room(
    trainer, photographs, monkeypatch, room
):
    monkeypatch.setattr(validation_module, "KEPT_BYTES", room)
    validation = Validation(photographs, ["style"])
    own = validation.measure_photographs(trainer)
    assert own["content"] == 0
    assert own["style"] > 0
    first = validation.measure(trainer)[0]
    calls = []
    compute = trainer.objective.content_network
    monkeypatch.setattr(
        trainer.objective,
        "content_network",
        lambda picture: calls.append(picture.shape) or compute(picture),
    )
    assert validation.measure(trainer)[0] == first
    assert len(calls) == (0 if room else 3)
