"""Writes what the package's networks paint, coarsely, into `painted.npz` beside this script.

python tests/golden/make.py     after `tools/pack_bundled.py` has packed other networks, and never
                                to make a test pass
"""

from pathlib import Path

import numpy as np

import onestroke
from onestroke.data.photograph_sources import open_source
from onestroke.models.card import IDENTITY
from onestroke.models.style_file import BUNDLED

FILE = Path(__file__).with_name("painted.npz")
SIZE, BLOCK = (192, 256), 16  # pixels
STYLES = ({"great_wave": 1}, {"the_kiss": 1}, {"great_wave": 3, "the_kiss": 1}, {IDENTITY: 1})


def paint_coarsely(model: str) -> np.ndarray:
    """Returns the mean colours of blocks, (styles, height / 16, width / 16, 3), in [0, 255]."""
    height, width = SIZE
    photograph = open_source("bundled", split="validation").read(0)[:height, :width]
    stylizer = onestroke.load(model)
    painted = np.stack([stylizer(photograph, style=style) for style in STYLES])
    blocks = painted.reshape(len(STYLES), height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
    return blocks.mean(axis=(2, 4))


if __name__ == "__main__":
    np.savez(FILE, **{model: paint_coarsely(model).astype(np.float16) for model in BUNDLED})
