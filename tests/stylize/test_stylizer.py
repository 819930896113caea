"""The stylizer: what it promises of size, strength, colour and styles, and its errors."""

import unicodedata

import numpy as np
import pytest

import onestroke
from onestroke.data.photograph_sources import open_source
from onestroke.errors import SettingsError
from onestroke.models.card import untrained_card
from onestroke.models.style_file import load_network
from onestroke.models.style_rows import copy_network
from onestroke.models.transform_network import TransformNetwork
from onestroke.pictures import BT601_LUMA, PictureError, resize, shrink
from onestroke.stylize.keras_painter import KerasPainter
from onestroke.stylize.stylizer import Stylizer, weigh_styles


@pytest.fixture(scope="module")
def stylizer(style_file) -> Stylizer:
    return onestroke.load(style_file)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)


def test_paints_as_the_network_does(stylizer, photograph):
    inputs = {"image": photograph[None].astype(np.float32), "style": np.float32([[1, 0]])}
    expected = np.rint(stylizer.painter.network(inputs).numpy()[0])
    painted = stylizer(photograph)
    assert painted.dtype == np.uint8
    assert painted.shape == photograph.shape
    assert np.abs(painted - expected).max() <= 1


def test_one_style(photograph):
    network = TransformNetwork("mobile")
    stylizer = Stylizer(KerasPainter(network))
    assert stylizer.style_names == ("style1",)
    expected = np.rint(network(photograph[None].astype(np.float32)).numpy()[0])
    assert np.abs(stylizer(photograph, style={"style1": 2}) - expected).max() <= 1


def test_strength_fades_from_the_photograph(stylizer, photograph):
    nothing, half, full = (stylizer(photograph, strength=s) for s in (0, 0.5, 1))
    assert (nothing == photograph).all()
    assert nothing is not photograph
    middle = (photograph.astype(float) + full) / 2
    assert np.abs(half - middle).max() <= 1


def test_strength_is_a_way_between_styles_where_one_gives_photographs_back(style_file, photograph):
    network = TransformNetwork(
        "mobile", 2, identity=1, card=untrained_card("mobile", ["wave", "photograph"])
    )
    copy_network(load_network(style_file), network, np.eye(2))
    stylizer = Stylizer(KerasPainter(network))
    for strength, style in (
        (0.5, {"wave": 1, "photograph": 1}),
        (1, {"wave": 1}),
    ):
        faded = stylizer(photograph, strength=strength)
        np.testing.assert_array_equal(faded, stylizer(photograph, style=style))
    np.testing.assert_array_equal(stylizer(photograph, strength=0), photograph)
    # Towards 0 the picture comes to the photograph itself, without a jump.
    network_alone = stylizer(photograph, style={"wave": 1, "photograph": 9}).astype(float)
    mixed = 0.8 * photograph + 0.2 * network_alone
    assert np.abs(stylizer(photograph, strength=0.1) - mixed).max() <= 1
    assert np.abs(stylizer(photograph, strength=0.001).astype(int) - photograph).max() <= 2


@pytest.mark.parametrize("style", ["great_wave", "the_kiss"])
def test_low_strengths_of_bundled_networks_keep_the_colours(style):
    """A weight of 0.2 of a style alone would change the mean colour nearly as the style itself."""
    picture = shrink(open_source(["bundled"], split="validation").read(1), 192)
    stylizer = onestroke.load("base_mobile")

    def changes(strength):
        painted = stylizer(picture, style=style, strength=strength).astype(float)
        differences = painted - picture
        return np.abs(differences).mean(), np.abs(differences.mean((0, 1))).mean()

    pixels, colour = zip(*map(changes, (0, 0.05, 0.1, 0.2, 0.4, 1)), strict=True)
    assert pixels[0] == 0
    assert list(pixels) == sorted(pixels)
    assert colour[2] < 0.2 * colour[-1]
    assert colour[3] < 0.4 * colour[-1]


