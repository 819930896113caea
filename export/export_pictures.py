"""The photographs that an export is compared on and calibrated with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from onestroke.data.photograph_sources import open_source, read_some
from onestroke.export.export_options import ExportOptions

CALIBRATION_COUNT = 32  # photographs for the ranges of int8; more change little
SIDE = 512  # pixels; short side that calibration photographs need where no size is fixed


def comparison_photographs() -> dict[str, np.ndarray]:
    """Returns the bundled validation photographs by name, ``(height, width, 3)`` uint8 RGB."""
    source = open_source("bundled", split="validation")
    return {Path(source.name(i)).stem: source.read(i) for i in range(len(source))}


def calibration_photographs(data: Sequence[str], options: ExportOptions) -> list[np.ndarray]:
    """Reads photographs that ``int8`` measures its ranges on.

    Args:
        data: see ``data.photograph_sources.open_source``; may be empty.
        options: contain the size of the exported pictures.

    Returns:
        ``(height, width, 3)`` uint8 RGB each.

    Raises:
        OnestrokeError: a source is missing, or a photograph is broken.
    """
    if not data:
        return []
    side = max(options.size or (SIDE,))
    return list(read_some(data, CALIBRATION_COUNT, side).values())
