"""A dream: one step by hand, tiles, guides, resume, mistakes."""

import itertools
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError, SettingsError
from onestroke.losses.dream_objective import DreamObjective, nearest_positions
from onestroke.models.dream_network import DreamNetwork
from onestroke.optimize.ascent import normalize
from onestroke.optimize.dream import Dream, open_dream
from onestroke.optimize.dream_inputs import (
    DreamInputs,
    octave_sizes,
    open_network,
    plan_dreams,
    read_guide,
)
from onestroke.optimize.dream_settings import (
    DreamSection,
    DreamSettings,
    choose_network,
    read_dream_settings,
)
from onestroke.optimize.dream_windows import MARGIN, DreamWindows, place_spans
from onestroke.pictures import Picture, PictureError, shrink, write_picture

LAYERS = {"mixed4": 1.0, "mixed5": 1.5}


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture of soft random colours, uint8."""
    small = np.random.default_rng(seed).uniform(0, 255, (5, 6, 3))
    return np.clip(tf.image.resize(small, (height, width), method="bicubic"), 0, 255).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def small_inception(tmp_path_factory) -> Path:
    """A network of random weights with layers of InceptionV3's names, in one file."""
    keras.utils.set_random_seed(0)
    image = x = keras.Input((None, None, 3))
    for name in ("mixed4", "mixed5"):
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name=name)(x)
    path = tmp_path_factory.mktemp("network") / "small.keras"
    keras.Model(image, x).save(path)
    return path


def settings(network: Path, *overrides: str, guide: Path | None = None) -> DreamSettings:
    tiny = ["dream.layers={mixed4: 1, mixed5: 1.5}", "dream.iterations=6", "dream.save_every=2"]
    read = read_dream_settings(
        None,
        overrides=[*tiny, *overrides],
        network=str(network),
        guide=None if guide is None else str(guide),
    )
    return choose_network(read)


def begin(network: Path, photograph: np.ndarray, *overrides: str, state_file=None, guide=None):
    chosen = settings(network, *overrides, guide=guide)
    opened = open_network(chosen.dream)
    inputs = DreamInputs(Picture(photograph), opened, read_guide(chosen.dream, opened))
    return Dream(inputs, chosen, state_file=state_file)


def test_one_step_by_hand():
    """A 1 x 1 convolution without bias: the loss is a mean of squares, the gradient is linear."""
    kernel = np.array([[1.0, -2.0], [0.5, 1.0], [0.0, 3.0]], np.float32)
    layer = keras.layers.Conv2D(2, 1, use_bias=False)
    image = keras.Input((None, None, 3))
    model = keras.Model(image, {"mixed4": layer(keras.layers.Rescaling(1 / 127.5, -1.0)(image))})
    layer.set_weights([kernel[None, None]])
    photograph = noise(9, 11)
    options = DreamSection(network="x", layers={"mixed4": 3.0}, octaves=1, iterations=1, step=2.0)
    dream = Dream(
        DreamInputs(Picture(photograph), DreamNetwork("x", "", model)), DreamSettings(dream=options)
    )
    shown = []
    dream.run(show=lambda progress, picture: shown.append((progress, picture)))

    x = photograph / 127.5 - 1
    inner = x[2:-2, 2:-2] @ kernel
    gradient = np.zeros_like(x)
    gradient[2:-2, 2:-2] = 3 * 2 * inner @ kernel.T / inner.size
    gradient /= np.sqrt((gradient**2).sum())
    expected = np.clip(photograph + 127.5 * 2.0 * gradient, 0, 255)
    ((progress, picture),) = shown
    np.testing.assert_allclose(picture, expected, atol=1e-3)
    assert progress.figures["loss"] == pytest.approx(3 * (inner**2).mean(), 1e-5)
    assert progress.figures["layer_mixed4"] == pytest.approx((inner**2).mean(), 1e-5)


def test_a_gradient_without_features_does_not_divide_by_zero():
    assert np.array_equal(normalize(np.zeros((2, 2, 3), np.float32)), np.zeros((2, 2, 3)))
    np.testing.assert_allclose(normalize(np.full((1, 1, 1), 1e-9, np.float32)), 1e-3, rtol=1e-5)


