"""Weights of VGG19, from the package, from Keras, or from a file in a common format.

Kernels are always returned for RGB input. Keras' files expect BGR, so the first kernel is reversed;
MatConvNet's file expects RGB.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.array_file import read_arrays
from onestroke.errors import ModelError, shorten_text
from onestroke.files import expand_path
from onestroke.models.keras_file import UnsafeFileError, check_arrays

WIDTHS = (64, 128, 256, 512, 512)  # channels of each block
DEPTHS = (2, 2, 4, 4, 4)  # convolutions in each block
LAYERS = tuple(
    f"relu{block}_{layer}" for block, depth in enumerate(DEPTHS, 1) for layer in range(1, depth + 1)
)
EXPECTED_LAYERS = f"the layers of VGG19 are {LAYERS[0]} to {LAYERS[-1]}"
BUNDLED = Path(__file__).parent / "vgg19_8bit.npz"
KERAS_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_ADDRESS = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{KERAS_FILE}"
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"  # as keras.applications checks it
MAX_BYTES = 2**30  # of a file's arrays; a whole VGG19 has 0.6 GB
MEAN_RGB = (123.68, 116.779, 103.939)  # of ImageNet, subtracted when VGG19 was trained
SOURCES = "loss.vgg19 is 'bundled', 'imagenet', or a .h5, .mat or .npz file"

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Vgg19Weights:
    """The sixteen convolutions of VGG19.

    Attributes:
        source: ``"bundled"``, ``"imagenet"`` or the file's name.
        sha256: of the file; the model card records it.
        mean: of the training pictures, RGB, in [0, 255].
        read: returns the kernel ``(3, 3, in, out)`` and the bias ``(out,)``, both float32, for a
            block and a layer in it, counted from 1, in the file's order of colours.
        bgr: whether the file's first kernel expects BGR.
    """

    source: str
    sha256: str
    mean: tuple[float, float, float]
    read: Callable[[int, int], Arrays]
    bgr: bool

    def layer(self, block: int, layer: int) -> Arrays:
        """Returns kernel ``(3, 3, in, out)`` and bias ``(out,)`` for RGB input, float32."""
        kernel, bias = self.read(block, layer)
        if self.bgr and (block, layer) == (1, 1):
            kernel = kernel[:, :, ::-1]
        return np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32).ravel()


def load_vgg19_weights(source: str | Path = "bundled") -> Vgg19Weights:
    """Opens VGG19's weights.

    Args:
        source: ``"bundled"``, the weights in this package, kernels in 8 bits; ``"imagenet"``,
            Keras' own file, downloaded once; or a path: Keras' ``.h5``, MatConvNet's
            ``imagenet-vgg-verydeep-19.mat``, or an ``.npz`` with ``block1_conv1/kernel`` and
            ``block1_conv1/bias`` (or ``/index`` and ``/codebook`` for the kernel) and so on.

    Raises:
        ModelError: the file is missing, unreadable, or not VGG19.
    """
    readers = {".npz": _read_npz, ".h5": _read_h5, ".hdf5": _read_h5, ".mat": _read_mat}
    name, path = str(source), expand_path(source)
    if name == "bundled":
        path = BUNDLED
    elif name == "imagenet":
        path = _download()
    elif path.suffix not in readers:
        raise ModelError(f"unknown VGG19 weights {name!r}; {SOURCES}")
    elif not path.is_file():
        raise ModelError(f"no file {name!r} with VGG19 weights; {SOURCES}")
    else:
        name = path.name
    try:
        read, mean = readers[path.suffix](path)
        _check_shapes(read)
    except UnsafeFileError as error:
        raise ModelError(f"{path.name} {error}; {SOURCES}") from error
    except Exception as error:  # three libraries raise a dozen kinds for broken files
        reason = shorten_text(" ".join(str(error).split()) or type(error).__name__)
        raise ModelError(f"{path.name} is broken or not VGG19 ({reason}); {SOURCES}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Vgg19Weights(name, digest, mean, read, bgr=path.suffix != ".mat")


def absolute_weights_source(source: str) -> str:
    """Makes a path absolute; the names ``bundled`` and ``imagenet`` stay as they are."""
    if source in ("bundled", "imagenet"):
        return source
    return str(expand_path(source).resolve())


def _check_shapes(read: Callable[[int, int], Arrays]) -> None:
    """Reads all sixteen layers, so that a broken file is reported before the training starts."""
    width_before = 3
    for block, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True), 1):
        for layer in range(1, depth + 1):
            kernel, bias = read(block, layer)
            if kernel.shape != (3, 3, width_before, width) or np.size(bias) != width:
                raise ValueError(
                    f"the kernel of block {block}, layer {layer} has shape {kernel.shape}, its "
                    f"bias {np.shape(bias)}"
                )
            width_before = width


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
            f"VGG19 ({KERAS_FILE}) is not in Keras' cache and could not be downloaded; connect to "
            "the internet, or use vgg19: bundled"
        ) from error


Reader = tuple[Callable[[int, int], Arrays], tuple[float, float, float]]


def _read_npz(path: Path) -> Reader:
    arrays = read_arrays(path)

    def read(block: int, layer: int) -> Arrays:
        name = f"block{block}_conv{layer}"
        if f"{name}/index" in arrays:
            codebook = arrays[f"{name}/codebook"]
            if codebook.ndim != 1:  # each index would become an array
                raise ValueError(f"the codebook of {name} has shape {codebook.shape}")
            kernel = codebook[arrays[f"{name}/index"]]
        else:
            kernel = arrays[f"{name}/kernel"]
        return kernel, arrays[f"{name}/bias"]

    return read, MEAN_RGB


def _read_h5(path: Path) -> Reader:
    """Reads Keras' old and new layouts: arrays are found by the layer's group and their rank."""
    import h5py

    by_layer: dict[str, dict[int, np.ndarray]] = {}

    def keep(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset):
            for part in name.split("/"):
                if part.startswith("block"):
                    by_layer.setdefault(part, {})[entry.ndim] = entry[()]
                    break

    with h5py.File(path) as file:
        check_arrays(file, MAX_BYTES)
        file.visititems(keep)

    def read(block: int, layer: int) -> Arrays:
        arrays = by_layer[f"block{block}_conv{layer}"]
        return arrays[4], arrays[1]

    return read, MEAN_RGB


def _read_mat(path: Path) -> Reader:
    """Reads MatConvNet's file; its older release has ``filters`` and ``normalization``."""
    import scipy.io

    data = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)
    by_name = {layer.name: layer for layer in data["layers"]}
    home = data.get("meta")
    normalization = home.normalization if home is not None else data["normalization"]
    average = np.asarray(normalization.averageImage, np.float64).reshape(-1, 3).mean(axis=0)

    def read(block: int, layer: int) -> Arrays:
        found = by_name[f"conv{block}_{layer}"]
        if hasattr(found, "weights"):
            kernel, bias = found.weights
        else:
            kernel, bias = found.filters, found.biases
        return kernel, bias

    return read, (float(average[0]), float(average[1]), float(average[2]))
