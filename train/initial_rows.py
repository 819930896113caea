"""Initial rows of new styles: blends of known styles that are near to each painting."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from onestroke.data.paintings import Style
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
PENALTIES = (0.1, 1.0)  # of weights, as shares of the mean eigenvalue of the normal matrix
SAME = 1e-6  # squared differences of styles that are equal, as a share of the painting's energy


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
    paintings: Sequence[Style],
) -> np.ndarray:
    """Finds for each new painting the blend of known styles with the most similar Gram matrices.

    A painting that the network has learned starts as that style, so that a style that is trained
    further starts where its training ended. For others:

    1. Ridge regression towards the even blend fits the Gram matrices of a new painting as a
       weighted sum of those of the known styles (Hoerl and Kennard 1970). The weights are the
       blend. Departure: they add up to 1, as rows do in painting. They can be negative: a painting
       may have less of something than any known style.
    2. The network paints the photographs in two such blends, of a small and of a large penalty,
       because blended rows do not blend pictures exactly. The blend whose Gram matrices are nearer
       to the painting's is taken, or a single known style if that is nearer than both.

    A new identity starts as the identity of the network, or as an even blend without one.

    Args:
        network: contains the known styles.
        objective: the loss of the new styles.
        known: from ``measure_known_styles``.
        paintings: the new paintings, in the order of ``objective``.

    Returns:
        ``(new styles, known styles)``; each row adds up to 1.
    """
    styles, one_hot = _known_styles(network), np.eye(network.styles)
    blends = []
    for i, is_identity in enumerate(ops.convert_to_numpy(objective.targets.identity)):
        learned = network.identity if is_identity else _find_learned(network, paintings[i])
        if learned is not None:
            blends.append(one_hot[learned])
        elif is_identity:
            blends.append(np.full(network.styles, 1 / network.styles))
        else:
            blends.append(_fit(network, objective, index=i, styles=styles, known=known))
    return np.stack(blends)


def _find_learned(network: TransformNetwork, style: Style) -> int | None:
    """Returns the number of the known style of the same paintings, None if there is none."""
    shares = np.divide(style.shares, np.sum(style.shares))
    for i, known in enumerate(network.card.styles):
        hashes = [painting.sha256 for painting in known.paintings]
        is_same = bool(hashes) and hashes == [*style.sha256]
        if is_same and np.allclose([painting.share for painting in known.paintings], shares):
            return i
    return None


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
    rows = np.stack([_flatten(grams, scale) for grams in known])
    distances = [np.linalg.norm(row - target) for row in rows]
    blends = [*styles]
    for penalty in PENALTIES:
        blend = _ridge_weights(rows, target, penalty) @ np.stack(styles)
        grams = _grams_of_blend(network, blend, objective.loss_network)
        blends.append(blend)
        distances.append(np.linalg.norm(_flatten(grams, scale) - target))
    return blends[int(np.nanargmin(distances))]  # a picture of large weights may overflow


def _ridge_weights(styles: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Returns the weights of styles whose sum is near to a target, ``(styles,)``; they sum to 1.

    They minimise ``|weights @ styles - target|² + penalty * energy * |weights - 1 / n|²``, where
    ``energy`` is the mean eigenvalue of the normal matrix.

    Args:
        styles: flattened Gram matrices, ``(styles, numbers)``.
        target: those of the painting, ``(numbers,)``.
        penalty: of weights that are not equal.
    """
    count = len(styles)
    even = styles.mean(axis=0)
    # Differences from the mean add up to zero, and so do the changes of the weights.
    differences = styles - even
    normal = differences @ differences.T
    energy = max(np.trace(normal) / count, SAME * target @ target)  # not 0 for equal styles
    changes = np.linalg.solve(
        normal + penalty * energy * np.eye(count), differences @ (target - even)
    )
    return 1 / count + changes


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
