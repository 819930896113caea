"""Which of the styles that a network knows come nearest to a new painting."""

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
    """Returns the blends of a network's styles whose pictures have the Grams of new paintings.

    Every style paints the photographs; a painting's Gram matrices are then taken for the weighted
    sum of the pictures', with the non-negative weights of the least squares. As blended scales and
    shifts do not quite blend pictures, this blend paints them as well, and gives way to the single
    nearest style where that comes nearer: so a style that is learnt further begins no farther than
    it came. The identity is that of the network, if it has one, else an even blend.

    Args:
        network: holds the known styles.
        objective: of the new ones.
        photographs: ``(height, width, 3)`` uint8 RGB.

    Returns:
        ``(new styles, known styles)``, rows that add up to 1.
    """
    one_hot = np.eye(network.styles)
    # The identity's rows are not for normalised features, so they are no part of a painting's.
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
        network: holds the known styles.
        objective: of the new ones.
        photographs: that are painted.
        index: of the new painting.
        styles: the known ones, each a one-hot blend.
        known: the Gram matrices of their pictures.
    """
    layers = objective.weights.style_layers
    wanted = {name: ops.convert_to_numpy(objective.targets.grams[name][index]) for name in layers}
    scale = {name: (layers[name] / np.square(wanted[name]).sum()) ** 0.5 for name in layers}
    target = _flatten(wanted, scale)
    columns = [_flatten(grams, scale) for grams in known]
    # The triangle of a decomposition asks the same of a few numbers, not of a million.
    _, triangle = np.linalg.qr(np.stack([*columns, target], axis=1))
    weights, _ = nnls(triangle[:, :-1], triangle[:, -1])
    distances = [np.linalg.norm(column - target) for column in columns]
    nearest = int(np.argmin(distances))
    blend = weights / (weights.sum() or 1) @ np.stack(styles)  # of none, it paints one shade
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
