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
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import Vgg19Weights
from onestroke.train.losses import (
    Tensor,
    content_loss,
    gram_matrix,
    inner,
    style_losses,
    variation,
    variation_loss,
    weighted_mean,
)
from onestroke.train.settings import LossSettings

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
        grams: Gram matrix of each style layer's inner features, ``(1, channels, channels)``.
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
            gram = np.float32(share) * ops.convert_to_numpy(gram_matrix(inner(features)))
            grams[name] = grams.get(name, 0) + gram
    return Painting(grams, roughness)


class Objective:
    """The loss of pictures: how far they are from photographs, the painting, and smoothness.

    Args:
        loss_network: VGG19 with every content and style layer; see ``models.vgg19``.
        painting: the style to reach.
        weights: of the terms and layers.
    """

    def __init__(self, loss_network: keras.Model, painting: Painting, weights: Weights) -> None:
        self.loss_network = loss_network
        # The photographs themselves are only looked at by the content layers.
        self.content_network = keras.Model(
            loss_network.input,
            {name: loss_network.output[name] for name in weights.content_layers},
        )
        self.painting = painting
        self.weights = weights

    def terms(self, wanted: Mapping[str, Tensor], pictures: Tensor) -> dict[str, Tensor]:
        """Returns the loss, its terms before their weights, and each style layer's, as scalars.

        Args:
            wanted: what ``content_network`` makes of the photographs.
            pictures: ``(batch, height, width, 3)`` RGB float32 in [0, 255].
        """
        weights = self.weights
        actual = self.loss_network(pictures)
        layers = style_losses(actual, self.painting.grams)
        terms = {
            "content": content_loss(actual, wanted, weights.content_layers),
            "style": weighted_mean(layers, weights.style_layers),
            "variation": variation_loss(pictures, self.painting.variation),
        }
        loss = sum(getattr(weights, name) * value for name, value in terms.items())
        return {"loss": loss, **terms, **{f"style_{name}": v for name, v in layers.items()}}


def build_objective(
    settings: LossSettings,
    vgg19: Vgg19Weights,
    pictures: Sequence[np.ndarray],
    shares: Sequence[float],
    precision: str = "float32",
) -> Objective:
    """Builds the loss network and measures the paintings, these always in 32 bits.

    Args:
        settings: layers, weights and pooling.
        vgg19: weights of the loss network.
        pictures: the paintings, ``(height, width, 3)`` RGB in [0, 255].
        shares: the weight of each painting in the blend.
        precision: of the loss network, a Keras dtype policy.
    """
    painting = measure_paintings(
        loss_network(list(settings.style), vgg19, pooling=settings.pooling), pictures, shares
    )
    layers = list(dict.fromkeys([*settings.content, *settings.style]))
    return Objective(
        loss_network(layers, vgg19, pooling=settings.pooling, dtype=precision),
        painting,
        Weights(
            content=settings.content_weight,
            style=settings.style_weight,
            variation=settings.variation_weight,
            content_layers=settings.content,
            style_layers=settings.style,
        ),
    )


class StyleTrainer(keras.Model):
    """The transformation network together with the objective, as Keras trains them.

    Args:
        network: the network to train.
        objective: what it is to make small.

    Input: photographs, ``(batch, height, width, 3)`` RGB float32 in [0, 255].
    """

    def __init__(self, network: TransformNetwork, objective: Objective, **kwargs: Any) -> None:
        # Each layer casts for itself; the photographs stay in 32 bits for the loss network.
        super().__init__(autocast=False, **kwargs)
        self.network = network
        self.loss_network = objective.loss_network  # where Keras sees its weights
        self.objective = objective
        self.means = [keras.metrics.Mean(name=name) for name in TERMS]

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Paints the photographs."""
        return self.network(x, training=training)

    def terms(self, photographs: Tensor, pictures: Tensor) -> dict[str, Tensor]:
        """Returns the loss of pictures and its terms; see ``Objective.terms``."""
        return self.objective.terms(self.objective.content_network(photographs), pictures)

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
