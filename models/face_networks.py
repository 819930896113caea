"""The three published face networks, rebuilt in Keras from their arrays.

The layers are those of face-api 1.7.15 (``tinyFaceDetector``, ``faceLandmarkNet``,
``faceRecognitionNet``). Each network normalises its own input: ``(batch, side, side, 3)`` RGB
float32 in [0, 255]. All weights are frozen, and in 32 bits.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from onestroke.models.face_weights import Arrays
from onestroke.models.keras_defaults import keras_defaults
from onestroke.models.layers import CHANNELS, Tensor

DETECTOR_MEAN = (117.001, 114.697, 97.404)
FACE_MEAN = (122.782, 117.001, 104.298)
LEAK = 0.1
LANDMARKS = 68
LANDMARK_SIDE = 112  # pixels
ENCODER_SIDE = 150  # pixels
ENCODING = 128


@keras_defaults()
def build_detector(arrays: Arrays) -> keras.Model:
    """Builds the tiny face detector, a small YOLOv2 with separable convolutions.

    Output shape: ``(batch, side / 32, side / 32, 25)``: for each cell and each of five anchors
    the centre, the size and the score of a box, all before their activations; ``side`` is a
    multiple of 32.
    """
    picture = keras.Input((None, None, 3), name="picture")
    x = _normalize(picture, DETECTOR_MEAN)
    x = _leaky(_convolution(arrays, "conv0", padding="valid")(x))
    for number in range(1, 6):
        x = layers.MaxPooling2D(2, padding="same", data_format=CHANNELS)(x)
        x = _leaky(_separable(arrays, f"conv{number}")(x))
    x = layers.MaxPooling2D(2, strides=1, padding="same", data_format=CHANNELS)(x)
    x = _convolution(arrays, "conv8")(x)
    return _frozen(keras.Model(picture, x, name="face_detector"))


@keras_defaults()
def build_landmarks(arrays: Arrays) -> keras.Model:
    """Builds the network of 68 landmarks.

    Output shape: ``(batch, 68, 2)``: x and y of each point as shares of the square's side.
    """
    face = keras.Input((LANDMARK_SIDE, LANDMARK_SIDE, 3), name="face")
    x = _normalize(face, FACE_MEAN)
    for block in range(4):
        name = f"dense{block}"
        first = _convolution if block == 0 else _separable
        total = one = ops.relu(first(arrays, f"{name}/conv0", strides=2)(x))
        for number in range(1, 4):
            total = total + _separable(arrays, f"{name}/conv{number}")(one)
            one = ops.relu(total)
        x = one
    x = layers.Flatten()(layers.AveragePooling2D(7, strides=2, data_format=CHANNELS)(x))
    x = _dense(arrays["fc/weights"], arrays["fc/bias"])(x)
    return _frozen(keras.Model(face, ops.reshape(x, (-1, LANDMARKS, 2)), name="face_landmarks"))


@keras_defaults()
def build_published_encoder(arrays: Arrays) -> keras.Model:
    """Builds dlib's residual network of 29 layers (``face_recognition_resnet_model_v1``).

    Output shape: ``(batch, 128)``. Two faces of one person are about 0.3 to 0.6 apart.
    """
    face = keras.Input((ENCODER_SIDE, ENCODER_SIDE, 3), name="face")
    x = _normalize(face, FACE_MEAN)
    x = ops.relu(_scaled(arrays, "conv32_down", strides=2, padding="valid")(x))
    x = layers.MaxPooling2D(3, strides=2, data_format=CHANNELS)(x)
    for width, count in ((32, 3), (64, 3), (128, 2), (256, 2)):
        if width > 32:
            x = _residual_down(arrays, f"conv{width}_down", x)
        for number in range(1, count + 1):
            x = _residual(arrays, f"conv{width}_{number}", x)
    x = _residual_down(arrays, "conv256_down_out", x)
    x = layers.GlobalAveragePooling2D(data_format=CHANNELS)(x)
    x = _dense(arrays["fc"])(x)
    return _frozen(keras.Model(face, x, name="face_encoder"))


def _residual(arrays: Arrays, name: str, x: Tensor) -> Tensor:
    y = ops.relu(_scaled(arrays, f"{name}/conv1")(x))
    return ops.relu(_scaled(arrays, f"{name}/conv2")(y) + x)


def _residual_down(arrays: Arrays, name: str, x: Tensor) -> Tensor:
    """Halves the size: missing rows, columns and channels of either branch are zeros."""
    y = ops.relu(_scaled(arrays, f"{name}/conv1", strides=2, padding="valid")(x))
    y = _scaled(arrays, f"{name}/conv2")(y)
    x = layers.AveragePooling2D(2, data_format=CHANNELS)(x)
    rows, columns = x.shape[1] - y.shape[1], x.shape[2] - y.shape[2]
    y = ops.pad(y, ((0, 0), (0, rows), (0, columns), (0, 0)))
    x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, y.shape[3] - x.shape[3])))
    return ops.relu(x + y)


def _normalize(picture: Tensor, mean: tuple[float, float, float]) -> Tensor:
    return (picture - np.array(mean, np.float32)) / 255.0


def _leaky(x: Tensor) -> Tensor:
    return ops.leaky_relu(x, negative_slope=LEAK)


def _convolution(
    arrays: Arrays, name: str, *, strides: int = 1, padding: str = "same"
) -> layers.Layer:
    return _conv2d(arrays[f"{name}/filters"], arrays[f"{name}/bias"], strides, padding)


def _scaled(arrays: Arrays, name: str, *, strides: int = 1, padding: str = "same") -> layers.Layer:
    """A convolution followed by a scale and a shift of each channel, folded into one."""
    scale = arrays[f"{name}/scale/weights"]
    kernel = arrays[f"{name}/conv/filters"] * scale
    bias = arrays[f"{name}/conv/bias"] * scale + arrays[f"{name}/scale/biases"]
    return _conv2d(kernel, bias, strides, padding)


def _conv2d(kernel: np.ndarray, bias: np.ndarray, strides: int, padding: str) -> layers.Layer:
    height, width, _, filters = kernel.shape
    return layers.Conv2D(
        filters,
        (height, width),
        strides=strides,
        padding=padding,
        data_format=CHANNELS,
        kernel_initializer=_constant(kernel),
        bias_initializer=_constant(bias),
    )


def _separable(arrays: Arrays, name: str, *, strides: int = 1) -> layers.Layer:
    depthwise, pointwise = arrays[f"{name}/depthwise_filter"], arrays[f"{name}/pointwise_filter"]
    return layers.SeparableConv2D(
        pointwise.shape[3],
        depthwise.shape[:2],
        strides=strides,
        padding="same",
        data_format=CHANNELS,
        depthwise_initializer=_constant(depthwise),
        pointwise_initializer=_constant(pointwise),
        bias_initializer=_constant(arrays[f"{name}/bias"]),
    )


def _dense(kernel: np.ndarray, bias: np.ndarray | None = None) -> layers.Layer:
    return layers.Dense(
        kernel.shape[1],
        use_bias=bias is not None,
        kernel_initializer=_constant(kernel),
        bias_initializer="zeros" if bias is None else _constant(bias),
    )


def _constant(values: np.ndarray) -> Callable[..., Tensor]:
    return lambda shape, dtype=None: ops.convert_to_tensor(values.reshape(shape), dtype)


def _frozen(model: keras.Model) -> keras.Model:
    model.trainable = False
    return model
