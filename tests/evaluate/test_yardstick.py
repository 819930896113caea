"""The yardstick: values by hand, and agreement with independent formulas."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from onestroke.evaluate import yardstick
from onestroke.evaluate.yardstick import Yardstick, structural_distance, structural_similarity
from onestroke.models.vgg19_weights import load_vgg19_weights


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A photograph, the painting itself, and another picture."""
    path = tmp_path_factory.mktemp("paintings") / "painting.png"
    Image.fromarray(picture(1)).save(path)
    stick = Yardstick()
    painting = stick.measure_painting({str(path): 1.0})
    pictures = {"photograph": picture(0), "painting": picture(1), "other": picture(2)}
    return painting, stick.measure(picture(0), pictures, painting)


def test_the_photograph_keeps_its_content(measured):
    _, figures = measured
    photograph = figures["photograph"]
    assert photograph["content"] == 0
    assert photograph["ssim"] == pytest.approx(1, abs=1e-5)
    assert photograph["cfsd"] == pytest.approx(0, abs=1e-3)
    assert figures["other"]["cfsd"] > 0
    assert figures["other"]["ssim"] < 0.5


def test_the_painting_has_its_own_style(measured):
    painting, figures = measured
    own = figures["painting"]
    assert own["style"] == pytest.approx(0, abs=1e-6 * figures["other"]["style"])
    assert own["palette"] < 1 < figures["other"]["palette"]  # other pixels of it are compared
    assert own["gram_relu3_1"] == pytest.approx(0, abs=1e-6)
    assert figures["other"]["gram_relu3_1"] > 0.01
    assert painting.figures["mesh"] == own["mesh"]
    assert painting.figures["blown"] == pytest.approx(own["blown"], abs=0.05)


def features_of(image: np.ndarray) -> dict[str, np.ndarray]:
    """VGG19 of the paper, written down again with TensorFlow's own operations."""
    weights = load_vgg19_weights()
    x = tf.constant(image[None].astype(np.float32) - np.array(weights.mean, np.float32))
    found = {}
    for block, depth in enumerate((2, 2, 4, 4, 1), 1):
        if block > 1:
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        for layer in range(1, depth + 1):
            kernel, bias = weights.layer(block, layer)
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
            found[f"relu{block}_{layer}"] = x.numpy()[0]
    return found


def lengstrom_gram(feature: np.ndarray) -> np.ndarray:
    flat = feature.reshape(-1, feature.shape[-1])
    return flat.T @ flat / flat.size


def test_content_and_style_are_the_terms_of_fast_style_transfer(measured):
    _, figures = measured
    photograph, painting, other = (features_of(picture(seed)) for seed in range(3))
    content = np.mean((other["relu4_2"] - photograph["relu4_2"]) ** 2)
    style = sum(
        np.mean((lengstrom_gram(other[layer]) - lengstrom_gram(painting[layer])) ** 2)
        for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    )
    assert figures["other"]["content"] == pytest.approx(content, rel=1e-3)
    assert figures["other"]["style"] == pytest.approx(style, rel=1e-3)


def test_a_blend_is_measured_by_its_weights(tmp_path):
    for seed in (1, 2):
        Image.fromarray(picture(seed)).save(tmp_path / f"{seed}.png")
    stick = Yardstick()
    one, other, both = (
        stick.measure_painting({str(tmp_path / f"{n}.png"): w for n, w in blend.items()})
        for blend in ({1: 1.0}, {2: 1.0}, {1: 3.0, 2: 1.0})
    )
    gram = 0.75 * one.grams["relu1_1"] + 0.25 * other.grams["relu1_1"]
    np.testing.assert_allclose(both.grams["relu1_1"], gram, rtol=1e-4)
    assert both.figures["mesh"] == pytest.approx(
        0.75 * one.figures["mesh"] + 0.25 * other.figures["mesh"]
    )


def test_structural_distance_by_hand(monkeypatch):
    """Two positions with one channel: distributions (e, 1) / (e + 1) and (1/2, 1/2)."""
    monkeypatch.setattr(yardstick, "PIXEL_DEVIATION", 1.0)
    monkeypatch.setattr(yardstick, "REFERENCE_POSITIONS", 1)
    wanted = np.array([1.0, 0.0], np.float32).reshape(1, 1, 2, 1)
    actual = np.zeros((1, 1, 2, 1), np.float32)
    p = np.e / (np.e + 1)
    first = p * np.log(p / 0.5) + (1 - p) * np.log((1 - p) / 0.5)
    # The second position is zero in both, so its distributions are equal.
    assert structural_distance(actual, wanted) == pytest.approx(first / 2, rel=1e-5)
    assert structural_distance(wanted, wanted) == pytest.approx(0, abs=1e-6)


def test_structural_distance_of_some_positions_is_about_that_of_all(monkeypatch):
    actual, wanted = np.random.default_rng(0).normal(0, 400, (2, 1, 16, 16, 8)).astype(np.float32)
    whole = structural_distance(actual, wanted)
    monkeypatch.setattr(yardstick, "POSITIONS", 100)
    monkeypatch.setattr(yardstick, "ROWS", 30)
    assert structural_distance(actual, wanted) == pytest.approx(whole, rel=0.3)


def test_structural_similarity_is_that_of_tensorflow():
    one, other = picture(0), picture(1)
    luma = [
        tf.constant((p @ np.array([0.299, 0.587, 0.114]))[None, ..., None], tf.float32)
        for p in (one, other)
    ]
    expected = float(tf.image.ssim(*luma, 255.0)[0])
    assert structural_similarity(one, other) == pytest.approx(expected, abs=1e-4)
    assert structural_similarity(one, one) == pytest.approx(1, abs=1e-5)
