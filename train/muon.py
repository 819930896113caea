"""Muon for convolutions: steps whose every direction counts alike.

A gradient's few strong directions drown the many weak ones; Muon (Jordan et al. 2024, "Muon: An
optimizer for hidden layers in neural networks") replaces its momentum by the nearest matrix with
equal singular values. Keras' own leaves convolutions to Adam.
"""

import math
from typing import Any

import keras
from keras import ops

from onestroke.models.layers import Tensor

LAST = "last"  # the layer that makes pixels; as the last of any network, left to Adam


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon for the kernels of convolutions, Adam for scales, shifts and the last layer.

    A kernel ``(height, width, in, out)`` is taken as a matrix of all it sees by ``out``. Steps are
    scaled as long as Adam's (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4).

    Args:
        learning_rate: of the convolutions.
        adam_share: of it, for everything else.
        matrix_dtype: in which the nearest matrix is sought; bfloat16 is as good (Jordan et al.).
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
        """Returns the nearest matrix with equal singular values, in the kernel's shape."""
        matrix = ops.reshape(ops.cast(x, self.matrix_dtype), (-1, x.shape[-1]))
        nearest = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.cast(ops.reshape(nearest, x.shape), x.dtype)

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Scales a step by the longer side of the kernel's matrix."""
        *seen, out = x.shape
        return x * (self.rms_rate * max(math.prod(seen), out) ** 0.5)
