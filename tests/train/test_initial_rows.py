"""Initial rows of new styles: the nearest blend of known styles."""

import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.objective import build_objective
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.initial_rows import (
    find_initial_blends,
    measure_known_styles,
    trial_photographs,
)

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


def two_styles():
    random = np.random.default_rng(0)
    network = TransformNetwork("mobile", 2)
    for variable in network.variables:
        if variable.name in ("scale", "shift"):
            variable.assign(random.normal(1, 0.3, variable.shape))
    return network


def nearest_of(style):
    """Paints the photographs in a blend of two styles; returns the blend that is found for them."""
    network, vgg19 = two_styles(), load_vgg19_weights()
    photographs = trial_photographs()
    inputs = {"image": photographs, "style": np.float32([style] * len(photographs))}
    painting = np.concatenate(np.asarray(network(inputs)))
    objective = build_objective(LOSS, vgg19, [Style([painting])])
    known = measure_known_styles(network, vgg19, LOSS.pooling, sorted(LOSS.style))
    return find_initial_blends(network, objective, known)


def test_the_style_that_painted_the_painting_is_the_nearest():
    np.testing.assert_allclose(nearest_of([0, 1]), [[0, 1]], atol=0.01)


def test_a_blend_can_be_nearer_than_any_style():
    [blend] = nearest_of([0.5, 0.5])
    assert blend.min() > 0.1
    assert blend.sum() == pytest.approx(1)
