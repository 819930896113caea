"""The objective: what the transformation network is trained to make small.

    content(x, y) + style(painting, y) + variation(y)

for photographs x and the network's pictures y = f(x) (Johnson et al. 2016, section 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from onestroke.models.layers import Tensor
from onestroke.models.transform import TransformNetwork
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import Vgg19Weights
from onestroke.train.ingredients import Style
from onestroke.train.losses import (
    content_loss,
    reproduction_loss,
    style_losses,
    variation_loss,
    weighted_mean,
)
from onestroke.train.settings import LossSettings
from onestroke.train.targets import Targets, measure_styles

TERMS = ("loss", "content", "style", "variation")


@dataclass(frozen=True)
class Weights:
    """How much each term and each VGG19 layer counts."""

    content: float
    style: float
    variation: float
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]


class Objective:
    """The loss of pictures: how far they are from photographs, their styles, and smoothness.

    Args:
        loss_network: VGG19 with every content and style layer; see ``models.vgg19``.
        targets: the styles to reach.
        weights: of the terms and layers.
    """

    def __init__(self, loss_network: keras.Model, targets: Targets, weights: Weights) -> None:
        self.loss_network = loss_network
        # The photographs themselves are only looked at by the content layers.
        self.content_network = keras.Model(
            loss_network.input,
            {name: loss_network.output[name] for name in weights.content_layers},
        )
        self.targets = targets
        self.weights = weights

    def terms(
        self,
        wanted: Mapping[str, Tensor],
        pictures: Tensor,
        style: Tensor | None = None,
        photographs: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Returns the loss, its terms before their weights, and each style layer's.

        Args:
            wanted: what ``content_network`` makes of the photographs.
            pictures: ``(batch, height, width, 3)`` RGB float32 in [0, 255].
            style: ``(batch, styles)`` float32, one-hot; None where there is a single style.
            photographs: as ``pictures``; only the identity asks for them.

        Returns:
            ``(batch,)`` float32 each.
        """
        weights = self.weights
        targets = self.targets if style is None else self.targets.of(style)
        actual = self.loss_network(pictures)
        layers = {
            name: error / targets.distance
            for name, error in style_losses(actual, targets.grams).items()
        }
        terms = {
            "content": content_loss(actual, wanted, weights.content_layers),
            "style": weighted_mean(layers, weights.style_layers),
            "variation": variation_loss(pictures, targets.variation),
        }
        loss = sum(getattr(weights, name) * value for name, value in terms.items())
        if style is not None and photographs is not None:
            repeated = reproduction_loss(pictures, photographs)
            # By the weight of style it would hold the paintings up.
            loss += targets.identity * (weights.content * terms["content"] + repeated - loss)
            terms["style"] += targets.identity * (repeated - terms["style"])
            terms["variation"] *= 1 - targets.identity
        return {"loss": loss, **terms, **{f"style_{name}": v for name, v in layers.items()}}


def build_objective(
    settings: LossSettings,
    vgg19: Vgg19Weights,
    styles: Sequence[Style],
    *,
    identity: bool = False,
    precision: str = "float32",
    cache: Path | None = None,
) -> Objective:
    """Builds the loss network and measures the paintings, these always in 32 bits.

    Args:
        settings: layers, weights and pooling.
        vgg19: weights of the loss network.
        styles: the paintings.
        identity: whether one more style gives photographs back.
        precision: of the loss network, a Keras dtype policy.
        cache: a folder in which paintings' measures are remembered.
    """
    targets = measure_styles(settings, vgg19, styles, identity=identity, folder=cache)
    layers = list(dict.fromkeys([*settings.content, *settings.style]))
    return Objective(
        # Frozen, its weights need no 32-bit original.
        loss_network(
            layers, vgg19, pooling=settings.pooling, dtype=precision.removeprefix("mixed_")
        ),
        targets,
        Weights(
            content=settings.content_weight,
            style=settings.style_weight,
            variation=settings.variation_weight,
            content_layers=settings.content,
            style_layers=settings.style,
        ),
    )


class StyleMeans(keras.metrics.Metric):
    """The mean style loss of each style's pictures, as ``style/NAME``.

    Args:
        names: of the styles.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(name="style_means")
        self.names = names
        shape = (len(names),)
        self.total = self.add_weight(shape=shape, initializer="zeros", name="total")
        self.count = self.add_weight(shape=shape, initializer="zeros", name="count")

    def update_state(self, losses: Tensor, style: Tensor) -> None:
        """Counts ``(batch,)`` losses of pictures in ``(batch, styles)``, one-hot."""
        self.total.assign_add(ops.matmul(losses, style))
        self.count.assign_add(ops.sum(style, axis=0))

    def result(self) -> dict[str, Tensor]:
        """Returns the means by name; NaN for a style that no picture had."""
        means = self.total / self.count
        return {f"style/{name}": means[i] for i, name in enumerate(self.names)}


class StyleTrainer(keras.Model):
    """The transformation network together with the objective, as Keras trains them.

    Args:
        network: the network to train.
        objective: what it is to make small.
        names: of the styles.

    Input: a dictionary of ``image``, photographs, ``(batch, height, width, 3)`` RGB float32 in
        [0, 255], and ``style``, ``(batch, styles)`` float32, one-hot.
    """

    def __init__(
        self,
        network: TransformNetwork,
        objective: Objective,
        names: Sequence[str] = ("style",),
        **kwargs: Any,
    ) -> None:
        # Each layer casts for itself; the photographs stay in 32 bits for the loss network.
        super().__init__(autocast=False, **kwargs)
        self.network = network
        self.loss_network = objective.loss_network  # where Keras sees its weights
        self.objective = objective
        self.names = tuple(names)
        self.means = [keras.metrics.Mean(name=name) for name in TERMS]
        self.style_means = StyleMeans(self.names)

    def call(self, x: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Paints the photographs."""
        return self.network(self.network.as_input(x["image"], x["style"]), training=training)

    def terms(self, x: Mapping[str, Tensor], pictures: Tensor) -> dict[str, Tensor]:
        """Returns the loss of pictures and its terms, ``(batch,)``; see ``Objective.terms``."""
        wanted = self.objective.content_network(x["image"])
        return self.objective.terms(wanted, pictures, x["style"], x["image"])

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the mean loss of pictures ``y_pred`` painted from ``x``."""
        terms = self.terms(x, y_pred)
        # What repeats photographs has another measure of style, and would mix with the paintings'.
        painted = 1 - ops.matmul(x["style"], self.objective.targets.identity)
        for mean in self.means:
            mean.update_state(terms[mean.name], None if mean.name == "loss" else painted)
        self.style_means.update_state(terms["style"], x["style"])
        return ops.mean(terms["loss"])

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means since they were last reset: terms, of paintings alone; many styles' losses."""
        return [*self.means, self.style_means] if len(self.names) > 1 else self.means
