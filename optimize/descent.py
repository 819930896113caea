"""Gradient descent on the pixels of one picture (Gatys et al. 2016, section 2).

With L-BFGS, as in the paper, or Adam. Both keep the pixels in [0, 255], as the baseline of Johnson
et al. 2016 does (section 4.1).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from onestroke.errors import OnestrokeError, explain_memory_errors
from onestroke.losses.objective import Objective
from onestroke.models.layers import Tensor

HISTORY = 10  # pairs of steps from which L-BFGS estimates the curvature
EVALUATIONS = 20  # largest number of evaluations of the loss in one line search

Terms = Mapping[str, float]
AfterIteration = Callable[[Terms, np.ndarray], bool]
"""Called with the terms of the loss and the picture; returns whether to continue."""


class PixelObjective(Protocol):
    """A loss of pictures whose gradient TensorFlow computes."""

    def terms(self, content: Mapping[str, Tensor], batch: Tensor) -> Mapping[str, Tensor]:
        """Returns ``loss`` and other terms of ``(batch, height, width, 3)``, each ``(batch,)``."""


class PixelLoss:
    """The loss of a picture and its gradient.

    Args:
        objective: the loss.
        remedy: what to do about a loss that is not finite.
    """

    def __init__(self, objective: PixelObjective, remedy: str) -> None:
        self.remedy = remedy
        self._terms_of = objective.terms
        self._compiled = tf.function(self._terms_and_gradient)

    def __call__(
        self, picture: np.ndarray, content: Mapping[str, Tensor]
    ) -> tuple[Terms, np.ndarray]:
        """Returns the terms of the loss, and the gradient of the loss with respect to the pixels.

        Args:
            picture: ``(height, width, 3)`` RGB in [0, 255].
            content: what the objective compares the picture with, of the same size.

        Raises:
            OnestrokeError: the loss is not finite, or the memory is too small.
        """
        with explain_memory_errors(*_memory_advice(picture)):
            tensors, gradient = self._compiled(tf.constant(picture[None], tf.float32), content)
        terms = {name: float(term[0]) for name, term in tensors.items()}
        if not math.isfinite(terms["loss"]):
            raise OnestrokeError(f"the loss is {terms['loss']}; {self.remedy}")
        return terms, gradient[0].numpy()

    def _terms_and_gradient(self, batch: Tensor, content: Mapping[str, Tensor]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            terms = self._terms_of(content, batch)
        return terms, tape.gradient(terms["loss"], batch)


class PictureLoss(PixelLoss):
    """The loss of a picture and its gradient, for any photograph.

    Args:
        objective: the loss.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__(
            objective, "lower the weights of section loss, or choose another loss.vgg19"
        )
        self.objective = objective

    def content_of(self, photograph: np.ndarray) -> dict[str, Tensor]:
        """Returns the content features of a photograph, ``(height, width, 3)``."""
        with explain_memory_errors(*_memory_advice(photograph)):
            return self.objective.content_network(np.asarray(photograph, np.float32)[None])


def _memory_advice(picture: np.ndarray) -> tuple[str, str]:
    """Returns the purpose and the remedy for an out-of-memory error."""
    height, width = picture.shape[:2]
    return f"to optimise {width} x {height} pixels", "choose a smaller --size"


def first_picture(start: str, photograph: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns the initial picture, float64 RGB in [0, 255]: the photograph, or noise.

    Args:
        start: one of ``STARTS``.
        photograph: ``(height, width, 3)`` in [0, 255].
        seed: seed of the noise.
    """
    if start == "noise":
        return np.random.default_rng(seed).uniform(0, 255, photograph.shape)
    return photograph.astype(np.float64)


@dataclass
class Descent:
    """The state of a descent.

    Attributes:
        picture: ``(height, width, 3)`` float64 RGB in [0, 255].
        memory: arrays of the method by name; empty at the start.
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
    """Descends with L-BFGS-B (Byrd et al. 1995). Each call starts without curvature pairs.

    Args:
        loss: the loss of a picture.
        content: content features of the photograph, from ``PictureLoss.content_of``.
        descent: the initial state; updated in place.
        iterations: largest number of iterations; fewer if no step reduces the loss.
        after: called after each iteration.
    """
    shape = descent.picture.shape
    # As a mean over pixels, the loss would change in a first step by less than float32 resolves.
    scale = descent.picture.size
    latest: Terms = {}

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal latest
        latest, gradient = loss(flat.reshape(shape), content)
        return scale * latest["loss"], scale * gradient.ravel().astype(np.float64)

    def callback(intermediate_result: Any) -> None:
        # The line search accepts the picture that it evaluated last.
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
            "ftol": 0.0,  # the caller decides how many iterations, not SciPy
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
    """Descends with Adam (Kingma and Ba 2015); each step is clipped to [0, 255].

    Args:
        loss: the loss of a picture.
        content: content features of the photograph, from ``PictureLoss.content_of``.
        descent: the initial state; updated in place, with the variables of the optimizer.
        iterations: number of iterations.
        after: called after each iteration with the terms of the picture before it.
        learning_rate: in pixel values per step.
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
