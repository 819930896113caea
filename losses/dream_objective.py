"""What a dream increases: the activations of named layers (Mordvintsev et al. 2015)."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from onestroke.models.layers import Tensor

BORDER = 2  # rows and columns of a feature that are left out at each edge, where padding shows
GUIDE_POSITIONS = 4096  # of one layer, evenly spaced; more would only cost time


class DreamObjective:
    """The weighted mean of squared activations, or of their agreement with a guide.

    Without a guide, a layer with activations ``a`` contributes ``mean(a ** 2)``. With a guide, each
    position is compared with the position ``g`` of the guide that has the largest dot product
    ``sum(a * g)``, as in Mordvintsev et al.; the layer contributes ``mean(a * g)``.

    Args:
        features: the network, from ``(batch, height, width, 3)`` RGB in [0, 255] to features.
        weights: weight of each layer.
        guide: ``(height, width, 3)`` RGB in [0, 255], or None.
    """

    def __init__(
        self,
        features: keras.Model,
        weights: Mapping[str, float],
        guide: np.ndarray | None = None,
    ) -> None:
        self.features = features
        self.weights = dict(weights)
        self.guides: dict[str, Tensor] = {}
        if guide is not None:
            found = features(ops.convert_to_tensor(guide[None], "float32"))
            self.guides = {name: _positions_of(found[name]) for name in self.weights}

    def terms(self, content: Mapping[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
        """Returns ``loss`` and the contribution of each layer, all of shape ``(batch,)``.

        Args:
            content: not used; a dream is compared with nothing.
            batch: ``(batch, height, width, 3)`` RGB in [0, 255].
        """
        del content
        features = self.features(batch)
        terms = {f"layer_{name}": self._strength(name, features[name]) for name in self.weights}
        loss = sum(self.weights[name] * terms[f"layer_{name}"] for name in self.weights)
        return {"loss": loss, **terms}

    def _strength(self, name: str, feature: Tensor) -> Tensor:
        inner = feature[:, BORDER:-BORDER, BORDER:-BORDER, :]
        if name not in self.guides:
            return ops.mean(ops.square(inner), axis=(1, 2, 3))
        return ops.mean(inner * nearest_positions(inner, self.guides[name]), axis=(1, 2, 3))


def nearest_positions(feature: Tensor, guide: Tensor) -> Tensor:
    """Returns for each position the vector of the guide with the largest dot product.

    Args:
        feature: ``(batch, rows, columns, channels)``.
        guide: ``(positions, channels)``.

    Returns:
        The shape of ``feature``, without a gradient.
    """

    # One row at a time: all products of a large picture would not fit the memory.
    def nearest_of(row: Tensor) -> Tensor:
        products = ops.matmul(row, ops.transpose(guide))
        return ops.take(guide, ops.argmax(products, axis=-1), axis=0)

    shape = ops.shape(feature)
    rows = ops.reshape(ops.stop_gradient(feature), (-1, shape[2], shape[3]))
    found = tf.map_fn(nearest_of, rows, parallel_iterations=1)
    return ops.stop_gradient(ops.reshape(found, shape))


def _positions_of(feature: Tensor) -> Tensor:
    """Returns ``(positions, channels)``, at most ``GUIDE_POSITIONS`` of them."""
    inner = feature[0, BORDER:-BORDER, BORDER:-BORDER, :]
    stride = 1
    while -(-inner.shape[0] // stride) * -(-inner.shape[1] // stride) > GUIDE_POSITIONS:
        stride += 1
    inner = inner[::stride, ::stride]
    return ops.reshape(inner, (-1, inner.shape[-1]))
