"""The inputs of an optimisation, read and checked before TensorFlow starts."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.data.paintings import read_painting
from onestroke.errors import SettingsError
from onestroke.files import check_file, check_writable, expand_path, find_overwritten
from onestroke.machine import check_memory, has_nvidia_gpu
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.vgg19_weights import Vgg19Weights, load_vgg19_weights
from onestroke.optimize.picture_settings import OptimizeSettings, PictureSettings
from onestroke.pictures import (
    Picture,
    PictureError,
    check_suffix,
    log_notes,
    read_picture,
    size_of_long_side,
)

# Measured at 512 and 1024 pixels with the default layers, on a processor in 32 bits: 1.8 and
# 4.5 GB, of which 0.9 GB are for TensorFlow.
BYTES_PER_PIXEL = 4750


@dataclass(frozen=True)
class PictureInputs:
    """The pictures and weights of an optimisation.

    Attributes:
        photograph: the content.
        paintings: the paintings in their own sizes, in the order of the settings.
        vgg19: weights of the loss network.
    """

    photograph: Picture
    paintings: list[np.ndarray]
    vgg19: Vgg19Weights


def read_picture_inputs(content: Path, settings: PictureSettings) -> PictureInputs:
    """Reads the photograph and what the settings name.

    Raises:
        OnestrokeError: a file is missing, broken, too small or of the wrong kind.
    """
    photograph = read_picture(content, with_metadata=True)
    log_notes(photograph)
    height, width = level_sizes(photograph.pixels.shape[:2], settings.optimize)[0]
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(
            f"{content} would be {width} x {height} pixels; both sides need at least "
            f"{MINIMUM_SIDE}; choose a larger --size or crop the photograph"
        )
    check_optimization_memory(level_sizes(photograph.pixels.shape[:2], settings.optimize)[-1])
    return PictureInputs(
        photograph=photograph,
        paintings=[read_painting(name) for name in settings.style.pictures],
        vgg19=load_vgg19_weights(settings.loss.vgg19),
    )


def check_optimization_memory(size: tuple[int, int]) -> None:
    """Raises an OnestrokeError if a processor has too little memory for the optimisation.

    Args:
        size: (height, width) of the result.
    """
    if has_nvidia_gpu():  # with a memory of its own
        return
    height, width = size

    def remedy(share: float) -> str:
        return f"choose --size {int(max(size) * math.sqrt(share))} or smaller"

    purpose = f"to optimise {width} x {height} pixels"
    check_memory(BYTES_PER_PIXEL * height * width, purpose, remedy)


def level_sizes(size: tuple[int, int], options: OptimizeSettings) -> list[tuple[int, int]]:
    """Returns the (height, width) of each level from coarse to fine; each level doubles the size.

    Args:
        size: (height, width) of the photograph.
        options: contain the long sides of the coarsest and the finest level.
    """
    long_side = options.size
    sizes = [size_of_long_side(size, long_side)]
    while long_side > options.coarsest:
        long_side = -(-long_side // 2)
        smaller = size_of_long_side(size, long_side)
        if min(smaller) < MINIMUM_SIDE:
            break
        sizes.insert(0, smaller)
    return sizes


def check_paths(
    content: Path, output: Path, settings: PictureSettings, frames: Path | None = None
) -> None:
    """Checks the files to write, before anything slow starts.

    Raises:
        OnestrokeError: the output cannot be written, or is one of the pictures that are read.
    """
    check_suffix(output)
    check_file(output)
    if frames:
        check_writable(frames)
    names: list[Path | str] = [content, *settings.style.pictures, settings.optimize.start]
    if find_overwritten([expand_path(output)], [expand_path(name) for name in names]):
        raise SettingsError(f"{output} is a picture that is read; choose another --output")
