"""Measures Gram matrices that every training needs, for the package.

    python tools/pack_grams.py

writes ``losses/photograph_grams.npz`` (the bundled photographs) and, for each bundled model,
``models/NAME_grams.npz`` (the trial photographs in each of its styles). A training measures by
itself what is missing here or of another version. Takes a minute.
"""

import hashlib

from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.packed_grams import ship_grams
from onestroke.losses.style_targets import (
    PHOTOGRAPH_GRAMS,
    measure_bundled_photographs,
    photograph_key,
)
from onestroke.models.style_file import BUNDLED, load_network
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.initial_rows import STYLE_GRAMS, known_style_key, measure_known_styles


def pack_bundled_grams() -> None:
    """Writes all files, for the default layers and pooling."""
    settings, vgg19 = LossSettings(), load_vgg19_weights()
    layers, pooling = sorted(settings.style), settings.pooling
    ship_grams(
        PHOTOGRAPH_GRAMS,
        photograph_key(vgg19, pooling),
        measure_bundled_photographs(loss_network(layers, vgg19, pooling=pooling)),
    )
    for name, file in BUNDLED.items():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        ship_grams(
            STYLE_GRAMS[name],
            known_style_key(digest, vgg19, pooling),
            measure_known_styles(load_network(file), vgg19, pooling, layers),
        )


if __name__ == "__main__":
    pack_bundled_grams()
