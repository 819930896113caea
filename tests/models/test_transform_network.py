"""The transformation network: sizes, parameters, work, styles, saving."""

import keras
import numpy as np
import pytest

from onestroke.errors import ModelError
from onestroke.models.card import untrained_card
from onestroke.models.presets import PRESETS
from onestroke.models.transform_network import TransformNetwork


@pytest.fixture(scope="module")
def mobile() -> TransformNetwork:
    return TransformNetwork("mobile")


def picture(height: int, width: int, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (batch, height, width, 3)).astype(np.float32)


def multiply_adds(network: TransformNetwork, side: int = 256) -> int:
    """Counts the convolutions' multiply-adds for one square picture."""
    sizes = [layer for layer in network.layers if hasattr(layer, "kernel")]
    probe = keras.Model(network.input, [layer.output for layer in sizes])
    total = 0
    for layer, output in zip(sizes, probe(picture(side, side)), strict=True):
        filters = layer.kernel.shape[-1]
        applied = int(np.prod(output.shape)) // filters  # a sub-pixel one makes four pixels at once
        total += applied * int(np.prod(layer.kernel.shape))
    return total


def test_parameters_of_the_presets(mobile):
    assert TransformNetwork("johnson").count_params() == 1_677_638
    assert TransformNetwork("half").count_params() == 424_102
    assert mobile.count_params() <= 200_000


def test_mobile_needs_a_tenth_of_the_multiplications(mobile):
    johnson = multiply_adds(TransformNetwork("johnson"))
    assert johnson / 256**2 == pytest.approx(153_800, rel=0.01)  # as published for this network
    assert multiply_adds(mobile) <= johnson / 10


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("size", [(16, 16), (16, 33), (17, 18), (35, 31), (61, 64)])
def test_output_has_the_size_of_the_input(preset, size):
    network = TransformNetwork(preset)
    result = np.asarray(network(picture(*size)))
    assert result.shape == (1, *size, 3)
    assert result.min() >= 0
    assert result.max() <= 255


def test_every_size_from_16_pixels_is_kept(mobile):
    for height in range(16, 36):
        assert mobile(picture(height, 51 - height)).shape == (1, height, 51 - height, 3)


def test_pictures_of_a_batch_are_independent(mobile):
    pictures = picture(20, 24, batch=2)
    together = np.asarray(mobile(pictures))
    np.testing.assert_allclose(together[1:], mobile(pictures[1:]), atol=1e-2)


def test_untrained_output_is_not_saturated():
    """A sigmoid far from zero passes no gradient."""
    result = np.asarray(TransformNetwork("johnson")(picture(48, 48)))
    assert np.mean((result > 5) & (result < 250)) > 0.95


def test_styles_select_and_blend():
    network = TransformNetwork("mobile", styles=2)
    network.colour.shift.assign([[0, 0, 0], [9, 9, 9]])
    photograph = picture(16, 16)

    def paint(*weights: float) -> np.ndarray:
        style = np.array([weights], np.float32)
        return np.asarray(network({"image": photograph, "style": style}))

    first, second = paint(1, 0), paint(0, 1)
    assert second.mean() > first.mean() + 50
    assert first.mean() < paint(0.5, 0.5).mean() < second.mean()


def test_only_the_identity_depends_on_brightness(tmp_path):
    """Normalised, a picture of half the contrast is the same picture."""
    keras.utils.set_random_seed(4)  # the epsilon of a variance shows more with some weights
    network = TransformNetwork("mobile", styles=2, identity=1)
    photograph = np.kron(picture(4, 4), np.ones((1, 8, 8, 1), np.float32))

    def paint(image: np.ndarray, *weights: float) -> np.ndarray:
        return np.asarray(network({"image": image, "style": np.array([weights], np.float32)}))

    darker = photograph / 2
    assert np.abs(paint(darker, 1, 0) - paint(photograph, 1, 0)).mean() < 1
    assert np.abs(paint(darker, 0, 1) - paint(photograph, 0, 1)).mean() > 5
    before = paint(photograph, 0.5, 0.5)
    network.save(tmp_path / "style.keras")
    network = keras.saving.load_model(tmp_path / "style.keras")
    assert network.identity == 1
    np.testing.assert_array_equal(paint(photograph, 0.5, 0.5), before)


def test_one_style_equals_several_with_one_row(mobile):
    """Fewer parameters by nothing but the rows, and the same code path."""
    rows = sum(v.shape[-1] for v in mobile.trainable_variables if v.name in ("scale", "shift"))
    assert TransformNetwork("mobile", styles=3).count_params() == mobile.count_params() + 2 * rows
    assert [tensor.name for tensor in mobile.inputs] == ["image"]


def test_saved_network_paints_the_same(mobile, tmp_path):
    network = TransformNetwork("mobile", card=untrained_card("mobile", ["waves"]))
    network.save(tmp_path / "style.keras")
    loaded = keras.saving.load_model(tmp_path / "style.keras")
    assert loaded.card == network.card
    np.testing.assert_array_equal(network(picture(21, 30)), loaded(picture(21, 30)))


def test_unknown_preset_is_named():
    with pytest.raises(ModelError, match="unknown preset 'tiny'; choose one of johnson, half"):
        TransformNetwork("tiny")
