"""Moving styles between networks: the rows of scale and shift beside the layers that all share."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from onestroke.models.style_file import painted_styles, style_names
from onestroke.models.transform_network import TransformNetwork

ROWS = ("scale", "shift")
MOVING = ("moving_mean", "moving_deviation")  # only networks with an identity have them


def copy_network(source: TransformNetwork, target: TransformNetwork, blends: np.ndarray) -> None:
    """Gives a network the layers of another one of its preset, and blends of its styles.

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
            continue  # yet to be learnt
        values = known[mine.path]
        mine.assign(blends @ values if is_row(mine) else values)


def extract_blend(source: TransformNetwork, style: Mapping[str, float]) -> TransformNetwork:
    """Returns a network of one style, a blend of those of another network.

    Args:
        source: the network with the styles.
        style: weights above 0 by name, their sum 1, the identity not among them, which would be
            normalised otherwise; the new style is called by all these names.
    """
    names = style_names(source.get_config())
    network = TransformNetwork(source.preset, 1, _describe_blend(source.metadata, style))
    copy_network(source, network, np.array([[style.get(name, 0.0) for name in names]]))
    return network


def _describe_blend(metadata: Mapping[str, Any], style: Mapping[str, float]) -> dict[str, Any]:
    """Returns what a network's description says of a blend of its styles.

    Settings and losses are those of the training that learnt all of its styles, if one did.
    """
    name, captions = "+".join(style), metadata.get("captions", {})
    about = {
        **metadata,
        "style_names": [name],
        "captions": {name: captions[name]} if name in captions else {},
        "blend": dict(style),
        "settings": None,
        "losses": None,
    }
    training: Mapping[str, Any] | None = metadata
    while training and not style.keys() <= (paintings := _paintings(training)).keys():
        training = _joined_to(training)
    for of_all in ("began_with", "evaluated"):
        about.pop(of_all, None)
    if training is metadata and _joined_to(metadata):
        about.pop("notice", None)  # which is of the older styles
    if training:
        settings = training["settings"]
        pictures = [
            {picture: share * weight}
            for one, weight in style.items()
            for picture, share in paintings[one].items()
        ]
        own = {"pictures": [pictures], "names": [name], "captions": about["captions"]}
        about["settings"] = {**settings, "style": {**settings["style"], **own}}
        if len(style) == 1:
            about["losses"] = _losses_of(name, training.get("losses") or {}, len(paintings))
            if figures := training.get("evaluated", {}).get(name):
                about["evaluated"] = {name: figures}
    return about


def _joined_to(training: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns what a training began with, if its result still holds those styles."""
    network = (training.get("settings") or {}).get("network", {})
    joins = network.get("learn") == "rows" and network.get("keep")
    return training.get("began_with") if joins else None


def _paintings(training: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Returns the paintings of each style that a training learnt, their shares' sum 1, by name."""
    if not training.get("settings"):
        return {}
    pictures = training["settings"]["style"]["pictures"]
    # Those that it began with stand before its own.
    names = painted_styles(training["style_names"])[-len(pictures) :]
    found = {}
    for name, blend in zip(names, pictures, strict=True):
        shares = {picture: share for entry in blend for picture, share in entry.items()}
        found[name] = {picture: share / sum(shares.values()) for picture, share in shares.items()}
    return found


def _losses_of(
    name: str, losses: Mapping[str, Mapping[str, float]], styles: int
) -> Mapping[str, Mapping[str, float]]:
    """Returns the losses of one of the styles that were learnt together."""
    key = f"style/{name}"
    if styles == 1 and not any(key in terms for terms in losses.values()):
        return losses
    # The terms without a name are those of all styles together.
    own: dict[str, dict[str, float]] = {of: {} for of in losses}
    for of, terms in losses.items():
        for key, loss in terms.items():
            term, _, owner = key.partition("/")
            if owner == name:
                own[of][term] = loss
    return own


def join_networks(
    first: TransformNetwork, second: TransformNetwork, metadata: dict[str, Any]
) -> TransformNetwork:
    """Returns a network of the first one's layers with the styles of both.

    Raises:
        ValueError: their layers differ, so that the styles of one mean nothing to the other.
    """
    identity = first.identity
    if identity is None and second.identity is not None:
        identity = first.styles + second.identity
    styles = first.styles + second.styles
    joined = TransformNetwork(first.preset, styles, metadata, identity=identity)
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
            raise ValueError(f"expected networks of the same layers; {mine.path} differs")
    return joined


def _values_by_path(network: TransformNetwork) -> dict[str, np.ndarray]:
    return {v.path: keras.ops.convert_to_numpy(v) for v in network.variables}


def freeze_shared_layers(network: TransformNetwork) -> None:
    """Freezes the layers that all styles share."""
    for layer in network.layers:
        layer.trainable = any(is_row(variable) for variable in layer.variables)


def is_row(variable: keras.Variable) -> bool:
    """Whether a variable holds a row for every style."""
    return variable.name in ROWS
