"""The Keras model that is trained: the transformation network with its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from onestroke.losses.objective import Objective
from onestroke.losses.stability import stability_loss
from onestroke.models.layers import Tensor
from onestroke.models.replicas import count_replicas
from onestroke.models.transform_network import TransformNetwork
from onestroke.train.style_means import PaintingMean, StyleMeans


class StyleTrainer(keras.Model):
    """The transformation network with its loss.

    Args:
        network: the network to train.
        objective: the loss.
        names: names of the styles.

    Input shape:
        A dictionary of ``image``, photographs ``(batch, height, width, 3)`` RGB float32 in
        [0, 255], and ``style``, ``(batch, styles)`` float32, one-hot.

    Output shape:
        ``(batch, height, width, 3)`` RGB float32 in [0, 255].
    """

    def __init__(
        self,
        network: TransformNetwork,
        objective: Objective,
        names: Sequence[str] = ("style",),
        **kwargs: Any,
    ) -> None:
        # The layers cast themselves. The loss network needs the photographs in float32.
        super().__init__(autocast=False, **kwargs)
        self.network = network
        self.loss_network = objective.loss_network  # an attribute, so that Keras tracks the weights
        self.objective = objective
        self.names = tuple(names)
        self.means = [PaintingMean(name=name) for name in objective.names]
        # Beside the loss, which is that of single pictures.
        self.stability = PaintingMean(name="stability") if objective.weights.stability else None
        self.style_means = StyleMeans(self.names)
        # All variables exist. Otherwise, Keras on JAX would build the model from the first batch,
        # and start the training at the second one (keras-team/keras issue 20394).
        self.built = True

    def call(self, x: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Paints the photographs."""
        return self.network(self.network.as_input(x["image"], x["style"]), training=training)

    def terms(
        self,
        x: Mapping[str, Tensor],
        pictures: Tensor,
        *,
        wanted: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the loss of pictures and its terms, ``(batch,)``; see ``Objective.terms``.

        Args:
            x: the photographs and their styles.
            pictures: painted from the photographs.
            wanted: content features of the photographs, if they are known already.
            features: all features of the pictures, if they are known already.
        """
        if wanted is None:
            wanted = self.objective.content_network(x["image"])
        return self.objective.terms(wanted, pictures, x["style"], x["image"], features)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the mean loss of the pictures ``y_pred`` that were painted from ``x``.

        On one of several devices: its share of the mean, since gradients are added up.
        """
        terms = self.terms(x, y_pred)
        # The style term of the identity has another unit, so it is left out of the means.
        painted = 1 - ops.matmul(x["style"], self.objective.targets.identity)
        for mean in self.means:
            mean.update_state(terms[mean.name], None if mean.name == "loss" else painted)
        self.style_means.update_state(terms["style"], x["style"])
        loss = ops.mean(terms["loss"])
        if self.stability is not None:
            differences = stability_loss(self, x, y_pred, self.optimizer.iterations)
            self.stability.update_state(differences)
            loss += self.objective.weights.stability * ops.mean(differences)
        return loss / count_replicas()

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means since the last reset. With several styles, also the loss of each style."""
        more = [self.stability] if self.stability is not None else []
        return [*self.means, *more, *([self.style_means] if len(self.names) > 1 else [])]
