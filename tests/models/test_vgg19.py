"""The loss network: features, pooling, depth, and weights from every usual format."""

import hashlib

import h5py
import keras
import numpy as np
import pytest
import scipy.io
from keras import ops

from onestroke.errors import ModelError, SettingsError
from onestroke.models import vgg19_weights
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import (
    BUNDLED,
    DEPTHS,
    LAYERS,
    MEAN_RGB,
    Vgg19Weights,
    load_vgg19_weights,
)
from onestroke.models.winograd import WinogradConvolution

DEEPEST = ["relu5_4", "relu1_1"]


@pytest.fixture(scope="module")
def bundled() -> Vgg19Weights:
    return load_vgg19_weights()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def features(bundled, picture) -> dict[str, np.ndarray]:
    return {k: np.asarray(v) for k, v in loss_network(DEEPEST, bundled)(picture).items()}


def keras_arrays() -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """The bundled weights in Keras' order of colours, BGR."""
    weights = load_vgg19_weights()
    return {
        (block, layer): weights.read(block, layer)
        for block, depth in enumerate(DEPTHS, 1)
        for layer in range(1, depth + 1)
    }


def assert_same_features(path, features, picture):
    loaded = load_vgg19_weights(path)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for name, value in loss_network(DEEPEST, loaded)(picture).items():
        np.testing.assert_allclose(value, features[name], rtol=1e-4, atol=1e-2)


def test_bundled_weights_are_the_released_ones(bundled):
    assert bundled.sha256 == "a486376a17c258ea60e93f1838b6f5c519f279df69e3ae6e3cc43f9c6f9488ac"
    assert bundled.layer(1, 1)[0].shape == (3, 3, 3, 64)


def test_features_equal_keras_own_vgg19(features, picture):
    """An independent construction: keras.applications, layer by layer, with edges repeated."""
    reference = keras.applications.VGG19(include_top=False, weights=None)
    for (block, layer), arrays in keras_arrays().items():
        reference.get_layer(f"block{block}_conv{layer}").set_weights(arrays)
    x = keras.applications.vgg19.preprocess_input(picture.copy())
    for layer in reference.layers[1:]:
        if isinstance(layer, keras.layers.MaxPooling2D):
            x = layer(x)
            continue
        layer.padding = "valid"
        x = layer(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge"))
        name = layer.name.replace("block", "relu").replace("_conv", "_")
        if name in DEEPEST:
            np.testing.assert_allclose(features[name], x, rtol=1e-4, atol=1e-2)


def test_wide_layers_use_winograd_in_float32_alone(bundled, monkeypatch):
    def is_fast(winograd=True, **options):
        network = loss_network(["relu3_1"], bundled, winograd=winograd, **options)
        return isinstance(network.get_layer("relu3_1"), WinogradConvolution)

    assert is_fast()
    assert not is_fast(winograd=False)
    assert not is_fast(dtype="bfloat16")
    assert not is_fast(padding="zeros")
    monkeypatch.setattr("keras.distribution.list_devices", lambda: ["gpu:0"])
    assert not is_fast()


def test_a_flat_picture_has_flat_features(bundled):
    """Nothing beyond the border is seen, down to a single position."""
    flat = loss_network(["relu5_1"], bundled)(np.full((1, 80, 48, 3), 90, np.float32))["relu5_1"]
    assert flat.shape[1:3] == (5, 3)
    np.testing.assert_allclose(flat, np.broadcast_to(flat[:, :1, :1], flat.shape), rtol=1e-4)
    single = loss_network(["relu5_1"], bundled)(np.full((1, 16, 16, 3), 90, np.float32))
    np.testing.assert_allclose(single["relu5_1"], flat[:, :1, :1], rtol=1e-4)


def test_layers_beyond_the_deepest_one_are_not_built(bundled):
    network = loss_network(["relu3_1", "relu1_2"], bundled)
    names = [layer.name for layer in network.layers if layer.name in LAYERS]
    assert names == ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1"]
    assert set(network.output) == {"relu3_1", "relu1_2"}
    assert not network.trainable_variables


def test_average_pooling_averages(bundled, picture):
    network = loss_network(["relu1_2", "relu2_1"], bundled, pooling="avg")
    pooled = keras.Model(network.input, network.get_layer("pool1").output)(picture)
    before = np.asarray(network(picture)["relu1_2"])
    expected = before.reshape(1, 16, 2, 16, 2, 64).mean(axis=(2, 4))
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-3)


def test_bfloat16_features_are_close(bundled, picture, features):
    network = loss_network(["relu1_1"], bundled, dtype="mixed_bfloat16")
    got = ops.convert_to_numpy(ops.cast(network(picture)["relu1_1"], "float32"))
    error = np.linalg.norm(got - features["relu1_1"]) / np.linalg.norm(features["relu1_1"])
    assert error < 0.01


def test_npz_of_plain_kernels(tmp_path, features, picture):
    arrays = {}
    for (block, layer), (kernel, bias) in keras_arrays().items():
        arrays[f"block{block}_conv{layer}/kernel"] = kernel
        arrays[f"block{block}_conv{layer}/bias"] = bias
    np.savez(tmp_path / "vgg19.npz", **arrays)
    assert_same_features(tmp_path / "vgg19.npz", features, picture)


