"""Which of the styles that a network knows come nearest to a new painting."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from scipy.optimize import nnls

from onestroke.models.transform import TransformNetwork
from onestroke.train.losses import gram_matrix
from onestroke.train.objective import Objective


def nearest_blends(
    network: TransformNetwork, objective: Objective, photographs: Sequence[np.ndarray]
) -> np.ndarray:
    """Returns the blends of a network's styles whose pictures have the Grams of new paintings.

    Every style paints the photographs; a painting's Gram matrices are then taken for the weighted
    sum of the pictures', with the non-negative weights of the least squares. The identity is that
    of the network, if it has one, else an even blend.

    Args:
        network: holds the known styles.
        objective: of the new ones.
        photographs: ``(height, width, 3)`` uint8 RGB.

    Returns:
        ``(new styles, known styles)``, rows that add up to 1.
    """
    layers = objective.weights.style_layers
    # The identity's rows are not for normalised features, so they are no part of a painting's.
    painted = [i for i in range(network.styles) if i != network.identity]
    known = [_grams_of_style(network, i, objective, photographs) for i in painted]
    blends = []
    for i, is_identity in enumerate(ops.convert_to_numpy(objective.targets.identity)):
        weights = np.zeros(network.styles)
        if is_identity and network.identity is not None:
            weights[network.identity] = 1
        elif not is_identity:
            wanted = {
                name: ops.convert_to_numpy(objective.targets.grams[name][i]) for name in layers
            }
            scale = {n: (layers[n] / np.square(wanted[n]).sum()) ** 0.5 for n in layers}
            columns = [_flatten(grams, scale) for grams in known]
            # The triangle of a decomposition asks the same of a few numbers, not of a million.
            _, triangle = np.linalg.qr(np.stack([*columns, _flatten(wanted, scale)], axis=1))
            weights[painted], _ = nnls(triangle[:, :-1], triangle[:, -1])
        blends.append(weights if weights.any() else np.ones(network.styles))
    return np.stack([blend / blend.sum() for blend in blends])


def _grams_of_style(
    network: TransformNetwork, index: int, objective: Objective, photographs: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the mean Gram matrices of the photographs painted in one style."""
    style = np.eye(network.styles, dtype=np.float32)[index][None]
    sums: dict[str, np.ndarray] = {}
    for photograph in photographs:
        image = np.asarray(photograph, np.float32)[None]
        painted = network(network.as_input(image, style))
        features = objective.loss_network(painted)
        for name in objective.weights.style_layers:
            gram = ops.convert_to_numpy(gram_matrix(features[name]))[0]
            sums[name] = sums.get(name, 0) + gram / len(photographs)
    return sums


def _flatten(grams: dict[str, np.ndarray], scale: dict[str, float]) -> np.ndarray:
    parts = [(grams[name] * scale[name]).ravel() for name in grams]
    return np.concatenate(parts).astype(np.float64)
