"""The pictures on the way of an optimisation, and the losses of every iteration, in a folder."""

import json
import math
from pathlib import Path

import numpy as np

from onestroke.files import write_whole
from onestroke.pictures import Picture, to_bytes, write_picture
from onestroke.train.progress import Progress

LOSSES = "losses.jsonl"


class Frames:
    """Writes ``iteration_NNNNNN.png`` and ``losses.jsonl``.

    Args:
        folder: is made if it does not exist; what is there of later iterations is removed.
        every: iterations from one picture to the next.
        done: iterations done before; 0 for a new optimisation.
    """

    def __init__(self, folder: Path, every: int, done: int = 0) -> None:
        self.folder = folder
        self.every = every
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("iteration_*.png"):
            number = file.stem.removeprefix("iteration_")
            if number.isdigit() and int(number) > done:
                file.unlink()
        losses = folder / LOSSES
        if losses.exists():
            lines = losses.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = "".join(line for line in lines if _iteration(line) <= done)
            write_whole(losses, lambda path: path.write_text(kept, encoding="utf-8"))

    def note(self, progress: Progress, picture: np.ndarray) -> None:
        """Writes the losses of an iteration and, where one is due, the picture.

        Args:
            progress: the iteration.
            picture: ``(height, width, 3)`` floats in [0, 255].
        """
        entry = {"iteration": progress.step, **progress.figures}
        with (self.folder / LOSSES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if progress.step % self.every == 0 or progress.step == progress.steps:
            frame = self.folder / f"iteration_{progress.step:06d}.png"
            write_picture(frame, Picture(to_bytes(picture)))


def _iteration(line: str) -> float:
    """Returns which iteration a line is of; infinity for one that a kill has cut off."""
    try:
        return json.loads(line)["iteration"]
    except (ValueError, TypeError, KeyError):
        return math.inf