def test_legacy_keras_h5(tmp_path, features, picture):
    """As keras.applications distributes it: block1_conv1/block1_conv1_W_1:0."""
    with h5py.File(tmp_path / "vgg19.h5", "w") as file:
        for (block, layer), (kernel, bias) in keras_arrays().items():
            group = file.create_group(f"block{block}_conv{layer}")
            group[f"block{block}_conv{layer}_W_1:0"] = kernel
            group[f"block{block}_conv{layer}_b_1:0"] = bias
    assert_same_features(tmp_path / "vgg19.h5", features, picture)


def test_whole_model_h5(tmp_path, features, picture):
    reference = keras.applications.VGG19(include_top=False, weights=None)
    for (block, layer), arrays in keras_arrays().items():
        reference.get_layer(f"block{block}_conv{layer}").set_weights(arrays)
    reference.save(tmp_path / "vgg19.h5")
    assert_same_features(tmp_path / "vgg19.h5", features, picture)


@pytest.mark.parametrize("release", ["current", "older"])
def test_matconvnet_mat(tmp_path, features, picture, release):
    """MatConvNet expects RGB and keeps the mean in the file, in two places over its releases."""
    layers = []
    for (block, layer), (kernel, bias) in keras_arrays().items():
        rgb = kernel[:, :, ::-1] if (block, layer) == (1, 1) else kernel
        entry = {"name": f"conv{block}_{layer}", "type": "conv"}
        if release == "current":
            cell = np.empty(2, object)
            cell[:] = [rgb, bias[:, None]]
            entry["weights"] = cell
        else:
            entry |= {"filters": rgb, "biases": bias[None]}
        layers += [entry, {"name": f"relu{block}_{layer}", "type": "relu"}]
    mean = np.array(MEAN_RGB).reshape(1, 1, 3)
    normalization = {"averageImage": mean if release == "current" else np.tile(mean, (4, 4, 1))}
    home = {"normalization": normalization}
    data = {"meta": home} if release == "current" else home
    scipy.io.savemat(tmp_path / "vgg.mat", {"layers": np.array(layers, object), **data})
    assert_same_features(tmp_path / "vgg.mat", features, picture)
    assert load_vgg19_weights(tmp_path / "vgg.mat").mean == pytest.approx(MEAN_RGB)


def test_imagenet_asks_keras_for_its_file(tmp_path, monkeypatch):
    asked = {}

    def get_file(name, origin, **options):
        asked.update(options, name=name, origin=origin)
        with h5py.File(tmp_path / name, "w") as file:
            for (block, layer), (kernel, bias) in keras_arrays().items():
                file[f"block{block}_conv{layer}/kernel"] = kernel
                file[f"block{block}_conv{layer}/bias"] = bias
        return str(tmp_path / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    weights = load_vgg19_weights("imagenet")
    assert weights.source == "imagenet"
    assert asked["name"] in asked["origin"]
    assert asked["file_hash"] == vgg19_weights.KERAS_MD5


def test_failed_download_names_the_remedy(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(ModelError, match="connect to the internet, or use vgg19: bundled"):
        load_vgg19_weights("imagenet")


def test_wrong_files_are_named(tmp_path):
    sources = "loss.vgg19 is 'bundled', 'imagenet', or a .h5, .mat or .npz file"
    with pytest.raises(ModelError, match=f"^no file .*absent.npz' with VGG19 weights; {sources}"):
        load_vgg19_weights(tmp_path / "absent.npz")
    with pytest.raises(ModelError, match=f"^unknown VGG19 weights 'vgg20'; {sources}"):
        load_vgg19_weights("vgg20")
    for suffix in (".npz", ".h5", ".mat"):
        broken = tmp_path / f"broken{suffix}"
        for content in (b"", BUNDLED.read_bytes()[:100]):
            broken.write_bytes(content)
            with pytest.raises(ModelError, match=f"broken{suffix} is broken or not VGG19"):
                load_vgg19_weights(broken)


def test_every_layer_of_a_file_is_checked(tmp_path):
    arrays = {}
    for (block, layer), (kernel, bias) in keras_arrays().items():
        arrays[f"block{block}_conv{layer}/kernel"] = kernel
        arrays[f"block{block}_conv{layer}/bias"] = bias
    arrays["block3_conv2/kernel"] = arrays["block3_conv2/kernel"][..., :9]
    np.savez(tmp_path / "cut.npz", **arrays)
    with pytest.raises(ModelError, match=r"block 3, layer 2 has shape \(3, 3, 256, 9\)"):
        load_vgg19_weights(tmp_path / "cut.npz")


def test_unknown_layer_and_pooling_are_named(bundled):
    with pytest.raises(
        SettingsError, match="unknown layer 'conv4_2'; the layers of VGG19 are relu1_1"
    ):
        loss_network(["conv4_2"], bundled)
    with pytest.raises(SettingsError, match="unknown pooling 'mean'; choose max or avg"):
        loss_network(["relu1_1"], bundled, pooling="mean")
    with pytest.raises(SettingsError, match="unknown padding 'none'; choose edge or zeros"):
        loss_network(["relu1_1"], bundled, padding="none")


def test_zeros_darken_the_border_alone(bundled, picture):
    edge, zeros = (
        np.asarray(loss_network(["relu1_1"], bundled, padding=padding)(picture)["relu1_1"])
        for padding in ("edge", "zeros")
    )
    assert edge.shape == zeros.shape
    np.testing.assert_allclose(zeros[:, 1:-1, 1:-1], edge[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-2)
    assert np.abs(zeros[:, 0] - edge[:, 0]).max() > 1
