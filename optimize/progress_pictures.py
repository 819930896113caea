"""The pictures on the way of an optimisation, and the losses of every iteration, in a folder."""

import json
import math
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.files import expand_path, write_whole
from onestroke.pictures import Picture, to_uint8, write_picture
from onestroke.progress import Progress

LOSSES = "losses.jsonl"
OWNER = "optimization.txt"  # the fingerprint of the one whose pictures these are


class ProgressPictures:
    """Writes ``iteration_NNNNNN.png`` and ``losses.jsonl``.

    Args:
        folder: is made if it does not exist; what is there of later iterations is removed.
        every: iterations from one picture to the next.
        fingerprint: tells the optimisation from others.
        done: iterations done before; 0 for a new optimisation.

    Raises:
        SettingsError: the folder holds pictures or losses of another optimisation.
    """

    def __init__(self, folder: Path, every: int, fingerprint: str, done: int = 0) -> None:
        self.folder = folder = expand_path(folder)
        self.every = every
        self._claim(fingerprint)
        for file in folder.glob("iteration_*.png"):
            number = file.stem.removeprefix("iteration_")
            if number.isdigit() and int(number) > done:
                file.unlink()
        losses = folder / LOSSES
        if losses.exists():
            lines = losses.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = "".join(line for line in lines if _iteration(line) <= done)
            write_whole(losses, lambda path: path.write_text(kept, encoding="utf-8"))

    def _claim(self, fingerprint: str) -> None:
        """Makes the folder this optimisation's, unless it is another's."""
        owner, losses = self.folder / OWNER, self.folder / LOSSES
        if owner.exists():
            taken = owner.read_text(encoding="utf-8") != fingerprint
        else:
            taken = losses.exists() or any(self.folder.glob("iteration_*.png"))
        if taken:
            raise SettingsError(
                f"expected --frames to be a folder for this optimisation alone; {self.folder} "
                "holds another's pictures; name another folder"
            )
        write_whole(owner, lambda path: path.write_text(fingerprint, encoding="utf-8"))

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
            write_picture(frame, Picture(to_uint8(picture)))


def _iteration(line: str) -> float:
    """Returns which iteration a line is of; infinity for one that a kill has cut off."""
    try:
        return json.loads(line)["iteration"]
    except (ValueError, TypeError, KeyError):
        return math.inf
