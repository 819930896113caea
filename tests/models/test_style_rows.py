"""Rows of styles: copied, blended, joined."""

import numpy as np
import pytest

from onestroke.models.card import untrained_card
from onestroke.models.style_rows import copy_network, join_networks
from onestroke.models.transform_network import TransformNetwork


def values_of(network):
    return [np.asarray(variable) for variable in network.variables]


def two_styles():
    random = np.random.default_rng(0)
    network = TransformNetwork("mobile", 2)
    for variable in network.variables:
        if variable.name in ("scale", "shift"):
            variable.assign(random.normal(1, 0.3, variable.shape))
    return network


def test_rows_are_copied_blended_and_joined():
    source, target = two_styles(), TransformNetwork("mobile", 3)
    copy_network(source, target, np.array([[0, 1], [1, 0], [0.25, 0.75]]))
    for its, mine in zip(values_of(source), values_of(target), strict=True):
        if its.shape == mine.shape:
            np.testing.assert_array_equal(its, mine)
        else:
            np.testing.assert_array_equal(mine[:2], its[::-1])
            np.testing.assert_allclose(mine[2], 0.25 * its[0] + 0.75 * its[1], rtol=1e-5)
    target.card = untrained_card("mobile", ["a", "b", "c"])
    joined = join_networks(source, target)
    assert joined.styles == 5
    with pytest.raises(ValueError, match="have different shared layers"):
        join_networks(source, two_styles_with_other_layers())


def test_moving_moments_are_copied_with_the_identity():
    known = TransformNetwork("mobile", 2, identity=1)
    for variable in known.variables:
        variable.assign(np.random.default_rng(0).normal(1, 0.3, variable.shape))
    new = TransformNetwork("mobile", 1)
    copy_network(known, new, np.array([[1, 0]]))
    new.card = untrained_card("mobile", ["new"])
    joined = join_networks(known, new)
    assert (joined.styles, joined.identity) == (3, 1)
    photograph = np.random.default_rng(2).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    for weights in ([1, 0], [0, 1], [0.5, 0.5]):
        ours, theirs = (
            network({"image": photograph, "style": np.float32([style])})
            for network, style in ((known, weights), (joined, [*weights, 0]))
        )
        np.testing.assert_array_equal(ours, theirs)
    first = TransformNetwork("mobile", 2, identity=1)
    copy_network(new, first, np.ones((2, 1)))
    assert join_networks(new, first).identity == 2


def two_styles_with_other_layers():
    network = two_styles()
    network.variables[0].assign(network.variables[0] + 1)
    return network
