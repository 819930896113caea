"""The kinds of pictures that a stylizer accepts: arrays, Pillow images and paths."""

from pathlib import Path

import numpy as np
from PIL import Image

from onestroke.files import expand_path
from onestroke.pictures import Picture, read_picture

AnyPicture = np.ndarray | Image.Image | Path | str


def read_input(picture: Image.Image | Path | str) -> Picture:
    """Reads a file or converts an image; transparency is kept.

    Raises:
        PictureError: the file is missing, broken or not a picture.
    """
    if isinstance(picture, Image.Image):
        pixels = np.asarray(picture.convert("RGB"))
        has_alpha = picture.has_transparency_data
        alpha = np.asarray(picture.convert("RGBA"))[..., 3] if has_alpha else None
        return Picture(pixels, alpha)
    return read_picture(expand_path(picture))


def to_image(pixels: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    """Returns an image of ``(height, width, 3)`` uint8 RGB with the transparency, if any."""
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image
