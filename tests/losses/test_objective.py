"""The loss of the identity, and the unit of the style loss."""

import numpy as np
import pytest

from onestroke.data.paintings import Style
from onestroke.data.photograph_sources import open_source
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.objective import build_objective
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.pictures import resize, size_of_long_side

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


def test_the_identity_is_measured_by_the_photograph():
    random = np.random.default_rng(3)
    photographs = random.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    pictures = photographs + random.normal(0, 9, photographs.shape).astype(np.float32)
    objective = build_objective(
        LOSS, load_vgg19_weights(), [Style([photographs[0]])], identity=True
    )
    wanted = objective.content_network(photographs)
    terms = objective.terms(wanted, pictures, np.float32([[0, 1], [1, 0]]), photographs)
    expected = 81 / photographs[0].var(axis=(0, 1)).mean()
    assert float(terms["style"][0]) == pytest.approx(expected, rel=0.1)
    content = LOSS.content_weight * float(terms["content"][0])
    assert float(terms["loss"][0]) == pytest.approx(content + float(terms["style"][0]), rel=1e-4)
    assert float(terms["variation"][0]) == 0
    assert float(terms["variation"][1]) > 0
    mean_of_layers = (terms["style_relu1_1"][1] + terms["style_relu2_1"][1]) / 2
    assert float(terms["style"][1]) == pytest.approx(float(mean_of_layers), rel=1e-5)


def test_a_factor_weights_the_style_term_of_one_style_alone():
    strokes = np.random.default_rng(6).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    styles = [Style([strokes]), Style([strokes])]
    objective = build_objective(LOSS, load_vgg19_weights(), styles, factors=[1, 3], identity=True)
    batch = np.random.default_rng(7).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    wanted = objective.content_network(batch)
    terms = objective.terms(wanted, batch, np.eye(3, dtype=np.float32), batch)
    loss, style = np.asarray(terms["loss"]), np.asarray(terms["style"])
    plain = build_objective(LOSS, load_vgg19_weights(), styles, identity=True)
    unweighted = np.asarray(plain.terms(wanted, batch, np.eye(3, dtype=np.float32), batch)["loss"])
    added = LOSS.style_weight * 2 * style[1]
    np.testing.assert_allclose(loss - unweighted, [0, added, 0], rtol=1e-5, atol=1e-5)


def test_a_photograph_has_a_style_loss_of_1_whatever_the_painting():
    """Style losses are divided by the median of the bundled photographs."""
    source = open_source(["bundled"], split="train")
    photographs = [source.read(i, 256) for i in range(len(source))]
    photographs = [resize(p, size_of_long_side(p.shape[:2], 256)) for p in photographs]
    strokes = np.random.default_rng(6).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    pale = (200 + strokes // 16).astype(np.uint8)
    objective = build_objective(LOSS, load_vgg19_weights(), [Style([strokes]), Style([pale])])
    for i in range(2):
        style = np.eye(2, dtype=np.float32)[[i]]
        losses = []
        for photograph in photographs:
            batch = photograph[None].astype(np.float32)
            terms = objective.terms(objective.content_network(batch), batch, style)
            losses.append(float(terms["style"][0]))
        assert np.median(losses) == pytest.approx(1, rel=1e-3)
