"""The Gram matrices in the package are those of its photographs and models."""

import hashlib

import numpy as np
import pytest

from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.packed_grams import recall_grams
from onestroke.losses.style_targets import (
    PHOTOGRAPH_GRAMS,
    measure_grams,
    photograph_key,
    typical_photographs,
)
from onestroke.models.style_file import BUNDLED, read_card
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.initial_rows import STYLE_GRAMS, known_style_key

VGG19 = load_vgg19_weights()
LOSS = LossSettings()


def shipped(key, file):
    return recall_grams(
        key, sorted(LOSS.style), lambda: pytest.fail("outdated"), shipped=[file], folder=None
    )


def test_photographs():
    packed = shipped(photograph_key(VGG19, LOSS.pooling), PHOTOGRAPH_GRAMS)
    photographs = typical_photographs()
    assert len(packed) == len(photographs)
    network = loss_network(["relu1_1", "relu2_1"], VGG19)
    for name, gram in measure_grams(network, photographs[3][None].astype(np.float32)).items():
        assert np.linalg.norm(packed[3][name] - gram) < 0.05 * np.linalg.norm(gram)


@pytest.mark.parametrize("name", BUNDLED)
def test_styles_of_the_bundled_models(name):
    digest = hashlib.sha256(BUNDLED[name].read_bytes()).hexdigest()
    packed = shipped(known_style_key(digest, VGG19, LOSS.pooling), STYLE_GRAMS[name])
    assert len(packed) == len(read_card(BUNDLED[name]).painted_names)
