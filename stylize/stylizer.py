"""A trained style, ready to be called with pictures."""

from collections.abc import Mapping

import numpy as np

from onestroke.errors import SettingsError
from onestroke.models.size import MINIMUM_SIDE
from onestroke.models.transform import TransformNetwork
from onestroke.pictures import PictureError
from onestroke.stylize.colour import keep_colours
from onestroke.stylize.painter import Painter
from onestroke.stylize.strength import check_strength, fade


class Stylizer:
    """Repaints pictures in the style of a network.

    Pictures of any size come out in the size they came in; large ones are painted in tiles
    without seams, in bounded memory.

    Args:
        network: the trained network; ``onestroke.load`` reads one from a file.
        painter: how the network is run, if not as usual.

    Example:
        >>> stylizer = onestroke.load("runs/wave")
        >>> painted = stylizer(photograph, strength=0.8)
    """

    def __init__(self, network: TransformNetwork, painter: Painter | None = None) -> None:
        self.network = network
        self.painter = painter or Painter(network)

    @property
    def style_names(self) -> tuple[str, ...]:
        """The names of the styles that the network holds."""
        unnamed = [f"style{i}" for i in range(1, self.network.styles + 1)]
        return tuple(self.network.metadata.get("style_names", unnamed))

    def __call__(
        self,
        picture: np.ndarray,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        style: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """Paints one picture.

        Args:
            picture: (height, width, 3) uint8 RGB in [0, 255], both sides at least 16.
            strength: in [0, 1]; cross-fades the pixels from the photograph (0, given back exactly)
                to the painted picture (1).
            preserve_color: take the luminance of the painted picture and the chroma of the
                photograph.
            style: the weight of each style by its name, of a network that holds several; only
                their proportions count. None takes the first.

        Returns:
            (height, width, 3) uint8 RGB in [0, 255], the size of the picture.

        Raises:
            PictureError: the array is no such picture.
            SettingsError: the strength is out of its range, or a style unknown.
        """
        check_picture(picture)
        check_strength(strength)
        weights = self.style_weights(style)
        if strength == 0:
            return picture.copy()
        result = np.empty_like(picture)
        for region, painted in self.painter.pieces(picture, weights):
            photograph = picture[region]
            if preserve_color:
                painted = keep_colours(photograph, painted)
            result[region] = fade(photograph, painted, strength)
        return result

    def style_weights(self, style: Mapping[str, float] | None) -> np.ndarray:
        """Returns the weight of each style in turn, ``(styles,)`` float32, their sum 1.

        Raises:
            SettingsError: a style is unknown, or the weights are no proportions.
        """
        names = self.style_names
        if style is None:
            style = {names[0]: 1.0}
        for name in style:
            if name not in names:
                raise SettingsError(f"expected a style of {', '.join(names)}; received {name!r}")
        weights = np.array([style.get(name, 0.0) for name in names], np.float32)
        if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.sum() > 0):
            received = ", ".join(f"{name}:{weight:g}" for name, weight in style.items()) or "none"
            raise SettingsError(
                f"expected style weights of 0 or more, one of them above 0; received {received}"
            )
        return weights / weights.sum()


def check_picture(picture: np.ndarray) -> None:
    """Raises a PictureError unless the array is a picture that a network can paint."""
    expected = "expected a picture of (height, width, 3) uint8 RGB in [0, 255]"
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"{expected}; received a {type(picture).__name__}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"{expected}; received {picture.shape} {picture.dtype}")
    height, width = picture.shape[:2]
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(
            f"expected a picture of at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels; "
            f"received {height}x{width} (height x width); enlarge it first"
        )
