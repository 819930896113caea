"""Makes the loss of one picture small by changing its pixels (Gatys et al. 2016, section 2).

L-BFGS, as the paper has it, or Adam, both within [0, 255]: what a file cannot hold is not
searched, as in the baseline of Johnson et al. 2016 (section 4.1).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from onestroke.errors import OnestrokeError, explain_memory_errors
from onestroke.losses.objective import Objective
from onestroke.models.layers import Tensor

HISTORY = 10  # pairs of steps from which L-BFGS takes the curvature
EVALUATIONS = 20  # at most, of the loss in one line search

Terms = Mapping[str, float]
AfterIteration = Callable[[Terms, np.ndarray], bool]
"""Is given the terms of the loss and the picture; whether to go on."""


class PictureLoss:
    """The loss of a picture and its gradient, for any photograph.

    Args:
        objective: what is to be made small.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._compiled = tf.function(self._terms_and_gradient)

    def content_of(self, photograph: np.ndarray) -> dict[str, Tensor]:
        """Returns what a picture of the photograph, ``(height, width, 3)``, should keep."""
        with explain_memory_errors(*_of_size(photograph)):
            return self.objective.content_network(np.asarray(photograph, np.float32)[None])

    def __call__(
        self, picture: np.ndarray, content: Mapping[str, Tensor]
    ) -> tuple[Terms, np.ndarray]:
        """Returns the terms of the loss, and the gradient of the loss by the pixels.

        Args:
            picture: ``(height, width, 3)`` RGB in [0, 255].
            content: from ``content_of``, of a photograph of the same size.

        Raises:
            OnestrokeError: the loss is no finite number, or memory is too little.
        """
        with explain_memory_errors(*_of_size(picture)):
            tensors, gradient = self._compiled(tf.constant(picture[None], tf.float32), content)
        terms = {name: float(term[0]) for name, term in tensors.items()}
        if not math.isfinite(terms["loss"]):
            raise OnestrokeError(
                f"expected a finite loss; it is {terms['loss']}; lower the weights of section "
                "loss, or name another loss.vgg19"
            )
        return terms, gradient[0].numpy()

    def _terms_and_gradient(self, batch: Tensor, content: Mapping[str, Tensor]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            terms = self.objective.terms(content, batch)
        return terms, tape.gradient(terms["loss"], batch)


def _of_size(picture: np.ndarray) -> tuple[str, str]:
    """Returns what memory is for, and what to do where there is too little."""
    height, width = picture.shape[:2]
    return f"to optimise {width} x {height} pixels", "choose a smaller --size"


def first_picture(start: str, photograph: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns where to start, float64 RGB in [0, 255]: the photograph, or noise of its size.

    Args:
        start: one of ``STARTS``.
        photograph: ``(height, width, 3)`` in [0, 255].
        seed: of the noise.
    """
    if start == "noise":
        return np.random.default_rng(seed).uniform(0, 255, photograph.shape)
    return photograph.astype(np.float64)


@dataclass
class Descent:
    """A picture on its way down, and what the method remembers of the way.

    Attributes:
        picture: ``(height, width, 3)`` float64 RGB in [0, 255].
        memory: arrays of the method, by name; empty at the start.
    """

    picture: np.ndarray
    memory: dict[str, np.ndarray] = field(default_factory=dict)


def descend_by_lbfgs(
    loss: PictureLoss,
    content: Mapping[str, Tensor],
    *,
    descent: Descent,
    iterations: int,
    after: AfterIteration,
) -> None:
    """L-BFGS-B (Byrd et al. 1995). Each call begins without a memory of steps.

    Args:
        loss: of a picture.
        content: what to keep, from ``PictureLoss.content_of``.
        descent: where to start; holds the result.
        iterations: how many at most; fewer where no step makes the loss smaller.
        after: called after each.
    """
    shape = descent.picture.shape
    # As a mean over pixels, the loss would fall by less than 32 bits tell apart in a first step.
    scale = descent.picture.size
    latest: Terms = {}

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal latest
        latest, gradient = loss(flat.reshape(shape), content)
        return scale * latest["loss"], scale * gradient.ravel().astype(np.float64)

    def callback(intermediate_result: Any) -> None:
        # The last picture whose loss was asked for is the one that the line search has taken.
        descent.picture = intermediate_result.x.reshape(shape).copy()
        if not after(latest, descent.picture):
            raise StopIteration

    minimize(
        value_and_gradient,
        descent.picture.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 255.0)] * descent.picture.size,
        callback=callback,
        options={
            "maxiter": iterations,
            "maxfun": iterations * EVALUATIONS,
            "maxcor": HISTORY,
            "maxls": EVALUATIONS,
            "ftol": 0.0,  # whoever asks says how many iterations, not scipy
            "gtol": 0.0,
        },
    )


def descend_by_adam(
    loss: PictureLoss,
    content: Mapping[str, Tensor],
    *,
    descent: Descent,
    iterations: int,
    after: AfterIteration,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> None:
    """Adam (Kingma and Ba 2015), each step cut to [0, 255].

    Args:
        loss: of a picture.
        content: what to keep, from ``PictureLoss.content_of``.
        descent: where to start; holds the result and the optimizer's variables.
        iterations: how many.
        after: called after each, with the terms of the picture before it.
        learning_rate: in pixel values a step.
    """
    variable = keras.Variable(descent.picture, dtype="float32")
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build([variable])
    for i, remembered in enumerate(optimizer.variables):
        if f"adam{i}" in descent.memory:
            remembered.assign(descent.memory[f"adam{i}"])
    for _ in range(iterations):
        terms, gradient = loss(variable.numpy(), content)
        optimizer.apply([tf.constant(gradient)], [variable])
        variable.assign(tf.clip_by_value(variable.value, 0.0, 255.0))
        descent.picture = variable.numpy().astype(np.float64)
        descent.memory = {f"adam{i}": v.numpy() for i, v in enumerate(optimizer.variables)}
        if not after(terms, descent.picture):
            return