def test_the_paint_is_enlarged_and_the_photograph_stays_sharp(stylizer, photograph):
    large = np.kron(photograph, np.ones((4, 4, 1), np.uint8))[: 4 * 20, : 4 * 25]
    painted = stylizer(large, paint_size=25)
    assert painted.shape == large.shape
    np.testing.assert_array_equal(
        painted, resize(stylizer(resize(large, (20, 25))), large.shape[:2])
    )
    half = stylizer(large, paint_size=25, strength=0.5)
    assert np.abs(half - (large.astype(float) + painted) / 2).max() <= 1
    np.testing.assert_array_equal(stylizer(large, paint_size=500), stylizer(large))


def test_colours_are_kept_and_strokes_stay(stylizer, photograph):
    kept = stylizer(photograph, preserve_color=True)
    painted = stylizer(photograph)
    assert np.abs(kept @ BT601_LUMA - painted @ BT601_LUMA).max() <= 1.5
    gray = np.full((20, 20, 3), 90, np.uint8)
    assert (np.ptp(stylizer(gray, preserve_color=True), axis=-1) == 0).all()


def test_large_pictures_fade_and_keep_colours_too(stylizer):
    gray = np.tile(np.arange(90, dtype=np.uint8)[:, None, None], (1, 80, 3))
    tiled = Stylizer(KerasPainter(stylizer.painter.network, whole_pixels=900, tile_side=36))
    assert (np.ptp(tiled(gray, preserve_color=True), axis=-1) == 0).all()
    assert np.abs(tiled(gray, strength=0.01).astype(int) - gray).max() <= 3


def test_styles_are_chosen_by_name_and_blended(stylizer, photograph):
    assert stylizer.style_names == ("wave", "scream")
    wave, scream = (stylizer(photograph, style={name: 1}) for name in ("wave", "scream"))
    assert (wave == stylizer(photograph)).all()
    assert (wave != scream).any()
    assert (scream == stylizer(photograph, style="scream")).all()
    np.testing.assert_allclose(
        weigh_styles({"scream": 3, "wave": 1}, stylizer.style_names), np.float32([0.25, 0.75])
    )
    huge = weigh_styles({"scream": 1e308, "wave": 1e308}, stylizer.style_names)
    np.testing.assert_array_equal(huge, np.float32([0.5, 0.5]))


def test_the_nearest_name_is_offered(stylizer, photograph):
    with pytest.raises(SettingsError, match="unknown style 'screem'; did you mean scream\\?"):
        stylizer(photograph, style={"screem": 1})


@pytest.mark.parametrize(
    ("asked", "offered"),
    [("wave", "great_wave"), ("The Great Wave", "great_wave"), ("Nigth", "starry_night")],
)
def test_a_word_of_a_name_is_enough_to_offer_it(asked, offered):
    with pytest.raises(SettingsError, match=f"unknown style '{asked}'; did you mean {offered}\\?"):
        weigh_styles(asked, ["the_kiss", "great_wave", "starry_night"])


@pytest.mark.parametrize("asked", ["mine", "guernica", "forest", "that", "sea"])
def test_nothing_is_offered_for_a_name_that_is_like_none(asked):
    with pytest.raises(SettingsError, match=f"unknown style '{asked}'; the model has"):
        weigh_styles(asked, onestroke.load("base").style_names)


@pytest.mark.parametrize("asked", ["wave:0,6", "wave:60%", "wave:", "wave:nan", "wave:0.6"])
def test_a_weight_that_is_no_number(asked):
    with pytest.raises(SettingsError) as caught:
        weigh_styles(asked, ["wave"])
    assert str(caught.value) == (
        f"the weight in {asked!r} is not a number; write --style wave:0.6, in Python "
        "{'wave': 0.6}"
    )


def test_unknown_style(stylizer, photograph):
    with pytest.raises(SettingsError) as caught:
        stylizer(photograph, style={"starry": 1})
    assert str(caught.value) == "unknown style 'starry'; the model has wave, scream"
    with pytest.raises(SettingsError, match="unknown style '3'; the model has"):
        stylizer(photograph, style={3: 1})


