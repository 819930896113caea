"""Muon for convolutions.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces the
momentum of a weight matrix by the nearest matrix with equal singular values, so that weak
directions of the gradient get steps as large as strong ones. The Muon of Keras updates convolutions
with Adam.
"""

import math
from typing import Any

import keras
from keras import ops

from onestroke.models.layers import Tensor

LAST = "last"  # the output layer, updated by Adam as Jordan et al. recommend


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon for the kernels of convolutions, Adam for scales, shifts and the last layer.

    A kernel ``(height, width, in, out)`` is reshaped to a matrix ``(height * width * in, out)``.
    Steps are scaled to the length of Adam's (Liu et al. 2025, "Muon is scalable for LLM training",
    eq. 4).

    Args:
        learning_rate: learning rate of the convolutions.
        adam_share: learning rate of all other variables, as a share of ``learning_rate``.
        matrix_dtype: precision of the search for the nearest matrix; bfloat16 is sufficient (Jordan
            et al.).
    """

    def __init__(
        self,
        learning_rate: Any,
        *,
        adam_share: float,
        matrix_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            adam_lr_ratio=adam_share,
            weight_decay=None,
            adam_weight_decay=None,
            **kwargs,
        )
        self.matrix_dtype = matrix_dtype

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4 or LAST in variable.path

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """Returns the nearest matrix with equal singular values, in the shape of the kernel."""
        matrix = ops.reshape(ops.cast(x, self.matrix_dtype), (-1, x.shape[-1]))
        nearest = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.cast(ops.reshape(nearest, x.shape), x.dtype)

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Scales a step by the square root of the longer side of the matrix."""
        *seen, out = x.shape
        return x * (self.rms_rate * max(math.prod(seen), out) ** 0.5)
