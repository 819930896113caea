"""Distances between encodings of faces, and the threshold that separates people by them."""

from collections.abc import Sequence

import numpy as np

LEAST_PEOPLE = 4  # two on each side of a split, so that both have pairs of different people


def pair_distances(
    encodings: np.ndarray, people: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distances of all pairs: those of one person, and those of two.

    Args:
        encodings: ``(count, 128)`` float32.
        people: the number of the person on each picture.
    """
    people = np.asarray(people)
    first, second = np.triu_indices(len(people), 1)
    distances = np.linalg.norm(encodings[first] - encodings[second], axis=1)
    same = people[first] == people[second]
    return distances[same], distances[~same]


def balanced_accuracy(same: np.ndarray, other: np.ndarray, threshold: float) -> float:
    """Returns the mean of two shares: pairs of one person accepted, pairs of two rejected."""
    return float((np.mean(same < threshold) + np.mean(other >= threshold)) / 2)


def best_threshold(same: np.ndarray, other: np.ndarray) -> float:
    """Returns the threshold of the highest balanced accuracy, midway between two distances."""
    distances = np.concatenate([same, other])
    order = np.argsort(distances, kind="stable")
    is_same = np.concatenate([np.ones(len(same)), np.zeros(len(other))])[order]
    accepted = np.cumsum(is_same) / len(same) - np.cumsum(1 - is_same) / len(other)
    place = int(np.argmax(accepted))
    nearest = distances[order]
    following = nearest[min(place + 1, len(nearest) - 1)]
    # Rounding must not move the threshold onto the smaller distance, which it has to accept.
    return float(max((nearest[place] + following) / 2, np.nextafter(nearest[place], np.inf)))


def held_out_accuracy(encodings: np.ndarray, people: Sequence[int] | np.ndarray) -> float:
    """Returns the balanced accuracy at thresholds that were chosen on other people.

    The people are split in two halves; the threshold of each is tried on the other.
    """
    people = np.asarray(people)
    names = np.unique(people)
    halves = [np.isin(people, names[start::2]) for start in (0, 1)]
    pairs = [pair_distances(encodings[half], people[half]) for half in halves]
    thresholds = [best_threshold(*distances) for distances in pairs]
    scores = [
        balanced_accuracy(*distances, threshold)
        for distances, threshold in zip(pairs, reversed(thresholds), strict=True)
    ]
    return float(np.mean(scores))
