"""Names with weights, as the command line takes them: ``wave:0.6``."""

import re
from collections.abc import Sequence

from onestroke.errors import SettingsError


def parse_weighted_names(entries: Sequence[str], option: str = "--style") -> dict[str, float]:
    """Reads ``NAME`` and ``NAME:WEIGHT``; a name without a weight gets the weight 1.

    Raises:
        SettingsError: a name occurs twice.
    """
    weights: dict[str, float] = {}
    for entry in entries:
        match = re.fullmatch(r"(.+):([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", entry)
        name, weight = (match[1], float(match[2])) if match else (entry, 1.0)
        if name in weights:
            raise SettingsError(f"{option} {name} is given twice; give it once, with its weight")
        weights[name] = weight
    return weights
