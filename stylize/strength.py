"""Cross-fades between the photograph and the painted picture."""

from numbers import Real

import numpy as np

from onestroke.errors import SettingsError, format_value


def check_strength(strength: float) -> None:
    """Raises a SettingsError unless the strength is in [0, 1]."""
    if not (isinstance(strength, Real) and 0 <= strength <= 1):  # false for NaN
        raise SettingsError(
            "expected a strength from 0 (the photograph) to 1 (the full style); "
            f"received {format_value(strength)}"
        )


def fade(photograph: np.ndarray, painted: np.ndarray, strength: float) -> np.ndarray:
    """Cross-fades from the photograph (strength 0) to the painted picture (strength 1).

    Args:
        photograph: (height, width, 3) uint8 RGB.
        painted: (height, width, 3) float32 RGB in [0, 255].
        strength: in [0, 1].

    Returns:
        (height, width, 3) uint8 RGB.
    """
    faded = photograph + np.float32(strength) * (painted - photograph)
    return np.rint(faded).clip(0, 255).astype(np.uint8)