def test_accents_are_known_however_they_are_written():
    names = [unicodedata.normalize(form, "\u00d6l") for form in ("NFC", "NFD")]
    assert names[0] != names[1]
    for name, asked in (names, names[::-1]):
        np.testing.assert_array_equal(weigh_styles(asked, ["wave", name]), np.float32([0, 1]))


def test_neither_a_name_nor_weights_by_name(stylizer, photograph):
    with pytest.raises(SettingsError) as caught:
        stylizer(photograph, style=["wave", "scream"])
    assert str(caught.value) == (
        "expected the name of a style, or weights by name as {'wave': 0.6, 'scream': 0.4}; "
        "received ['wave', 'scream']"
    )


@pytest.mark.parametrize(
    ("style", "received"),
    [
        ({"wave": 0}, "wave:0"),
        ({"wave": 2, "scream": -1}, "wave:2, scream:-1"),
        ({"wave": float("nan")}, "wave:nan"),
        ({"wave": "2"}, "wave:'2'"),
        ({"wave": None}, "wave:None"),
        ({}, "none"),
    ],
)
def test_weights_that_are_no_proportions(stylizer, photograph, style, received):
    with pytest.raises(SettingsError) as caught:
        stylizer(photograph, style=style)
    assert str(caught.value) == (
        f"style weights must be finite numbers from 0 on, and one of them above 0; "
        f"received {received}"
    )


def test_strength_out_of_range(stylizer, photograph):
    with pytest.raises(SettingsError, match="expected a strength from 0"):
        stylizer(photograph, strength=1.5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (15, "a paint size of 16 pixels or more; received 15"),
        (-1, "a paint size of 16 pixels or more; received -1"),
        ("64", "a paint size as an int; received the str '64'"),
        (64.0, "a paint size as an int; received the float 64.0"),
    ],
)
def test_a_paint_size_must_be_an_integer_of_16_or_more(stylizer, photograph, size, expected):
    with pytest.raises(SettingsError) as caught:
        stylizer(photograph, paint_size=size)
    assert str(caught.value) == f"expected {expected}"


def test_a_paint_size_that_leaves_too_little(stylizer):
    with pytest.raises(PictureError) as caught:
        stylizer(np.zeros((40, 80, 3), np.uint8), paint_size=24)
    assert str(caught.value) == (
        "the picture would be painted at 12x24 (height x width); both sides need 16 pixels; "
        "choose a larger paint size"
    )


@pytest.mark.parametrize(
    ("picture", "received"),
    [
        (np.zeros((20, 20, 3), np.float32), "(20, 20, 3) float32"),
        (np.zeros((20, 20), np.uint8), "(20, 20) uint8"),
        (np.zeros((20, 20, 4), np.uint8), "(20, 20, 4) uint8"),
        (np.zeros((1, 20, 20, 3), np.uint8), "(1, 20, 20, 3) uint8"),
        ([[0, 0, 0]], "a list"),
    ],
)
def test_arrays_that_are_no_pictures(stylizer, picture, received):
    with pytest.raises(PictureError) as caught:
        stylizer(picture)
    assert str(caught.value) == (
        f"expected a picture of (height, width, 3) uint8 RGB in [0, 255]; received {received}"
    )


def test_pictures_that_are_too_small(stylizer):
    with pytest.raises(PictureError) as caught:
        stylizer(np.zeros((15, 40, 3), np.uint8))
    assert str(caught.value) == (
        "expected a picture of at least 16x16 pixels; received 15x40 (height x width); "
        "enlarge it first"
    )
    assert stylizer(np.zeros((16, 16, 3), np.uint8)).shape == (16, 16, 3)


def test_a_painting_is_no_style_of_a_model():
    with pytest.raises(
        SettingsError, match=r"'irises\.jpg' is a picture, not a style of the model"
    ):
        weigh_styles("irises.jpg", ("wave", "scream"))
