import numpy as np
import pytest

from onestroke.losses.triplet import (
    batch_hard_loss,
    semi_hard_loss,
    squared_distances,
    triplet_loss,
)


def by_hand(anchor, positive, negative, margin):
    total = 0.0
    for a, p, n in zip(anchor, positive, negative, strict=True):
        near = sum((x - y) ** 2 for x, y in zip(a, p, strict=True))
        far = sum((x - y) ** 2 for x, y in zip(a, n, strict=True))
        total += max(near - far + margin, 0.0)
    return total


def test_loss_of_three_normal_batches_is_that_of_numpy():
    # The exercise of FaceNet: seed 1, means 6, 1 and 3, deviations 1, 1 and 4.
    random = np.random.default_rng(1)
    anchor, positive, negative = (
        random.normal(mean, deviation, (3, 128)) for mean, deviation in ((6, 1), (1, 1), (3, 4))
    )
    expected = by_hand(anchor, positive, negative, 0.2)
    assert expected > 0
    assert float(triplet_loss(anchor, positive, negative)) == pytest.approx(expected, rel=1e-6)


def test_loss_of_the_exercise_with_its_own_arrays():
    # The course's exercise draws its arrays with TensorFlow's generator and expects 527.2598.
    import tensorflow as tf

    tf.random.set_seed(1)
    arrays = [
        tf.random.normal([3, 128], mean=mean, stddev=deviation, seed=1)
        for mean, deviation in ((6, 0.1), (1, 1), (3, 4))
    ]
    expected = by_hand(*(np.asarray(array, np.float64) for array in arrays), 0.2)
    assert expected == pytest.approx(527.2598, abs=1e-3)
    assert float(triplet_loss(*arrays)) == pytest.approx(expected, rel=1e-6)


def test_triplet_that_is_far_enough_apart_counts_nothing():
    anchor, positive, negative = np.zeros((1, 2)), np.zeros((1, 2)), np.full((1, 2), 5.0)
    assert float(triplet_loss(anchor, positive, negative)) == 0
    # 0.1² - 0.2² + 0.2 = 0.17
    near = triplet_loss(anchor, np.array([[0.1, 0]]), np.array([[0, 0.2]]))
    assert float(near) == pytest.approx(0.17)


# Two people on a line: A at 0 and 1, B at 1.5 and 4.
LINE = np.array([[0.0], [1.0], [1.5], [4.0]], np.float32)
PEOPLE = np.array([0, 0, 1, 1])


def test_squared_distances():
    expected = [[0, 1, 2.25, 16], [1, 0, 0.25, 9], [2.25, 0.25, 0, 6.25], [16, 9, 6.25, 0]]
    np.testing.assert_allclose(squared_distances(LINE), expected)


def test_batch_hard_loss_by_hand():
    # Farthest positive less nearest negative, plus 0.2: 1 - 2.25, 1 - 0.25, 6.25 - 0.25, 6.25 - 9.
    assert float(batch_hard_loss(LINE, PEOPLE, 0.2)) == pytest.approx(0 + 0.95 + 6.2 + 0)


def test_semi_hard_loss_by_hand():
    # Nearest negative beyond the positive, or the farthest where none is:
    # 0: 1 - 2.25; 1: 1 - 9; 1.5: 6.25 - 2.25 (none beyond); 4: 6.25 - 9.
    assert float(semi_hard_loss(LINE, PEOPLE, 0.2)) == pytest.approx(0 + 0 + 4.2 + 0)


@pytest.mark.parametrize("loss", [batch_hard_loss, semi_hard_loss])
def test_pictures_without_a_pair_count_nothing(loss):
    assert float(loss(LINE, np.array([0, 1, 2, 3]), 0.2)) == 0
    assert float(loss(LINE, np.array([0, 0, 0, 0]), 0.2)) == 0


@pytest.mark.parametrize("loss", [batch_hard_loss, semi_hard_loss])
def test_mining_agrees_with_loops(loss):
    random = np.random.default_rng(5)
    encodings, people = random.normal(size=(12, 8)), np.repeat(np.arange(4), 3)
    total = 0.0
    for i in range(12):
        distance = np.sum((encodings[i] - encodings) ** 2, axis=1)
        near = [distance[j] for j in range(12) if people[j] == people[i] and j != i]
        far = [distance[j] for j in range(12) if people[j] != people[i]]
        if loss is batch_hard_loss:
            total += max(max(near) - min(far) + 0.2, 0)
        else:
            chosen = [min([d for d in far if d > p], default=max(far)) for p in near]
            total += np.mean([max(p - d + 0.2, 0) for p, d in zip(near, chosen, strict=True)])
    assert float(loss(encodings, people, 0.2)) == pytest.approx(total, rel=1e-5)
