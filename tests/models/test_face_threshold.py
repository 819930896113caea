import numpy as np
import pytest

from onestroke.models.face_threshold import (
    balanced_accuracy,
    best_threshold,
    held_out_accuracy,
    pair_distances,
)


def test_pair_distances():
    encodings = np.array([[0.0, 0], [0, 1], [3, 4]])
    same, other = pair_distances(encodings, [7, 7, 8])
    np.testing.assert_allclose(same, [1])
    np.testing.assert_allclose(sorted(other), [np.hypot(3, 3), 5])


def test_threshold_lies_between_the_pairs():
    same, other = np.array([0.2, 0.4]), np.array([0.8, 0.9])
    assert best_threshold(same, other) == pytest.approx(0.6)
    assert balanced_accuracy(same, other, 0.6) == 1


def test_threshold_of_pairs_that_overlap():
    same, other = np.array([0.1, 0.2, 0.7]), np.array([0.5, 0.6, 0.9])
    threshold = best_threshold(same, other)
    # At 0.35: two of three accepted, all rejected. At 0.8: all accepted, one of three rejected.
    assert threshold == pytest.approx(0.35)
    assert balanced_accuracy(same, other, threshold) == pytest.approx((2 / 3 + 1) / 2)


def test_held_out_accuracy_uses_the_other_half():
    # People 0 and 2: pairs 0.1 apart; people 1 and 3: pairs 5 apart; all others 100 apart.
    encodings = np.array([[0.0], [0.1], [100], [105], [200], [200.1], [300], [305]])
    people = [0, 0, 1, 1, 2, 2, 3, 3]
    assert held_out_accuracy(encodings, people) == 1
    # Pairs of one half that are 150 apart are beyond the threshold of the other half.
    encodings[[3, 7]] = [[250], [450]]
    assert held_out_accuracy(encodings, people) < 1
