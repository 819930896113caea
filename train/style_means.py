"""A metric: the mean style loss of each style."""

from collections.abc import Sequence

import keras
from keras import ops

from onestroke.models.layers import Tensor


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
