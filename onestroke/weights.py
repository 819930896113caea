"""Names with weights, as the command line takes them: ``wave:0.6``."""

import re
from collections.abc import Sequence

from onestroke.errors import SettingsError


def parse_weights(entries: Sequence[str]) -> dict[str, float]:
    """Reads ``NAME`` and ``NAME:WEIGHT``; a name without a weight counts 1.

    Raises:
        SettingsError: a name comes twice.
    """
    weights: dict[str, float] = {}
    for entry in entries:
        match = re.fullmatch(r"(.+):([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", entry)
        name, weight = (match[1], float(match[2])) if match else (entry, 1.0)
        if name in weights:
            raise SettingsError(f"expected every --style once; received {name} twice")
        weights[name] = weight
    return weights
