"""The initial picture of an optimisation: a picture file, or a photograph painted by a model."""

from collections.abc import Callable

import numpy as np

from onestroke.errors import SettingsError
from onestroke.optimize.picture_settings import STARTS
from onestroke.picture_search import is_picture_name
from onestroke.pictures import read_pixels
from onestroke.stylize.model import load, open_model

PaintStart = Callable[[np.ndarray], np.ndarray]
"""Returns the initial picture for a photograph, both ``(height, width, 3)`` uint8 RGB."""


def open_start(start: str) -> PaintStart | None:
    """Opens the picture to start from, or the model that paints it; None for built-in starts.

    Raises:
        SettingsError: the model has several styles.
    """
    if start in STARTS:
        return None
    if is_picture_name(start):
        picture = read_pixels(start)
        return lambda photograph: picture
    model = open_model(start)
    if len(model.card.painted_names) > 1:
        raise SettingsError(
            f"the model {start} has several styles; paint with one of them (onestroke stylize) and "
            "give that picture with --start"
        )
    return load(model)
