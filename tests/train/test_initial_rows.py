"""Initial rows of new styles: the nearest blend of known styles."""

import keras
import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.objective import build_objective
from onestroke.models.card import PaintingReference
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.initial_rows import (
    find_initial_blends,
    measure_known_styles,
    trial_photographs,
)

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


def random_styles(count=2, **options):
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(0)
    network = TransformNetwork("mobile", count, **options)
    for variable in network.variables:
        if variable.name in ("scale", "shift"):
            variable.assign(random.normal(1, 0.3, variable.shape))
    return network


def nearest_of(style, network, sha256=()):
    """Paints the photographs in a blend of styles; returns the blend that is found for them."""
    vgg19, photographs = load_vgg19_weights(), trial_photographs()
    styles = np.float32([style] * len(photographs))
    painting = np.concatenate(np.asarray(network(network.as_input(photographs, styles))))
    paintings = [Style([painting], sha256=sha256)]
    objective = build_objective(LOSS, vgg19, paintings)
    known = measure_known_styles(network, vgg19, LOSS.pooling, sorted(LOSS.style))
    [blend] = find_initial_blends(network, objective, known, paintings)
    return blend


def test_a_known_style_starts_as_it_is():
    np.testing.assert_array_equal(nearest_of([0, 1], random_styles()), [0, 1])


def test_a_painting_that_was_learned_starts_from_its_style():
    network = random_styles()
    other = network.card.styles[0]
    learned = PaintingReference(name="wave.jpg", sha256="1a2b")
    mine = network.card.styles[1].model_copy(update={"paintings": (learned,)})
    network.card = network.card.model_copy(update={"styles": (other, mine)})
    np.testing.assert_array_equal(nearest_of([0.5, 0.5], network, ["1a2b"]), [0, 1])


@pytest.mark.parametrize("style", [[0.5, 0.5], [1.4, -0.4]])
def test_a_blend_can_be_nearer_than_any_style(style):
    blend = nearest_of(style, random_styles())
    assert blend.sum() == pytest.approx(1)
    np.testing.assert_allclose(blend, style, atol=0.2)


def test_the_identity_is_no_part_of_a_blend():
    blend = nearest_of([0.5, 0, 0.5], random_styles(3, identity=1))
    assert blend[1] == 0
    assert blend.sum() == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 3])
def test_equal_styles_give_rows_of_the_usual_size(count):
    network = random_styles(count)
    for variable in network.variables:
        if variable.name in ("scale", "shift"):
            variable.assign(np.repeat(np.asarray(variable)[:1], count, axis=0))
    painted = nearest_of(np.eye(count)[0], network)
    assert painted.sum() == pytest.approx(1)
    assert np.abs(painted).max() <= 1
