"""What a training needs from disk, read and checked before TensorFlow starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.models.size import MINIMUM_SIDE
from onestroke.models.style_file import IDENTITY, find_style_file, read_config, style_names
from onestroke.models.vgg19_weights import Vgg19Weights, load_vgg19_weights
from onestroke.pictures import (
    Picture,
    PictureError,
    find_pictures,
    read_picture,
    resize,
    shrink,
    size_of_long_side,
    size_of_short_side,
)
from onestroke.train.picture_settings import OptimizeSettings, PictureSettings
from onestroke.train.settings import DataSettings, Settings, StyleSettings
from onestroke.train.sources import Photographs, open_source

BUNDLED_PAINTING = Path(__file__).parent / "paintings" / "strokes.jpg"
MAX_ASPECT = 8  # beyond, the loss network would see a ribbon of millions of pixels


@dataclass(frozen=True)
class Style:
    """One style: a painting, or several in a blend.

    Attributes:
        pictures: the paintings, ``(height, width, 3)`` uint8 RGB.
        shares: the weight of each in the blend.
    """

    pictures: Sequence[np.ndarray]
    shares: Sequence[float] = (1.0,)


@dataclass(frozen=True)
class Ingredients:
    """What goes into a training.

    Attributes:
        styles: the paintings, as the loss network sees them, in the settings' order.
        photographs: to train on.
        validation: photographs never trained on, ``(height, width, 3)`` uint8 RGB.
        vgg19: weights of the loss network.
        init: the style file that the network begins with, or None.
    """

    styles: list[Style]
    photographs: Photographs
    validation: list[np.ndarray]
    vgg19: Vgg19Weights
    init: Path | None = None


def gather(settings: Settings) -> Ingredients:
    """Reads what the settings name.

    Raises:
        OnestrokeError: a file or a data set is missing, broken or of another kind.
    """
    return Ingredients(
        styles=read_styles(settings.style),
        photographs=open_source(settings.data.source, split="train"),
        validation=read_validation(settings.data),
        vgg19=load_vgg19_weights(settings.loss.vgg19),
        init=_find_init(settings),
    )


def _find_init(settings: Settings) -> Path | None:
    """Returns the style file to begin with, after a look at its preset and its names."""
    init = settings.network.init
    if init is None:
        return None
    path = find_style_file(init)
    config = read_config(path)
    if config["preset"] != settings.network.preset:
        raise SettingsError(
            f"expected a network.init of preset {settings.network.preset}; {init} is "
            f"{config['preset']}; "
            + (
                f"set network.preset={config['preset']}, or network.init=null for random weights"
                if settings.network.learn == "all"
                else "name one of that preset with --init"
            )
        )
    taken = set(style_names(config)) & set(settings.style.all_names())
    if settings.network.joins and IDENTITY in taken:
        raise SettingsError(
            f"expected a new style beside those of {init}, which gives photographs back already; "
            "set style.identity=false"
        )
    if settings.network.joins and taken:
        raise SettingsError(
            f"expected new names beside those of {init}; {sorted(taken)[0]} is there already; "
            "set style.names, or network.keep=false for the new styles alone"
        )
    return path


@dataclass(frozen=True)
class PictureIngredients:
    """What goes into the optimisation of one picture.

    Attributes:
        photograph: the content.
        paintings: the style pictures in the size of their files, in the settings' order.
        vgg19: weights of the loss network.
    """

    photograph: Picture
    paintings: list[np.ndarray]
    vgg19: Vgg19Weights


def gather_picture(content: Path, settings: PictureSettings) -> PictureIngredients:
    """Reads the photograph and what the settings name.

    Raises:
        OnestrokeError: a file is missing, broken, too small or of another kind.
    """
    photograph = read_picture(content)
    height, width = level_sizes(photograph.pixels.shape[:2], settings.optimize)[0]
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(
            f"expected a photograph that keeps {MINIMUM_SIDE} pixels a side; {content} would be "
            f"{width} x {height}; choose a larger --size or crop it"
        )
    return PictureIngredients(
        photograph=photograph,
        paintings=[read_painting(name) for name in settings.style.pictures],
        vgg19=load_vgg19_weights(settings.loss.vgg19),
    )


def level_sizes(size: tuple[int, int], options: OptimizeSettings) -> list[tuple[int, int]]:
    """Returns the (height, width) of an optimised picture from coarse to fine, doubling each time.

    Args:
        size: (height, width) of the photograph.
        options: tell the long sides of the coarsest and the finest.
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


def find_paintings(styles: Sequence[str]) -> list[str]:
    """Returns what the command line names as styles, with the pictures of a folder for itself.

    Raises:
        SettingsError: a name is empty.
        PictureError: a folder holds no pictures.
    """
    if "" in styles:  # to a path, the current folder
        raise SettingsError("expected --style PATH; received an empty one")
    return [
        name
        for style in styles
        for name in (map(str, find_pictures(style)) if Path(style).is_dir() else [style])
    ]


def read_styles(settings: StyleSettings) -> list[Style]:
    """Reads the paintings at the size in which the loss network sees them.

    Raises:
        PictureError: one is missing, broken, of one colour or a ribbon.
    """
    return [
        Style([_read_resized(name, settings.size) for name in blend], list(blend.values()))
        for blend in settings.pictures
    ]


def _read_resized(name: str, short_side: int) -> np.ndarray:
    painting = read_painting(name)
    return resize(painting, size_of_short_side(painting.shape[:2], short_side))


def read_painting(name: str) -> np.ndarray:
    """Reads a style picture in the size of its file; ``bundled`` is the package's own.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        PictureError: it is missing, broken, of one colour or a ribbon.
    """
    pixels = read_picture(BUNDLED_PAINTING if name == "bundled" else Path(name)).pixels
    if max(pixels.shape[:2]) > MAX_ASPECT * min(pixels.shape[:2]):
        raise PictureError(
            f"expected a painting up to {MAX_ASPECT} times as long as wide; {name} is "
            f"{pixels.shape[1]} x {pixels.shape[0]} pixels; crop it"
        )
    if np.ptp(pixels, axis=(0, 1)).max() == 0:
        raise PictureError(f"expected a painting with strokes; {name} is of one colour")
    return pixels


def read_validation(settings: DataSettings) -> list[np.ndarray]:
    """Reads the first validation photographs; larger ones are scaled down.

    Returns:
        ``(height, width, 3)`` uint8 RGB each.

    Raises:
        DataError: there is no such source.
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
            f"expected validation photographs of {MINIMUM_SIDE} pixels a side or more; "
            f"{source.name(index)} is {width} x {height} at data.validation_size; remove it"
        )
    return pixels
