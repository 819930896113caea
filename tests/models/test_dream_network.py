"""Networks of a dream: their files, their preprocessing, their layers, mistakes."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError, SettingsError
from onestroke.models.dream_network import (
    INCEPTION_LAYERS,
    KERAS_FILE,
    VGG19_SCALES,
    default_layers,
    default_network,
    open_dream_network,
)
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import LAYERS, load_vgg19_weights
from onestroke.pictures import shrink

PICTURE = np.random.default_rng(0).uniform(0, 255, (1, 90, 101, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A classifier of random weights with a fixed input size and two of InceptionV3's names."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="mixed4")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(5, 3, strides=2, name="mixed5")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(2)(x))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_whole_model_reads_pictures_of_any_size(small, tmp_path, suffix):
    path = tmp_path / f"network{suffix}"
    small.save(path)
    network = open_dream_network(str(path), ["mixed5", "mixed4"])
    assert network.name == path.name
    assert network.feature_sizes((90, 101)) == {"mixed5": (43, 49), "mixed4": (88, 99)}
    found = network.features(PICTURE)
    kernel, bias = small.get_layer("mixed4").get_weights()
    expected = np.tensordot(PICTURE[0, 20:23, 30:33] / 127.5 - 1, kernel, 3) + bias
    np.testing.assert_allclose(found["mixed4"][0, 20, 30], np.maximum(expected, 0), atol=1e-5)
    assert found["mixed5"].shape == (1, 43, 49, 5)
    assert not network.features.trainable_variables


def test_the_weights_of_inception_v3(tmp_path):
    """A file of weights alone, as Keras publishes it."""
    keras.utils.set_random_seed(0)
    model = keras.applications.InceptionV3(weights=None, include_top=False)
    model.save_weights(tmp_path / "inception.weights.h5")
    network = open_dream_network(str(tmp_path / "inception.weights.h5"), list(INCEPTION_LAYERS))
    expected = keras.Model(model.input, model.get_layer("mixed7").output)(PICTURE / 127.5 - 1)
    found = network.features(PICTURE)
    assert list(found) == ["mixed4", "mixed5", "mixed6", "mixed7"]
    np.testing.assert_allclose(found["mixed7"], expected, atol=1e-6)


def test_vgg19_is_scaled_to_the_bundled_photographs():
    network = loss_network(LAYERS, load_vgg19_weights())
    means = {name: [] for name in LAYERS}
    for split in ("train", "validation"):
        source = open_source("bundled", split=split)
        for number in range(len(source)):
            pixels = shrink(source.read(number), 256).astype(np.float32)
            for name, feature in network(pixels[None]).items():
                means[name].append(np.mean(np.square(feature)))
    scales = {name: np.sqrt(np.mean(values)) for name, values in means.items()}
    assert scales == pytest.approx(VGG19_SCALES, rel=0.002)

    scaled = open_dream_network("vgg19", ["relu4_1"]).features(PICTURE)["relu4_1"]
    np.testing.assert_allclose(
        scaled, network(PICTURE)["relu4_1"] / VGG19_SCALES["relu4_1"], rtol=1e-4, atol=1e-5
    )


def test_the_default_depends_on_the_cache_of_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert default_network() == "vgg19"
    assert set(default_layers("vgg19")) <= set(LAYERS)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / KERAS_FILE).touch()
    assert default_network() == "inception_v3"
    assert default_layers("inception_v3") == INCEPTION_LAYERS


def test_a_download_that_fails_is_one_line(monkeypatch):
    def fail(*args, **options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(ModelError, match="cannot be downloaded; connect to the internet, give the"):
        open_dream_network("inception_v3", ["mixed4"])


def test_mistakes_in_networks_and_layers(small, tmp_path):
    small.save(tmp_path / "small.keras")
    name = str(tmp_path / "small.keras")
    with pytest.raises(ModelError, match=r"there is no file none\.h5; check the path"):
        open_dream_network("none.h5", ["mixed4"])
    with pytest.raises(ModelError, match="unknown network resnet; choose inception_v3, vgg19, or"):
        open_dream_network("resnet", ["mixed4"])
    with pytest.raises(SettingsError, match=r"small\.keras has no layer mixd4; did you mean mixed"):
        open_dream_network(name, ["mixd4"])
    with pytest.raises(SettingsError, match=r"small\.keras has no layer zzz; it has input_layer"):
        open_dream_network(name, ["zzz"])
    with pytest.raises(SettingsError, match="the layer pool has no rows and columns; choose an ea"):
        open_dream_network(name, ["pool"])
    with pytest.raises(SettingsError, match="vgg19 has no layer mixed4; the layers of VGG19 are"):
        open_dream_network("vgg19", ["mixed4"])
    for suffix in (".keras", ".h5"):
        Path(tmp_path / f"broken{suffix}").write_bytes(b"no network")
        with pytest.raises(ModelError, match=rf"broken{suffix} does not contain InceptionV3 \("):
            open_dream_network(str(tmp_path / f"broken{suffix}"), ["mixed4"])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("layer")
    with pytest.raises(ModelError, match=r"other\.h5 does not contain InceptionV3 \("):
        open_dream_network(str(tmp_path / "other.h5"), ["mixed4"])