def test_a_size_ends_at_the_largest_loss(small_inception):
    losses = []
    dream = begin(small_inception, noise(60, 83), "dream.max_loss=1e-9", "dream.octaves=2")
    result = dream.run(show=lambda progress, _: losses.append(progress))
    assert result.finished
    assert [progress.step for progress in losses] == [1, 6, 7, 12]
    unlimited = []
    dream = begin(small_inception, noise(60, 83), "dream.max_loss=null", "dream.octaves=2")
    dream.run(show=lambda progress, _: unlimited.append(progress.step))
    assert unlimited == list(range(1, 13))


@pytest.mark.parametrize("number", range(4))
def test_activations_rise_in_every_iteration(number):
    photograph = shrink(open_source("bundled", split="validation").read(number), 128)
    options = ["dream.octaves=1", "dream.iterations=8", "dream.step=4", "dream.max_loss=null"]
    chosen = choose_network(
        read_dream_settings(None, layers=["relu3_1"], overrides=options, network="vgg19")
    )
    dream = Dream(DreamInputs(Picture(photograph), open_network(chosen.dream)), chosen)
    losses = []
    result = dream.run(show=lambda progress, _: losses.append(progress.figures["loss"]))
    losses.append(result.picture_terms["loss"])
    assert losses[0] == pytest.approx(result.photograph_terms["loss"], 1e-5)
    assert all(later > earlier for earlier, later in itertools.pairwise(losses))
    assert losses[-1] > 1.5 * losses[0]


def test_octaves_are_those_of_the_example():
    sizes = octave_sizes((640, 960), DreamSection())
    assert sizes == [(326, 489), (457, 685), (640, 960)]
    assert octave_sizes((640, 960), DreamSection(size=96, octaves=1)) == [(64, 96)]


def test_tiles_cover_a_length_once_with_a_margin():
    random = np.random.default_rng(0)
    assert [span.kept for span in place_spans(200, 200, random)] == [slice(0, 200)]
    firsts = set()
    for length in (201, 500, 999):
        for _ in range(20):
            spans = place_spans(length, 200, random)
            kept = [i for span in spans for i in range(span.kept.start, span.kept.stop)]
            assert kept == list(range(length))
            firsts.add(spans[0].kept.stop)
            for span in spans:
                assert span.read.stop - span.read.start == 200
                assert span.read.start <= max(0, span.kept.start - MARGIN)
                assert span.read.stop >= min(length, span.kept.stop + MARGIN)
    assert len(firsts) > 20


