"""Networks whose features a dream makes stronger: InceptionV3, or the bundled VGG19.

Each contains its own preprocessing, so that all of them read RGB in [0, 255].
"""

import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onestroke.errors import ModelError, SettingsError
from onestroke.files import expand_path
from onestroke.models.keras_file import UnsafeFileError, check_arrays, load_keras_model
from onestroke.models.vgg19_weights import EXPECTED_LAYERS, LAYERS, load_vgg19_weights

if TYPE_CHECKING:
    import keras

INCEPTION, VGG19 = "inception_v3", "vgg19"
SUFFIXES = (".h5", ".keras")
KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_ADDRESS = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{KERAS_FILE}"
)
KERAS_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"  # as keras.applications checks it
HALF_RANGE = 127.5  # InceptionV3 reads [-1, 1]
MAX_BYTES = 2**30  # of a file's arrays; a whole VGG19 has 0.6 GB

# Of Keras' example of DeepDream.
INCEPTION_LAYERS: Mapping[str, float] = {
    "mixed4": 1.0,
    "mixed5": 1.5,
    "mixed6": 2.0,
    "mixed7": 2.5,
}
# The loss of a photograph is about 0.6, as with INCEPTION_LAYERS, so that one max_loss fits both.
VGG19_LAYERS: Mapping[str, float] = {"relu4_4": 0.2, "relu5_1": 0.2, "relu5_2": 0.2}

# Root mean square of each VGG19 layer over the bundled photographs at a long side of 256 pixels.
# Without these scales, a weight of 1 would mean ten thousand times more in relu4_1 than in relu5_4.
VGG19_SCALES: Mapping[str, float] = {
    "relu1_1": 49.1,
    "relu1_2": 214.0,
    "relu2_1": 214.1,
    "relu2_2": 271.9,
    "relu3_1": 284.9,
    "relu3_2": 303.1,
    "relu3_3": 521.8,
    "relu3_4": 931.6,
    "relu4_1": 937.4,
    "relu4_2": 758.6,
    "relu4_3": 447.4,
    "relu4_4": 177.4,
    "relu5_1": 135.9,
    "relu5_2": 64.9,
    "relu5_3": 27.4,
    "relu5_4": 7.37,
}


