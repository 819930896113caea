"""The palette term: 0 for the colours of the painting wherever they are, 1 for a photograph."""

import numpy as np
import pytest
from keras import ops

from onestroke.data.paintings import Style
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.objective import build_objective
from onestroke.losses.palette_term import measure_palettes, palette_loss
from onestroke.losses.style_targets import typical_photographs
from onestroke.models.vgg19_weights import load_vgg19_weights


def random_painting(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    mean, shares = random.uniform(60, 190, 3), random.normal(0, 15, (3, 3))
    return np.clip(random.normal(size=(40, 56, 3)) @ shares + mean, 0, 255).astype(np.uint8)


def test_it_is_0_for_the_colours_of_the_painting_in_any_order() -> None:
    painting = random_painting()
    targets = measure_palettes([Style([painting])])
    mixed = np.random.default_rng(1).permutation(painting.reshape(-1, 3)).reshape(painting.shape)
    pictures = np.stack([painting, mixed]).astype(np.float32)
    np.testing.assert_allclose(palette_loss(pictures, targets), [0, 0], atol=1e-3)


def test_typical_photographs_have_a_median_of_1() -> None:
    targets = measure_palettes([Style([random_painting()])])
    losses = [
        float(palette_loss(photograph[None].astype(np.float32), targets)[0])
        for photograph in typical_photographs()
    ]
    assert np.median(losses) == pytest.approx(1, rel=0.02)


def test_lighter_colours_are_further_away_than_colours_moved_elsewhere() -> None:
    painting = random_painting()
    targets = measure_palettes([Style([painting])])
    picture = np.float32(painting)[None]
    near, far = (float(palette_loss(picture + shades, targets)[0]) for shades in (10, 20))
    assert far == pytest.approx(4 * near, rel=0.03)  # a squared distance
    assert near > 10 * float(palette_loss(picture[:, ::-1], targets)[0])


def test_each_picture_is_compared_with_its_own_painting() -> None:
    paintings = [random_painting(seed) for seed in (0, 1)]
    targets = measure_palettes([Style([painting]) for painting in paintings], identity=True)
    style = np.float32([[0, 1, 0], [1, 0, 0]])
    own = palette_loss(np.float32(paintings[::-1]), targets.of(style))
    other = palette_loss(np.float32(paintings), targets.of(style))
    assert ops.max(own) < ops.min(other) / 100


def test_a_blend_of_paintings_lies_between_them() -> None:
    dark, light = (np.full((8, 8, 3), shade, np.uint8) for shade in (40, 200))
    targets = measure_palettes([Style([dark, light], [3, 1])])
    between = np.full((1, 8, 8, 3), 80, np.float32)
    assert float(palette_loss(between, targets)[0]) == pytest.approx(0, abs=1e-4)


def test_the_weight_adds_the_term_to_the_loss_of_paintings_alone() -> None:
    layers = {"content": {"relu2_1": 1}, "style": {"relu1_1": 1}}
    vgg19, paintings = load_vgg19_weights(), [Style([random_painting()])]
    style = np.float32([[1, 0], [0, 1]])
    batch = np.random.default_rng(2).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    found = []
    for weight in (0, 3):
        settings = LossSettings(**layers, palette_weight=weight)
        objective = build_objective(settings, vgg19, paintings, identity=True)
        found.append(objective.terms(objective.content_network(batch), batch, style, batch))
    assert "palette" not in found[0]
    added = np.asarray(found[1]["loss"]) - np.asarray(found[0]["loss"])
    np.testing.assert_allclose(added, [3 * float(found[1]["palette"][0]), 0], rtol=1e-4, atol=1e-4)


def test_gradients_bring_the_colours_nearer() -> None:
    random = np.random.default_rng(3)
    targets = measure_palettes([Style([random_painting()])])
    tf = pytest.importorskip("tensorflow")
    pixels = tf.Variable(random.uniform(0, 255, (1, 24, 24, 3)).astype(np.float32))
    before = float(palette_loss(pixels, targets)[0])
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = ops.sum(palette_loss(pixels, targets))
        slope = tape.gradient(loss, pixels)
        pixels.assign_sub(slope * (0.5 * loss / tf.reduce_sum(slope * slope)))
    assert float(palette_loss(pixels, targets)[0]) < before / 4
