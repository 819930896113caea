"""Metrics: means over the pictures of paintings, and the mean style loss of each style."""

from collections.abc import Sequence

import keras
from keras import ops

from onestroke.models.layers import Tensor
from onestroke.models.replicas import sum_over_replicas


class PaintingMean(keras.metrics.Mean):
    """The mean of a loss term, weighted; NaN if the weights of all pictures are 0.

    Keras returns 0 in that case, which reads like a perfect loss in the log.
    """

    def update_state(self, values: Tensor, sample_weight: Tensor | None = None) -> None:
        """Adds ``(batch,)`` values with their weights, by default 1, of all devices."""
        weights = ops.ones_like(values) if sample_weight is None else sample_weight
        total, count = sum_over_replicas(ops.sum(values * weights), ops.sum(weights))
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> Tensor:
        """Returns the mean."""
        return self.total / self.count


class StyleMeans(keras.metrics.Metric):
    """The mean style loss of the pictures in each style, as ``style/NAME``.

    Args:
        names: names of the styles.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(name="style_means")
        self.names = names
        shape = (len(names),)
        self.total = self.add_weight(shape=shape, initializer="zeros", name="total")
        self.count = self.add_weight(shape=shape, initializer="zeros", name="count")

    def update_state(self, losses: Tensor, style: Tensor) -> None:
        """Adds ``(batch,)`` losses of pictures in the styles ``(batch, styles)``, one-hot."""
        total, count = sum_over_replicas(ops.matmul(losses, style), ops.sum(style, axis=0))
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> dict[str, Tensor]:
        """Returns the means by name; NaN for a style without pictures."""
        means = self.total / self.count
        return {f"style/{name}": means[i] for i, name in enumerate(self.names)}
