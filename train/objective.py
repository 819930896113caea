"""The objective: what the transformation network is trained to make small.

    content(x, y) + style(painting, y) + variation(y)

for photographs x and the network's pictures y = f(x) (Johnson et al. 2016, section 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from onestroke.models.transform import TransformNetwork
from onestroke.train.losses import (
    Tensor,
    content_loss,
    gram_matrix,
    style_loss,
    variation,
    variation_loss,
)

TERMS = ("loss", "content", "style", "variation")


@dataclass(frozen=True)
class Weights:
    """How much each term and each VGG19 layer counts."""

    content: float
    style: float
    variation: float
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]


@dataclass(frozen=True)
class Painting:
    """What the style loss needs to know of the painting, computed once before training.

    Attributes:
        grams: Gram matrix of each style layer, ``(1, channels, channels)`` float32.
        variation: mean square difference of neighbouring pixels.
    """

    grams: Mapping[str, np.ndarray]
    variation: float


def measure_paintings(
    network: keras.Model, pictures: Sequence[np.ndarray], weights: Sequence[float]
) -> Painting:
    """Blends the styles of pictures, ``(height, width, 3)`` RGB in [0, 255], by their weights."""
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    grams: dict[str, np.ndarray] = {}
    roughness = 0.0
    for picture, share in zip(pictures, shares, strict=True):
        batch = np.asarray(picture, np.float32)[None]
        roughness += share * float(variation(batch)[0])
        for name, features in network(batch).items():
            gram = np.float32(share) * ops.convert_to_numpy(gram_matrix(features))
            grams[name] = grams.get(name, 0) + gram
    return Painting(grams, roughness)


class StyleTrainer(keras.Model):
    """The transformation network together with the frozen loss network, as Keras trains them.

    Args:
        network: the network to train.
        loss_network: VGG19 with every content and style layer; see ``models.vgg19``.
        painting: the style to reach.
        weights: of the terms and layers.

    Input: photographs, ``(batch, height, width, 3)`` RGB float32 in [0, 255].
    """

    def __init__(
        self,
        network: TransformNetwork,
        loss_network: keras.Model,
        painting: Painting,
        weights: Weights,
        **kwargs: Any,
    ) -> None:
        # Each layer casts for itself; the photographs stay in 32 bits for the loss network.
        super().__init__(autocast=False, **kwargs)
        self.network = network
        self.loss_network = loss_network
        # The photographs themselves are only looked at by the content layers.
        self.content_network = keras.Model(
            loss_network.input,
            {name: loss_network.output[name] for name in weights.content_layers},
        )
        self.painting = painting
        self.weights_of = weights
        self.means = [keras.metrics.Mean(name=name) for name in TERMS]

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Paints the photographs."""
        return self.network(x, training=training)

    def terms(self, photographs: Tensor, pictures: Tensor) -> dict[str, Tensor]:
        """Returns the loss and its terms, before their weights, as scalars."""
        weights = self.weights_of
        wanted = self.content_network(photographs)
        actual = self.loss_network(pictures)
        terms = {
            "content": content_loss(actual, wanted, weights.content_layers),
            "style": style_loss(actual, self.painting.grams, weights.style_layers),
            "variation": variation_loss(pictures, self.painting.variation),
        }
        loss = sum(getattr(weights, name) * value for name, value in terms.items())
        return {"loss": loss, **terms}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the loss of pictures ``y_pred`` painted from photographs ``x``."""
        terms = self.terms(x, y_pred)
        for mean in self.means:
            mean.update_state(terms[mean.name])
        return terms["loss"]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of every term since they were last reset."""
        return self.means
