"""The triplet loss: faces of one person come together, faces of two people apart.

Schroff et al. 2015 (FaceNet), equation 2; the hardest triplets of a batch after Hermans et al.
2017. Encodings are ``(batch, numbers)`` floats; labels are ``(batch,)`` integers, one per person.
"""

from keras import ops

from onestroke.models.layers import Tensor

FAR = 1e9  # beyond every squared distance


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.2) -> Tensor:
    """Returns ``max(|a - p|² - |a - n|² + margin, 0)``, summed over the batch.

    Args:
        anchor: encodings of people.
        positive: of the same people on other pictures.
        negative: of other people.
        margin: by how much the other person has to be farther away; 0.2 in the paper.
    """
    near = ops.sum(ops.square(ops.subtract(anchor, positive)), axis=-1)
    far = ops.sum(ops.square(ops.subtract(anchor, negative)), axis=-1)
    return ops.sum(ops.maximum(near - far + margin, 0.0))


def squared_distances(encodings: Tensor) -> Tensor:
    """Returns ``(batch, batch)``: the squared distance of every encoding from every other."""
    difference = ops.expand_dims(encodings, 1) - ops.expand_dims(encodings, 0)
    return ops.sum(ops.square(difference), axis=-1)


def batch_hard_loss(encodings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Returns the loss of each picture with its farthest positive and its nearest negative.

    Hermans et al. 2017, equation 5, summed over the pictures. Pictures without a second one of
    their person, or without another person, count nothing.
    """
    distances = squared_distances(encodings)
    positive, negative = _pairs(labels)
    farthest = ops.max(ops.where(positive, distances, -FAR), axis=1)
    nearest = ops.min(ops.where(negative, distances, FAR), axis=1)
    counts = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
    loss = ops.maximum(farthest - nearest + margin, 0.0)
    return ops.sum(ops.where(counts, loss, 0.0))


def semi_hard_loss(encodings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Returns the loss of each pair of one person with a negative just beyond the positive.

    Schroff et al. 2015, section 3.2: of the negatives that are farther away than the positive, the
    nearest; where there is none, the farthest of all. Averaged over the pairs of each picture and
    summed over the pictures.
    """
    distances = squared_distances(encodings)
    positive, negative = _pairs(labels)
    of_pair = ops.expand_dims(distances, 2)  # (anchor, positive, 1)
    to_other = ops.expand_dims(distances, 1)  # (anchor, 1, negative)
    is_negative = ops.expand_dims(negative, 1)
    beyond = ops.logical_and(is_negative, to_other > of_pair)
    nearest = ops.min(ops.where(beyond, to_other, FAR), axis=2)
    farthest = ops.max(ops.where(is_negative, to_other, -FAR), axis=2)
    other = ops.where(ops.any(beyond, axis=2), nearest, farthest)
    counts = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
    loss = ops.where(counts, ops.maximum(distances - other + margin, 0.0), 0.0)
    pairs = ops.sum(ops.cast(counts, loss.dtype), axis=1)
    return ops.sum(ops.sum(loss, axis=1) / ops.maximum(pairs, 1.0))


def _pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns which pairs show one person on two pictures, and which show two people."""
    labels = ops.convert_to_tensor(labels)
    same = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(labels, 0))
    count = ops.shape(labels)[0]
    positive = ops.logical_and(same, ops.logical_not(ops.eye(count, dtype="bool")))
    return positive, ops.logical_not(same)
