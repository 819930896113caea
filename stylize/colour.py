"""The photograph's colours under the painting's strokes."""

import numpy as np

from onestroke.pictures import BT601_LUMA


def keep_colours(photograph: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Gives the painted picture the chroma of the photograph; its luminance stays as painted.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", section 4
    (luminance-only transfer). They work in YIQ; its Y is the luma here, and its I and Q turn and
    stretch the same differences to the luma that are kept here, so the colours come out the same.
    Departures: the painting's luminance is not matched to the photograph's beforehand, because the
    network is already trained; and a colour beyond the RGB cube is not clipped channel by channel,
    which would shift its hue, but moved towards the gray of its luma until it fits.

    Args:
        photograph: (height, width, 3) RGB in [0, 255].
        painted: (height, width, 3) RGB in [0, 255], the same size.

    Returns:
        (height, width, 3) float32 RGB in [0, 255].
    """
    photograph = photograph.astype(np.float32)
    luma = np.clip(painted.astype(np.float32) @ BT601_LUMA, 0, 255)
    chroma = photograph - (photograph @ BT601_LUMA)[..., None]
    room_above = (255 - luma) / np.maximum(chroma.max(axis=-1), 1e-6)
    room_below = luma / np.maximum(-chroma.min(axis=-1), 1e-6)
    saturation = np.minimum(1, np.minimum(room_above, room_below))
    return luma[..., None] + saturation[..., None] * chroma