@dataclass(frozen=True)
class DreamNetwork:
    """A frozen network with named features.

    Attributes:
        name: ``"inception_v3"``, ``"vgg19"`` or the name of a file.
        sha256: of the file with the weights.
        features: a model from ``(batch, height, width, 3)`` RGB float32 in [0, 255] to a dictionary
            of features, ``(batch, rows, columns, channels)``. VGG19's are divided by
            ``VGG19_SCALES``.
    """

    name: str
    sha256: str
    features: "keras.Model"

    def feature_sizes(self, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
        """Returns the (rows, columns) of each feature of a picture of this (height, width)."""
        shapes = self.features.compute_output_shape((1, *size, 3))
        return {name: (shape[1], shape[2]) for name, shape in shapes.items()}


def default_network() -> str:
    """Returns ``"inception_v3"`` if Keras has its weights in the cache, ``"vgg19"`` otherwise."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return INCEPTION if (home / "models" / KERAS_FILE).is_file() else VGG19


def default_layers(network: str) -> dict[str, float]:
    """Returns the layers of a network with their weights."""
    return dict(VGG19_LAYERS if network == VGG19 else INCEPTION_LAYERS)


def check_network(network: str) -> None:
    """Checks the name or the path of a network without opening the network.

    Raises:
        ModelError: the name is unknown, or the file is missing.
    """
    if network in (INCEPTION, VGG19):
        return
    path = expand_path(network)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(
            f"unknown network {network}; choose {INCEPTION}, {VGG19}, or the path of a .h5 or "
            ".keras file of InceptionV3"
        )
    if not path.is_file():
        raise ModelError(f"there is no file {network}; check the path of the network")


def absolute_network(network: str) -> str:
    """Makes a path absolute; the names of networks stay as they are."""
    if network in (INCEPTION, VGG19):
        return network
    return str(expand_path(network).resolve())


def open_dream_network(network: str, layers: Sequence[str]) -> DreamNetwork:
    """Builds a network up to some of its layers.

    Args:
        network: ``"inception_v3"`` for Keras' weights, downloaded once (88 MB); ``"vgg19"`` for the
            bundled VGG19; or the path of a ``.h5`` or ``.keras`` file of InceptionV3. A file that
            contains a whole model may be another network that reads RGB in [-1, 1].
        layers: names of layers.

    Raises:
        ModelError: the network is unknown, cannot be downloaded, or the file is broken.
        SettingsError: the network has no such layer.
    """
    check_network(network)
    if network == VGG19:
        return _open_vgg19(layers)
    path = _download() if network == INCEPTION else expand_path(network)
    name = network if network == INCEPTION else path.name
    try:
        model = _read_model(path)
    except UnsafeFileError as error:
        raise ModelError(
            f"{path} {error}; choose another file, or use --network {VGG19}"
        ) from error
    except Exception as error:  # h5py and Keras raise a dozen kinds over broken files
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{path} does not contain InceptionV3 ({reason}); choose another file, or use "
            f"--network {VGG19}"
        ) from error
    _check_layers(name, layers, [layer.name for layer in model.layers])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return DreamNetwork(name, digest, _features_of(model, layers))


def _open_vgg19(layers: Sequence[str]) -> DreamNetwork:
    import keras

    from onestroke.models.vgg19 import loss_network

    for layer in layers:
        if layer not in LAYERS:
            raise SettingsError(f"{VGG19} has no layer {layer}; {EXPECTED_LAYERS}")
    weights = load_vgg19_weights()
    network = loss_network(layers, weights)
    scaled = {
        name: keras.layers.Rescaling(1 / VGG19_SCALES[name], dtype="float32")(feature)
        for name, feature in network.output.items()
    }
    model = keras.Model(network.input, scaled, name=VGG19)
    model.trainable = False
    return DreamNetwork(VGG19, weights.sha256, model)


def _download() -> Path:
    import keras

    try:
        return Path(
            keras.utils.get_file(
                KERAS_FILE, KERAS_ADDRESS, cache_subdir="models", file_hash=KERAS_MD5
            )
        )
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise ModelError(
            f"InceptionV3 ({KERAS_FILE}) is not in Keras' cache and cannot be downloaded; connect "
            f"to the internet, give the path of the file, or use --network {VGG19}"
        ) from error


def _read_model(path: Path) -> "keras.Model":
    """Reads a whole model, or InceptionV3's weights with or without the classifier."""
    import h5py
    import keras

    if path.suffix.lower() == ".keras":
        return load_keras_model(path, MAX_BYTES)
    with h5py.File(path) as file:
        check_arrays(file, MAX_BYTES)
        whole = "model_config" in file.attrs
    if whole:
        return load_keras_model(path, MAX_BYTES)
    try:
        model = keras.applications.InceptionV3(weights=None, include_top=False)
        model.load_weights(path)
    except ValueError:
        model = keras.applications.InceptionV3(weights=None, include_top=True)
        model.load_weights(path)
    return model


def _check_layers(network: str, layers: Sequence[str], known: Sequence[str]) -> None:
    for layer in layers:
        if layer not in known:
            nearest = difflib.get_close_matches(layer, known, 1, 0.5)
            shown = known if len(known) <= 20 else [*known[:3], "...", *known[-3:]]
            remedy = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(shown)}"
            raise SettingsError(f"{network} has no layer {layer}; {remedy}")


def _features_of(model: "keras.Model", layers: Sequence[str]) -> "keras.Model":
    """Returns the features of a model that reads [-1, 1], for pictures of any size."""
    import keras

    outputs = {name: model.get_layer(name).output for name in layers}
    for name, output in outputs.items():
        if len(output.shape) != 4:
            raise SettingsError(f"the layer {name} has no rows and columns; choose an earlier one")
    trunk = keras.Model(model.inputs[0], outputs)
    # A file may have a fixed input size; its convolutions do not depend on it.
    clone = keras.models.clone_model(trunk, input_tensors=keras.Input((None, None, 3)))
    clone.set_weights(trunk.get_weights())
    image = keras.Input((None, None, 3), name="image")
    scaled = keras.layers.Rescaling(1 / HALF_RANGE, offset=-1.0, dtype="float32")(image)
    network = keras.Model(image, clone(scaled, training=False))
    network.trainable = False
    return network
