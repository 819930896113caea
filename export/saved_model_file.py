"""SavedModels, which TensorFlow and TensorFlow Serving load without this package.

Signatures, for batches of pictures of 16x16 pixels or more:

    serving_default   image: uint8 (batch, height, width, 3) RGB -> styled: uint8, the same shape
    float32           image: float32 in [0, 255]                 -> styled: float32 in [0, 255]

A network of several styles also takes ``style``, float32 (batch, styles), the weight of each;
TensorFlow Serving uses the first style if a request contains none. In Python, the object that
``tf.saved_model.load`` returns has methods of the same names, where ``style`` is also optional.
"""

from pathlib import Path

import tensorflow as tf

from onestroke.export.servable import Servable
from onestroke.models.card import ModelCard
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.saved_model_painter import CARD_FILE

SIGNATURES = {"serving_default": tf.uint8, "float32": tf.float32}


def write_saved_model(network: TransformNetwork, folder: Path, card: ModelCard) -> None:
    """Writes the network, and the card into ``assets.extra``."""
    servable = Servable(network)
    signatures = {name: servable.signature(dtype) for name, dtype in SIGNATURES.items()}
    for name, function in signatures.items():
        setattr(servable, name, function)
    tf.saved_model.save(servable, str(folder), signatures=signatures)
    path = folder / CARD_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
