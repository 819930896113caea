"""Initial rows of new styles: the blend of known styles that is nearest to each painting."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops
from scipy.optimize import nnls

from onestroke.losses.objective import Objective
from onestroke.losses.packed_grams import Grams
from onestroke.losses.style_targets import measure_grams, typical_photographs
from onestroke.models.style_file import BUNDLED
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import Vgg19Weights

STYLE_GRAMS = {name: file.with_name(f"{name}_grams.npz") for name, file in BUNDLED.items()}
"""What ``measure_known_styles`` returns for the bundled models; see ``tools/pack_grams.py``."""

TRIALS = 4  # photographs on which known styles are compared with new paintings
TRIAL_SIDE = 160  # their height and width in pixels


def trial_photographs() -> np.ndarray:
    """Returns the middles of four bundled photographs, ``(4, 160, 160, 3)`` float32 in [0, 255]."""
    crops = []
    for photograph in typical_photographs()[:TRIALS]:
        top, left = ((side - TRIAL_SIDE) // 2 for side in photograph.shape[:2])
        crops.append(photograph[top : top + TRIAL_SIDE, left : left + TRIAL_SIDE])
    return np.stack(crops).astype(np.float32)


def measure_known_styles(
    network: TransformNetwork, vgg19: Vgg19Weights, pooling: str, layers: Sequence[str]
) -> list[Grams]:
    """Returns the mean Gram matrices of the trial photographs in each style but the identity.

    Args:
        network: contains the styles.
        vgg19: weights of the loss network, which computes in 32 bits.
        pooling: of the loss network.
        layers: names of its layers.
    """
    measuring = loss_network(layers, vgg19, pooling=pooling)
    return [_grams_of_blend(network, style, measuring) for style in _known_styles(network)]


def known_style_key(sha256: str, vgg19: Vgg19Weights, pooling: str) -> tuple[object, ...]:
    """Returns what ``measure_known_styles`` depends on, besides the layers.

    Args:
        sha256: of the style file.
        vgg19: weights of the loss network.
        pooling: of the loss network.
    """
    return ("styles", TRIALS, TRIAL_SIDE, sha256, vgg19.sha256, pooling)


def _known_styles(network: TransformNetwork) -> list[np.ndarray]:
    """Returns the one-hot styles. The rows of the identity cannot be blended with others."""
    one_hot = np.eye(network.styles)
    return [one_hot[i] for i in range(network.styles) if i != network.identity]


def find_initial_blends(
    network: TransformNetwork,
    objective: Objective,
    known: Sequence[Grams],
) -> np.ndarray:
    """Finds for each new painting the blend of known styles with the most similar Gram matrices.

    1. Non-negative least squares fits the Gram matrices of a new painting as a weighted sum of the
       Gram matrices of the known styles. The weights are the blend.
    2. The network paints the photographs in the blend. If a single known style is nearer to the
       painting, that style replaces the blend, because blended rows do not blend pictures exactly.
       A style that is trained further therefore starts where its training ended.

    A new identity starts as the identity of the network, or as an even blend without one.

    Args:
        network: contains the known styles.
        objective: the loss of the new styles.
        known: from ``measure_known_styles``.

    Returns:
        ``(new styles, known styles)``; each row adds up to 1.
    """
    styles = _known_styles(network)
    blends = []
    for i, is_identity in enumerate(ops.convert_to_numpy(objective.targets.identity)):
        if not is_identity:
            blends.append(_fit(network, objective, index=i, styles=styles, known=known))
        elif network.identity is not None:
            blends.append(np.eye(network.styles)[network.identity])
        else:
            blends.append(np.full(network.styles, 1 / network.styles))
    return np.stack(blends)


def _fit(
    network: TransformNetwork,
    objective: Objective,
    *,
    index: int,
    styles: Sequence[np.ndarray],
    known: Sequence[Grams],
) -> np.ndarray:
    """Returns the blend for one new painting.

    Args:
        network: contains the known styles.
        objective: the loss of the new styles.
        index: number of the new painting.
        styles: the known styles, each as a one-hot blend.
        known: Gram matrices of the pictures in each known style.
    """
    layers = objective.weights.style_layers
    wanted = {name: ops.convert_to_numpy(objective.targets.grams[name][index]) for name in layers}
    scale = {name: (layers[name] / np.square(wanted[name]).sum()) ** 0.5 for name in layers}
    target = _flatten(wanted, scale)
    columns = [_flatten(grams, scale) for grams in known]
    # QR decomposition reduces the problem from a million rows to a few, with the same solution.
    _, triangle = np.linalg.qr(np.stack([*columns, target], axis=1))
    weights, _ = nnls(triangle[:, :-1], triangle[:, -1])
    distances = [np.linalg.norm(column - target) for column in columns]
    nearest = int(np.argmin(distances))
    blend = weights / (weights.sum() or 1) @ np.stack(styles)  # the fit may be all zeros
    grams = _grams_of_blend(network, blend, objective.loss_network)
    is_nearer = np.linalg.norm(_flatten(grams, scale) - target) < distances[nearest]
    return blend if is_nearer else styles[nearest]


def _grams_of_blend(
    network: TransformNetwork, blend: np.ndarray, loss_network: keras.Model
) -> Grams:
    """Returns the mean Gram matrices of the trial photographs painted in a blend of styles."""
    photographs = trial_photographs()
    style = np.repeat(blend.astype(np.float32)[None], len(photographs), axis=0)
    return measure_grams(loss_network, network(network.as_input(photographs, style)))


def _flatten(grams: Grams, scale: Mapping[str, float]) -> np.ndarray:
    parts = [(grams[name] * scale[name]).ravel() for name in scale]
    return np.concatenate(parts).astype(np.float64)
