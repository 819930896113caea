"""Keeps the colours of the photograph in a painted picture."""

import numpy as np

from onestroke.pictures import BT601_LUMA


def keep_colours(photograph: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Combines the luminance of the painted picture with the chroma of the photograph.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", section 4
    (luminance-only transfer). They work in YIQ. Its Y is the luma used here; its I and Q are a
    linear map of the differences to the luma that are kept here, so the colours are the same.
    Departures: the painting's luminance is not matched to the photograph's beforehand, because the
    network is already trained. A colour outside the RGB cube is not clipped per channel, which
    would shift its hue, but moved towards the grey of its luma until it is inside.

    Args:
        photograph: (height, width, 3) RGB in [0, 255].
        painted: (height, width, 3) RGB in [0, 255], the same size.

    Returns:
        (height, width, 3) float32 RGB in [0, 255].
    """
    photograph = photograph.astype(np.float32)
    luma = np.clip(painted.astype(np.float32) @ BT601_LUMA, 0, 255)
    chroma = photograph - (photograph @ BT601_LUMA)[..., None]
    above = (255 - luma) / np.maximum(chroma.max(axis=-1), 1e-6)
    below = luma / np.maximum(-chroma.min(axis=-1), 1e-6)
    saturation = np.minimum(1, np.minimum(above, below))
    return luma[..., None] + saturation[..., None] * chroma
