"""Moving styles between networks: the rows of scale and shift beside the layers that all share."""

from typing import Any

import keras
import numpy as np

from onestroke.models.transform import TransformNetwork

ROWS = ("scale", "shift")


def copy_network(source: TransformNetwork, target: TransformNetwork, blends: np.ndarray) -> None:
    """Gives a network the layers of another one of its preset, and blends of its styles.

    Args:
        source: the network to copy.
        target: the network to change.
        blends: for each style of ``target`` the weights of those of ``source``, ``(target
            styles, source styles)``. A one-hot row copies a style bit for bit.
    """
    blends = np.asarray(blends, np.float32)
    for its, mine in zip(source.variables, target.variables, strict=True):
        values = keras.ops.convert_to_numpy(its)
        mine.assign(blends @ values if is_row(its) else values)


def join_networks(
    first: TransformNetwork, second: TransformNetwork, metadata: dict[str, Any]
) -> TransformNetwork:
    """Returns a network of the first one's layers with the styles of both.

    Raises:
        ValueError: their layers differ, so that the styles of one mean nothing to the other.
    """
    joined = TransformNetwork(first.preset, first.styles + second.styles, metadata)
    for mine, one, two in zip(joined.variables, first.variables, second.variables, strict=True):
        values = [keras.ops.convert_to_numpy(variable) for variable in (one, two)]
        if is_row(one):
            mine.assign(np.concatenate(values))
        elif np.array_equal(*values):
            mine.assign(values[0])
        else:
            raise ValueError(f"expected networks of the same layers; {one.path} differs")
    return joined


def learn_only_rows(network: TransformNetwork) -> None:
    """Freezes the layers that all styles share."""
    for layer in network.layers:
        layer.trainable = any(is_row(variable) for variable in layer.variables)


def is_row(variable: keras.Variable) -> bool:
    """Whether a variable holds a row for every style."""
    return variable.name in ROWS
