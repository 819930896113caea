"""Gradient ascent with steps of a fixed length, as in Keras' example of DeepDream."""

from collections.abc import Callable

import numpy as np

from onestroke.models.dream_network import HALF_RANGE
from onestroke.optimize.descent import AfterIteration, Descent, Terms

SMALLEST_NORM = 1e-6  # of a gradient, so that a picture without features does not divide by zero


def ascend(
    loss: Callable[[np.ndarray], tuple[Terms, np.ndarray]],
    *,
    descent: Descent,
    iterations: int,
    after: AfterIteration,
    step: float,
    max_loss: float | None,
) -> bool:
    """Ascends: adds ``step`` times the gradient divided by its L2 norm.

    Lengths are in the range [-1, 1] of InceptionV3: a step of 1 is ``HALF_RANGE`` in pixel values.
    Departure from the example: every step is clipped to [0, 255]. Otherwise, most of the loss comes
    from values that no picture file can contain.

    Args:
        loss: returns the terms of a picture, and the gradient with respect to its pixels.
        descent: the initial state; updated in place.
        iterations: largest number of iterations.
        after: called after each iteration with the terms of the picture before it.
        step: L2 norm of the change in one iteration.
        max_loss: the iteration whose loss is above this one is the last; None for no limit.

    Returns:
        True if the loss is above ``max_loss``.
    """
    for _ in range(iterations):
        terms, gradient = loss(descent.picture)
        direction = normalize(gradient * np.float32(HALF_RANGE))
        ascended = descent.picture + np.float32(step * HALF_RANGE) * direction
        descent.picture = np.clip(ascended, 0, 255)
        proceeds = after(terms, descent.picture)
        if max_loss is not None and terms["loss"] > max_loss:
            return True
        if not proceeds:
            return False
    return False


def normalize(gradient: np.ndarray) -> np.ndarray:
    """Divides a gradient by its L2 norm, or by ``SMALLEST_NORM`` if that is larger."""
    norm = np.sqrt(np.sum(np.square(gradient), dtype=np.float64))
    return gradient / np.float32(max(norm, SMALLEST_NORM))
