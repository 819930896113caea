"""The model that Keras trains: the transformation network together with the objective."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from onestroke.losses.loss_settings import TERMS
from onestroke.losses.objective import Objective
from onestroke.models.layers import Tensor
from onestroke.models.transform_network import TransformNetwork
from onestroke.train.style_means import StyleMeans


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
        terms = TERMS if objective.faces is None else (*TERMS, "faces")
        self.means = [keras.metrics.Mean(name=name) for name in terms]
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
