"""Face encoders: they map a face to 128 numbers. Faces of different people have a large distance.

After FaceNet (Schroff, Kalenichenko and Philbin 2015). One encoder is published (dlib's residual
network); another can be trained with ``onestroke faces train``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from onestroke.errors import ModelError
from onestroke.files import expand_path
from onestroke.models.face_networks import ENCODER_SIDE, ENCODING, build_published_encoder
from onestroke.models.face_weights import FaceWeights
from onestroke.models.keras_defaults import keras_defaults
from onestroke.models.keras_file import UnsafeFileError, load_keras_model
from onestroke.models.layers import CHANNELS, Tensor, register

PUBLISHED = "published"

# Calibrated on 379 faces of 40 people (AT&T's database of faces): accepts 98.6 % of the pairs of
# one person and 0.5 % of the others. 0.6, which face-api uses, accepts 2.5 % of the others, and
# 0.7, the value of a FaceNet exercise with other weights, 26 %.
PUBLISHED_THRESHOLD = 0.55

BATCH = 32  # faces encoded at once
MAX_SIDE, MAX_WIDTH = 512, 512  # of a network in a file; 96 and 32 by default
MAX_BYTES = 2**29  # of its arrays; the largest width has 0.4 GB


@dataclass(frozen=True)
class FaceEncoder:
    """A network that encodes faces, with the distance that separates people.

    Attributes:
        name: ``published``, or the name of the file.
        sha256: of the weights. Encodings of different encoders cannot be compared.
        threshold: two faces at a smaller distance show one person.
        side: of the faces that the network takes, in pixels.
        network: from ``(batch, side, side, 3)`` RGB float32 in [0, 255] to ``(batch, 128)``.
    """

    name: str
    sha256: str
    threshold: float
    side: int
    network: keras.Model

    def encode(self, faces: np.ndarray) -> np.ndarray:
        """Returns ``(count, 128)`` float32.

        Args:
            faces: ``(count, side, side, 3)`` uint8 RGB.
        """
        parts = [
            np.asarray(self.network(faces[i : i + BATCH].astype(np.float32), training=False))
            for i in range(0, len(faces), BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, ENCODING), np.float32)


@register
class FaceNetwork(keras.Model):
    """A small residual network that can be trained, with encodings of length 1.

    Args:
        side: of the faces, in pixels.
        width: channels of the first block; each of the three others has twice as many.
        metadata: what its file says of it: the threshold, how it was trained.

    Input shape: ``(batch, side, side, 3)``, RGB in [0, 255].
    Output shape: ``(batch, 128)``.
    Reference: Schroff et al. 2015, FaceNet. Departure: residual blocks in place of Inception's.
    """

    def __init__(
        self, side: int = 96, width: int = 32, metadata: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if not (type(side) is int and 16 <= side <= MAX_SIDE and 1 <= width <= MAX_WIDTH):
            raise ModelError(
                f"side {side} and width {width} are not supported; choose at most {MAX_SIDE} and "
                f"{MAX_WIDTH}"
            )
        super().__init__(**kwargs)
        self.side, self.width, self.metadata = side, width, dict(metadata or {})
        self.body = _build_body(side, width)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Has nothing left to make: the layers know their input's size."""
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Encodes faces."""
        return self.body(x, training=training)

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the network."""
        return {
            **super().get_config(),
            "side": self.side,
            "width": self.width,
            "metadata": self.metadata,
        }


@keras_defaults()
def _build_body(side: int, width: int) -> keras.Model:
    face = keras.Input((side, side, 3), name="face")
    x = layers.Rescaling(1 / 127.5, -1)(face)
    x = _unit(x, width, 5, strides=2)
    x = layers.MaxPooling2D(3, strides=2, padding="same", data_format=CHANNELS)(x)
    for block in range(4):
        channels = width * 2**block
        strides = 1 if block == 0 else 2
        y = _unit(x, channels, 3, strides=strides)
        y = _unit(y, channels, 3, relu=False)
        if block:
            x = _unit(x, channels, 1, strides=strides, relu=False)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D(data_format=CHANNELS)(x)
    x = layers.UnitNormalization()(layers.Dense(ENCODING)(x))
    return keras.Model(face, x, name="face_body")


def _unit(x: Tensor, channels: int, size: int, *, strides: int = 1, relu: bool = True) -> Tensor:
    x = layers.Conv2D(
        channels, size, strides=strides, padding="same", use_bias=False, data_format=CHANNELS
    )(x)
    x = layers.BatchNormalization(axis=-1, momentum=0.9)(x)
    return layers.ReLU()(x) if relu else x


def published_encoder(weights: FaceWeights) -> FaceEncoder:
    """Returns dlib's encoder, from published weights."""
    network = build_published_encoder(weights.encoder)
    return FaceEncoder(
        PUBLISHED, weights.encoder_sha256, PUBLISHED_THRESHOLD, ENCODER_SIDE, network
    )


def trained_encoder(path: Path) -> FaceEncoder:
    """Opens an encoder that ``onestroke faces train`` has written.

    Raises:
        ModelError: the file is missing or no such encoder.
    """
    path = expand_path(path)
    if not path.is_file():
        raise ModelError(f"there is no encoder {path}; train one with: onestroke faces train")
    try:
        network = load_keras_model(path, MAX_BYTES, frozenset({"onestroke>FaceNetwork"}))
    except UnsafeFileError as error:
        raise ModelError(f"{path} {error}; train the encoder again") from error
    except Exception as error:  # Keras raises many kinds for broken files
        raise ModelError(f"{path} cannot be read as a Keras file; train the encoder again") from (
            error
        )
    threshold = network.metadata.get("threshold") if isinstance(network, FaceNetwork) else None
    if not isinstance(threshold, float):
        raise ModelError(f"{path} holds no face encoder; name a file of: onestroke faces train")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return FaceEncoder(path.name, digest, threshold, network.side, network)
