"""A folder with intermediate pictures of an optimisation and the losses of every iteration."""

import json
import math
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.files import append_text, expand_path, write_text
from onestroke.pictures import Picture, to_uint8, write_picture
from onestroke.progress import Progress

LOSSES = "losses.jsonl"
OWNER = "optimization.txt"  # contains the fingerprint of the optimisation


class ProgressPictures:
    """Writes ``iteration_NNNNNN.png`` and ``losses.jsonl``.

    Args:
        folder: created if missing; entries of later iterations are removed.
        every: iterations between two pictures.
        fingerprint: identifies the optimisation.
        done: iterations done before; 0 for a new optimisation.

    Raises:
        SettingsError: the folder contains pictures or losses of another optimisation.
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
            write_text(losses, kept)

    def _claim(self, fingerprint: str) -> None:
        """Records the optimisation in the folder, unless the folder belongs to another one."""
        owner, losses = self.folder / OWNER, self.folder / LOSSES
        if owner.exists():
            taken = owner.read_text(encoding="utf-8") != fingerprint
        else:
            taken = losses.exists() or any(self.folder.glob("iteration_*.png"))
        if taken:
            raise SettingsError(
                f"--frames {self.folder} contains the pictures of another optimisation; choose "
                "another folder"
            )
        write_text(owner, fingerprint)

    def record(self, progress: Progress, picture: np.ndarray) -> None:
        """Writes the losses of an iteration and, if one is due, the picture.

        Args:
            progress: the iteration.
            picture: ``(height, width, 3)`` floats in [0, 255].
        """
        entry = {"iteration": progress.step, **progress.figures}
        append_text(self.folder / LOSSES, json.dumps(entry) + "\n")
        if progress.step % self.every == 0 or progress.step == progress.steps:
            frame = self.folder / f"iteration_{progress.step:06d}.png"
            write_picture(frame, Picture(to_uint8(picture)))


def _iteration(line: str) -> float:
    """Returns the iteration of a line; infinity if a kill has cut the line off."""
    try:
        return json.loads(line)["iteration"]
    except (ValueError, TypeError, KeyError):
        return math.inf
