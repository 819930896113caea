"""The pictures on the way of an optimisation, and the losses of every iteration, in a folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onestroke.pictures import Picture, write_picture

if TYPE_CHECKING:
    from onestroke.train.training import Progress


class Frames:
    """Writes ``iteration_NNNNNN.png`` and ``losses.jsonl``.

    Args:
        folder: is made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: list[str] = []

    def note(self, progress: "Progress") -> None:
        """Remembers the losses of an iteration until the next picture is kept."""
        entry = {"iteration": progress.step, **progress.figures}
        self.waiting.append(json.dumps(entry) + "\n")

    def keep(self, iteration: int, picture: np.ndarray) -> None:
        """Writes the picture, ``(height, width, 3)`` uint8, and the losses that led to it."""
        write_picture(self.folder / f"iteration_{iteration:06d}.png", Picture(picture))
        with (self.folder / "losses.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(self.waiting)
        self.waiting.clear()
