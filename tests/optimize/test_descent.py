"""Gradient descent on pixels: the gradient, both methods, their bounds."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from onestroke.data.paintings import Style
from onestroke.errors import OnestrokeError
from onestroke.losses.loss_settings import TERMS, LossSettings
from onestroke.losses.objective import build_objective
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.optimize.descent import Descent, PictureLoss, descend_by_adam, descend_by_lbfgs

SIDE = 24


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def loss() -> PictureLoss:
    settings = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})
    return PictureLoss(build_objective(settings, load_vgg19_weights(), [Style([noise(0)])]))


@pytest.fixture(scope="module")
def wanted(loss):
    return loss.content_of(noise(1))


def collect(into: list, until: int = 10**6):
    def after(terms, picture):
        into.append((terms, picture.copy()))
        return len(into) < until

    return after


def test_the_terms_are_those_of_the_objective_and_of_each_layer(loss, wanted):
    terms, gradient = loss(noise(2), wanted)
    assert set(terms) == {*TERMS, "style_relu1_1", "style_relu2_1"}
    style = (terms["style_relu1_1"] + terms["style_relu2_1"]) / 2
    assert terms["style"] == pytest.approx(style, 1e-5)
    expected = terms["content"] + 6 * terms["style"] + 0.2 * terms["variation"]
    assert terms["loss"] == pytest.approx(expected, 1e-5)
    assert gradient.shape == (SIDE, SIDE, 3)


def test_the_gradient_equals_a_finite_difference(loss, wanted):
    picture = noise(2)
    _, gradient = loss(picture, wanted)
    step = 0.2 * gradient / np.abs(gradient).max()
    slope = loss(picture + step, wanted)[0]["loss"] - loss(picture - step, wanted)[0]["loss"]
    assert slope == pytest.approx(2 * np.sum(gradient * step), rel=0.02)


def test_a_loss_that_is_not_finite_is_an_error(loss, wanted):
    picture = noise(2)
    picture[0, 0, 0] = np.nan
    with pytest.raises(OnestrokeError, match="the loss is nan; lower the"):
        loss(picture, wanted)


def test_out_of_memory_is_one_line(loss, wanted, monkeypatch):
    def fails(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(loss, "_compiled", fails)
    with pytest.raises(OnestrokeError, match="not enough memory to optimise 24 x 24 pixels; "):
        loss(noise(2), wanted)


def test_lbfgs_reduces_the_loss_and_reports_the_terms_of_each_picture(loss, wanted):
    seen: list = []
    descent = Descent(noise(2))
    descend_by_lbfgs(loss, wanted, descent=descent, iterations=8, after=collect(seen))
    losses = [terms["loss"] for terms, _ in seen]
    assert len(seen) == 8
    assert all(later <= earlier for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < 0.7 * loss(noise(2), wanted)[0]["loss"]
    for terms, picture in seen:
        assert terms["loss"] == pytest.approx(loss(picture, wanted)[0]["loss"], 1e-5)
        assert picture.min() >= 0
        assert picture.max() <= 255
    np.testing.assert_array_equal(descent.picture, seen[-1][1])


def test_lbfgs_continues_after_small_steps(loss, wanted):
    """A loss scaled as a mean over pixels once ended here: rounding hid its first step."""
    descent = Descent(noise(2))
    for _ in range(3):
        seen: list = []
        descend_by_lbfgs(loss, wanted, descent=descent, iterations=5, after=collect(seen))
        assert len(seen) == 5


@pytest.mark.parametrize("method", [descend_by_lbfgs, descend_by_adam])
def test_both_methods_stop_on_request(loss, wanted, method):
    seen: list = []
    options = {"learning_rate": 5.0} if method is descend_by_adam else {}
    method(
        loss,
        wanted,
        descent=Descent(noise(2)),
        iterations=9,
        after=collect(seen, until=3),
        **options,
    )
    assert len(seen) == 3


def test_adam_reduces_the_loss_within_the_bounds(loss, wanted):
    seen: list = []
    descend_by_adam(
        loss,
        wanted,
        descent=Descent(noise(2)),
        iterations=12,
        after=collect(seen),
        learning_rate=8.0,
    )
    losses = [terms["loss"] for terms, _ in seen]
    assert losses[0] == pytest.approx(loss(noise(2), wanted)[0]["loss"], 1e-5)
    assert losses[-1] < 0.8 * losses[0]
    pictures = np.array([picture for _, picture in seen])
    assert pictures.min() >= 0
    assert pictures.max() <= 255


def test_adam_is_resumed_from_its_memory(loss, wanted):
    whole, parts = Descent(noise(2)), Descent(noise(2))
    descend_by_adam(loss, wanted, descent=whole, iterations=6, after=collect([]), learning_rate=5.0)
    for _ in range(2):
        descend_by_adam(
            loss, wanted, descent=parts, iterations=3, after=collect([]), learning_rate=5.0
        )
    np.testing.assert_array_equal(whole.picture, parts.picture)
