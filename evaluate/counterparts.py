"""Pictures of the same photographs that something else made: found by name and aligned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.picture_search import find_pictures
from onestroke.pictures import read_pixels, resize

CUT = 8  # pixels that a picture may lack on the right and at the bottom: networks need multiples
STRETCH = 0.02  # largest difference of the aspects of two pictures that are scaled to one another


def find_counterparts(folders: Sequence[Path | str]) -> list[dict[str, Path]]:
    """Returns for each folder its pictures by name without suffix.

    Raises:
        PictureError: there is no such folder, or it contains no pictures.
        SettingsError: two pictures of a folder differ in their suffixes or folders only.
    """
    found = []
    for folder in folders:
        by_name: dict[str, Path] = {}
        for path in find_pictures(folder):
            if path.stem in by_name:
                raise SettingsError(
                    f"{by_name[path.stem]} and {path} have the same name; remove one of them"
                )
            by_name[path.stem] = path
        found.append(by_name)
    return found


def read_counterpart(path: Path, photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads a picture, and cuts or scales its photograph to the same size.

    A picture that lacks less than 8 rows and columns was cut: networks with two downsamplings need
    multiples of 4, and programs cut what remains. Another size is a scaled picture.

    Args:
        path: the picture.
        photograph: ``(height, width, 3)`` uint8 RGB in its own size.

    Returns:
        The photograph and the picture, both ``(height, width, 3)`` uint8 RGB.

    Raises:
        PictureError: the picture is missing or broken.
        SettingsError: the picture has another aspect.
    """
    picture = read_pixels(path)
    return fit_photograph(photograph, picture.shape[:2], str(path)), picture


def fit_photograph(photograph: np.ndarray, size: tuple[int, ...], name: str) -> np.ndarray:
    """Cuts or scales a photograph to the size of a picture; see ``read_counterpart``."""
    height, width = size
    rows, columns = photograph.shape[:2]
    if 0 <= rows - height < CUT and 0 <= columns - width < CUT:
        return photograph[:height, :width]
    if abs(np.log(height * columns / (width * rows))) > STRETCH:
        raise SettingsError(
            f"{name} is {height}x{width} pixels (height x width) and its photograph "
            f"{rows}x{columns}, which is another aspect; remove it, or make it from the whole "
            "photograph"
        )
    return resize(photograph, (height, width))
