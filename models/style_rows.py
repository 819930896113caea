"""Copies, extracts and joins the styles of networks: rows of scale and shift for each style."""

from collections.abc import Mapping

import keras
import numpy as np

from onestroke.models.derived_cards import blend_card, joined_card
from onestroke.models.transform_network import TransformNetwork

ROWS = ("scale", "shift")
MOVING = ("moving_mean", "moving_deviation")  # only in networks with an identity


def copy_network(source: TransformNetwork, target: TransformNetwork, blends: np.ndarray) -> None:
    """Copies the layers of a network of the same preset, and blends of its styles.

    Args:
        source: the network to copy.
        target: the network to change.
        blends: for each style of ``target`` the weights of those of ``source``, ``(target
            styles, source styles)``. A one-hot row copies a style bit for bit.
    """
    blends = np.asarray(blends, np.float32)
    known = _values_by_path(source)
    for mine in target.variables:
        if mine.name in MOVING and source.identity is None:
            continue  # not trained yet
        values = known[mine.path]
        mine.assign(blends @ values if is_row(mine) else values)


def extract_blend(source: TransformNetwork, style: Mapping[str, float]) -> TransformNetwork:
    """Returns a network of one style, a blend of the styles of another network.

    Args:
        source: the network with the styles.
        style: weights above 0 by name, their sum 1. The identity is not allowed, because it is
            normalised in another way.
    """
    names = source.card.style_names
    network = TransformNetwork(source.preset, card=blend_card(source.card, style))
    copy_network(source, network, np.array([[style.get(name, 0.0) for name in names]]))
    return network


def join_networks(first: TransformNetwork, second: TransformNetwork) -> TransformNetwork:
    """Returns a network of the first one's layers with the styles of both.

    Raises:
        ValueError: the shared layers differ, so that the styles cannot be exchanged.
    """
    identity = first.identity
    if identity is None and second.identity is not None:
        identity = first.styles + second.identity
    styles = first.styles + second.styles
    card = joined_card(first.card, second.card)
    joined = TransformNetwork(first.preset, styles, identity=identity, card=card)
    known = [(network, _values_by_path(network)) for network in (first, second)]
    for mine in joined.variables:
        values = [
            its[mine.path]
            for network, its in known
            if mine.name not in MOVING or network.identity is not None
        ]
        if is_row(mine):
            mine.assign(np.concatenate(values))
        elif np.array_equal(values[0], values[-1]):
            mine.assign(values[0])
        else:
            raise ValueError(f"the networks have different shared layers: {mine.path} differs")
    return joined


def _values_by_path(network: TransformNetwork) -> dict[str, np.ndarray]:
    return {v.path: keras.ops.convert_to_numpy(v) for v in network.variables}


def freeze_shared_layers(network: TransformNetwork) -> None:
    """Freezes the layers that all styles share."""
    for layer in network.layers:
        layer.trainable = any(is_row(variable) for variable in layer.variables)


def is_row(variable: keras.Variable) -> bool:
    """Returns whether a variable has a row for every style."""
    return variable.name in ROWS
