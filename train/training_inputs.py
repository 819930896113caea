"""The inputs of a training, read and checked before TensorFlow starts."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.data.paintings import Style, read_styles
from onestroke.data.photograph_sources import Photographs, open_source
from onestroke.errors import SettingsError
from onestroke.machine import check_memory, has_nvidia_gpu
from onestroke.models.card import IDENTITY
from onestroke.models.face_weights import load_face_weights
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.style_file import open_style_file
from onestroke.models.vgg19_weights import Vgg19Weights, load_vgg19_weights
from onestroke.pictures import PictureError, shrink
from onestroke.train.processes import find_place
from onestroke.train.settings import DataSettings, Settings

# Measured with the preset johnson, the default layers and crops of 256 px, on a CPU in 32 bits:
# 2.4 GB at a batch of 1, 3.7 GB at 6, which are 4,100 bytes per pixel. The number below was
# measured without Winograd's algorithm, which bfloat16 and JAX do not use.
BYTES_PER_PIXEL = 5500


@dataclass(frozen=True)
class TrainingInputs:
    """The pictures and weights of a training.

    Attributes:
        styles: the paintings as the loss network sees them, in the order of the settings.
        photographs: the training photographs.
        validation: photographs never trained on, ``(height, width, 3)`` uint8 RGB.
        vgg19: weights of the loss network.
        init: the style file with the initial weights, or None.
    """

    styles: list[Style]
    photographs: Photographs
    validation: list[np.ndarray]
    vgg19: Vgg19Weights
    init: Path | None = None


def read_training_inputs(settings: Settings) -> TrainingInputs:
    """Reads what the settings name.

    Raises:
        OnestrokeError: a file or a data set is missing, broken or of the wrong kind.
    """
    if settings.loss.identity_weight:
        load_face_weights()  # downloads them once, or says what is missing
    return TrainingInputs(
        styles=read_styles(settings.style.pictures, settings.style.short_sides()),
        photographs=open_source(settings.data.source, split="train"),
        validation=read_validation(settings.data),
        vgg19=load_vgg19_weights(settings.loss.vgg19),
        init=_find_init(settings),
    )


def check_training_memory(settings: Settings) -> None:
    """Raises an OnestrokeError if a processor has too little memory for the batches.

    Args:
        settings: resolved, so that the precision is known.
    """
    if has_nvidia_gpu():  # with a memory of its own
        return
    batch, crop = settings.data.batch, max(settings.data.crop)
    halved = settings.train.precision != "float32"
    needed = BYTES_PER_PIXEL * batch * crop**2 / (2 if halved else 1) / find_place().count

    def remedy(share: float) -> str:
        if batch * share >= 1:
            return f"set data.batch={int(batch * share)} or smaller"
        return f"set data.batch=1 and data.crop={int(crop * math.sqrt(batch * share))} or smaller"

    check_memory(needed, f"for batches of {batch} pictures of {crop} px", remedy)


def _find_init(settings: Settings) -> Path | None:
    """Returns the style file of ``network.init`` after checking its preset and style names."""
    init = settings.network.init
    if init is None:
        return None
    path, card = open_style_file(init)
    if card.preset != settings.network.preset:
        remedy = (
            f"set network.preset={card.preset}, or network.init=null for random weights"
            if settings.network.learn == "all"
            else "choose a model of that preset with --init"
        )
        raise SettingsError(
            f"{init} has the preset {card.preset}, the recipe has {settings.network.preset}; "
            f"{remedy}"
        )
    taken = set(card.style_names) & set(settings.style.all_names())
    if settings.network.joins and IDENTITY in taken:
        raise SettingsError(f"{init} already contains an identity; set style.identity=false")
    if settings.network.joins and taken:
        raise SettingsError(
            f"{init} already contains a style {sorted(taken)[0]}; choose another name with "
            "style.names, or set network.keep=false for the new styles alone"
        )
    return path


def read_validation(settings: DataSettings) -> list[np.ndarray]:
    """Reads the first validation photographs; larger ones are reduced.

    Returns:
        ``(height, width, 3)`` uint8 RGB each.

    Raises:
        DataError: the source is missing.
        PictureError: a photograph is broken or too small.
    """
    source = open_source(settings.validation, split="validation")
    count = min(len(source), settings.validation_count)
    return [_read_validation(source, index, settings.validation_size) for index in range(count)]


def _read_validation(source: Photographs, index: int, long_side: int) -> np.ndarray:
    pixels = shrink(source.read(index, long_side), long_side)
    height, width = pixels.shape[:2]
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(
            f"the validation photograph {source.name(index)} is {width} x {height} pixels at "
            f"data.validation_size; both sides must have at least {MINIMUM_SIDE}; remove it"
        )
    return pixels