def test_tiles_give_nearly_the_gradient_of_the_whole(small_inception):
    """The receptive field is smaller than the margin, so only the weights of the layers differ.

    The border that does not count is a larger share of a tile than of the whole.
    """
    opened = open_network(settings(small_inception).dream)
    objective = DreamObjective(opened.features, LAYERS)

    def loss(part):
        x = tf.constant(part[None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            terms = objective.terms({}, x)
        return {k: float(v[0]) for k, v in terms.items()}, tape.gradient(terms["loss"], x)[
            0
        ].numpy()

    picture = noise(200, 300).astype(np.float32)
    whole = normalize(loss(picture)[1])
    # Odd shifts would move the strided convolutions of a tile against those of the whole.
    even = type("Even", (), {"integers": lambda self, low, high: 40})()
    terms, tiled = DreamWindows(loss, 128)(picture, even)
    assert terms["loss"] == pytest.approx(loss(picture)[0]["loss"], rel=0.1)
    inner = (slice(16, -16), slice(16, -16))
    difference = normalize(tiled[inner]) - normalize(whole[inner])
    assert np.linalg.norm(difference) < 0.05


def test_a_large_picture_dreams_in_tiles(small_inception):
    result = begin(
        small_inception, noise(150, 330), "dream.tile=128", "dream.octaves=1", "dream.step=30"
    ).run()
    assert result.picture.shape == (150, 330, 3)
    assert result.picture_terms["loss"] > 1.3 * result.photograph_terms["loss"]


def test_the_nearest_position_of_a_guide():
    feature = np.array([[[[1, 0], [0, 1]], [[1, 1], [-1, 0]]]], np.float32)
    guide = np.array([[2, 0], [0, 3], [-1, -1]], np.float32)
    found = nearest_positions(tf.constant(feature), tf.constant(guide)).numpy()
    np.testing.assert_array_equal(found[0], [[[2, 0], [0, 3]], [[0, 3], [-1, -1]]])


def test_a_guide_changes_the_dream(small_inception, tmp_path):
    photograph = noise(60, 83)
    write_picture(tmp_path / "guide.png", Picture(noise(70, 70, seed=5)))
    free = begin(small_inception, photograph).run()
    guided = begin(small_inception, photograph, guide=tmp_path / "guide.png").run()
    assert np.abs(free.picture.astype(int) - guided.picture).mean() > 3
    assert guided.picture_terms["loss"] > guided.photograph_terms["loss"]


@pytest.mark.parametrize("saves", [1, 4])
def test_a_resumed_dream_equals_an_uninterrupted_one(small_inception, tmp_path, saves):
    photograph, tiles = noise(150, 140), "dream.tile=128"
    whole = begin(small_inception, photograph, tiles).run()

    def kill(progress, picture):
        if progress.step == 2 * saves + 1:
            raise KeyboardInterrupt

    state = tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        begin(small_inception, photograph, tiles, state_file=state).run(show=kill)
    resumed = begin(small_inception, photograph, tiles, state_file=state)
    assert resumed.iteration == 2 * saves
    np.testing.assert_array_equal(resumed.run().picture, whole.picture)


def test_a_stop_saves_the_iteration(small_inception, tmp_path):
    stop, state = threading.Event(), tmp_path / "state.npz"
    dream = begin(small_inception, noise(60, 83), state_file=state)
    result = dream.run(show=lambda now, _: stop.set() if now.step == 3 else None, stop=stop)
    assert not result.finished
    assert begin(small_inception, noise(60, 83), state_file=state).iteration == 3
    with pytest.raises(SettingsError, match="other pictures or settings"):
        begin(small_inception, noise(60, 83), "dream.step=9", state_file=state)


def test_settings_of_a_dream(small_inception, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("dream: {octaves: 2, network: vgg19}\n")
    read = read_dream_settings(
        recipe, layers=["relu3_1", "relu4_1:0.5"], overrides=["dream.step=3"]
    )
    assert (read.dream.octaves, read.dream.step) == (2, 3.0)
    assert read.dream.layers == {"relu3_1": 1.0, "relu4_1": 0.5}
    chosen = choose_network(read_dream_settings(None, network=str(small_inception)))
    assert chosen.dream.layers == {"mixed4": 1.0, "mixed5": 1.5, "mixed6": 2.0, "mixed7": 2.5}
    with pytest.raises(SettingsError, match="--layer relu3_1:0: the weight must be above 0"):
        read_dream_settings(None, layers=["relu3_1:0"])
    with pytest.raises(SettingsError, match="--layer relu3_1 is given twice"):
        read_dream_settings(None, layers=["relu3_1", "relu3_1:2"])
    with pytest.raises(SettingsError, match=r"did you mean dream\.octaves\?"):
        read_dream_settings(None, overrides=["dream.octave=3"])
    with pytest.raises(ModelError, match="unknown network vgg16; choose inception_v3, vgg19"):
        read_dream_settings(None, network="vgg16")


def test_pictures_too_small_for_the_layers(small_inception, tmp_path):
    write_picture(tmp_path / "small.png", Picture(noise(30, 40)))
    chosen = settings(small_inception)
    network = open_network(chosen.dream)
    expected = "20 x 15 pixels at the coarsest octave, too small for the layer mixed5; choose few"
    with pytest.raises(PictureError, match=expected):
        open_dream(tmp_path / "small.png", chosen, network=network)
    guided = settings(small_inception, guide=tmp_path / "small.png").dream
    assert read_guide(guided, network).shape == (30, 40, 3)
    write_picture(tmp_path / "tiny.png", Picture(noise(8, 40)))
    with pytest.raises(PictureError, match=r"tiny\.png, 40 x 8 pixels, is too small for the layer"):
        read_guide(settings(small_inception, guide=tmp_path / "tiny.png").dream, network)


def test_every_photograph_has_its_files(tmp_path):
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / "photos" / name, Picture(noise(8, 8)))
    photos, frames = tmp_path / "photos", tmp_path / "frames"
    (plan,) = plan_dreams([photos / "a.png"], tmp_path / "dream.png", frames=frames)
    assert (plan.output, plan.frames) == (tmp_path / "dream.png", frames)
    plans = plan_dreams([photos], tmp_path / "dreams", frames=frames)
    assert [plan.output for plan in plans] == [tmp_path / "dreams" / n for n in ("a.png", "b.png")]
    assert [plan.frames for plan in plans] == [frames / "a.png", frames / "b.png"]
    guide = str(photos / "b.png")
    with pytest.raises(SettingsError, match="is the guide and would be overwritten"):
        plan_dreams([photos / "a.png"], guide, guide=guide)
