"""What a training needs from disk, read and checked before TensorFlow starts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.models.vgg19_weights import Vgg19Weights, load_vgg19_weights
from onestroke.pictures import read_picture, resize, size_of_long_side, size_of_short_side
from onestroke.train.settings import DataSettings, Settings, StyleSettings
from onestroke.train.sources import Photographs, open_source

BUNDLED_PAINTING = Path(__file__).parent / "paintings" / "strokes.jpg"


@dataclass(frozen=True)
class Ingredients:
    """What goes into a training.

    Attributes:
        paintings: the style pictures, ``(height, width, 3)`` uint8 RGB, in the settings' order.
        photographs: to train on.
        validation: photographs never trained on, ``(height, width, 3)`` uint8 RGB.
        vgg19: weights of the loss network.
    """

    paintings: list[np.ndarray]
    photographs: Photographs
    validation: list[np.ndarray]
    vgg19: Vgg19Weights


def gather(settings: Settings) -> Ingredients:
    """Reads what the settings name.

    Raises:
        OnestrokeError: a file or a data set is missing, broken or of another kind.
    """
    return Ingredients(
        paintings=read_paintings(settings.style),
        photographs=open_source(settings.data.source, split="train"),
        validation=read_validation(settings.data),
        vgg19=load_vgg19_weights(settings.loss.vgg19),
    )


def read_paintings(settings: StyleSettings) -> list[np.ndarray]:
    """Reads the style pictures at the size in which the loss network sees them."""
    paintings = []
    for name in settings.pictures:
        pixels = read_picture(BUNDLED_PAINTING if name == "bundled" else Path(name)).pixels
        paintings.append(resize(pixels, size_of_short_side(pixels.shape[:2], settings.size)))
    return paintings


def read_validation(settings: DataSettings) -> list[np.ndarray]:
    """Reads the validation photographs; larger ones are scaled down."""
    source = open_source(settings.validation, split="validation")
    return [
        _limit(source.read(index, settings.validation_size), settings.validation_size)
        for index in range(len(source))
    ]


def _limit(pixels: np.ndarray, long_side: int) -> np.ndarray:
    if max(pixels.shape[:2]) <= long_side:
        return pixels
    return resize(pixels, size_of_long_side(pixels.shape[:2], long_side))
