"""Initial rows of new styles: the blend of known styles that is nearest to each painting."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from scipy.optimize import nnls

from onestroke.losses.objective import Objective
from onestroke.losses.terms import gram_matrix
from onestroke.models.transform_network import TransformNetwork

Grams = dict[str, np.ndarray]  # by layer


def find_initial_blends(
    network: TransformNetwork, objective: Objective, photographs: Sequence[np.ndarray]
) -> np.ndarray:
    """Finds for each new painting the blend of known styles with the most similar Gram matrices.

    1. The network paints the photographs in every known style.
    2. Non-negative least squares fits the Gram matrices of a new painting as a weighted sum of the
       Gram matrices of these pictures. The weights are the blend.
    3. The network paints in the blend. If a single known style is nearer to the painting, that
       style replaces the blend, because blended rows do not blend pictures exactly. A style that is
       trained further therefore starts where its training ended.

    A new identity starts as the identity of the network, or as an even blend without one.

    Args:
        network: contains the known styles.
        objective: the loss of the new styles.
        photographs: ``(height, width, 3)`` uint8 RGB.

    Returns:
        ``(new styles, known styles)``; each row adds up to 1.
    """
    one_hot = np.eye(network.styles)
    # The rows of the identity apply to features that are not normalised; they cannot be blended.
    painted = [one_hot[i] for i in range(network.styles) if i != network.identity]
    known = [_grams_of_blend(network, style, objective, photographs) for style in painted]
    blends = []
    for i, is_identity in enumerate(ops.convert_to_numpy(objective.targets.identity)):
        if not is_identity:
            blends.append(
                _fit(network, objective, photographs, index=i, styles=painted, known=known)
            )
        elif network.identity is not None:
            blends.append(one_hot[network.identity])
        else:
            blends.append(np.full(network.styles, 1 / network.styles))
    return np.stack(blends)


def _fit(
    network: TransformNetwork,
    objective: Objective,
    photographs: Sequence[np.ndarray],
    *,
    index: int,
    styles: Sequence[np.ndarray],
    known: Sequence[Grams],
) -> np.ndarray:
    """Returns the blend for one new painting.

    Args:
        network: contains the known styles.
        objective: the loss of the new styles.
        photographs: ``(height, width, 3)`` uint8 RGB.
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
    grams = _grams_of_blend(network, blend, objective, photographs)
    is_nearer = np.linalg.norm(_flatten(grams, scale) - target) < distances[nearest]
    return blend if is_nearer else styles[nearest]


def _grams_of_blend(
    network: TransformNetwork,
    blend: np.ndarray,
    objective: Objective,
    photographs: Sequence[np.ndarray],
) -> Grams:
    """Returns the mean Gram matrices of the photographs painted in a blend of styles."""
    style = blend.astype(np.float32)[None]
    sums: Grams = {}
    for photograph in photographs:
        image = np.asarray(photograph, np.float32)[None]
        painted = network(network.as_input(image, style))
        features = objective.loss_network(painted)
        for name in objective.weights.style_layers:
            gram = ops.convert_to_numpy(gram_matrix(features[name]))[0]
            sums[name] = sums.get(name, 0) + gram / len(photographs)
    return sums


def _flatten(grams: Grams, scale: dict[str, float]) -> np.ndarray:
    parts = [(grams[name] * scale[name]).ravel() for name in grams]
    return np.concatenate(parts).astype(np.float64)
