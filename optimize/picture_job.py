"""The optimisation of one photograph into one file, from reading to writing."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from onestroke.files import UNFINISHED, expand_path, shorten_name
from onestroke.optimize.coarse_to_fine import CoarseToFine, Optimized
from onestroke.optimize.progress_pictures import ProgressPictures
from onestroke.pictures import Picture, resize, to_uint8, write_picture
from onestroke.progress import Progress
from onestroke.stylize.colour import keep_colours


def state_file_of(output: Path) -> Path:
    """Returns the file beside a picture from which the optimisation of the picture is resumed."""
    output = expand_path(output)
    return output.with_name(shorten_name(f"{UNFINISHED}{output.name}.npz"))


class PictureJob:
    """Runs an optimisation and writes the picture and the intermediate pictures.

    Args:
        optimization: for example from ``picture_optimization.open_optimization``.
        output: the picture to write.
        frames: a folder for the pictures during the optimisation and all losses; None for none.
        frame_every: iterations between two of these pictures.
        preserve_color: keep the colours of the photograph.
        strip: leave out the photograph's metadata, such as its date and place.

    Raises:
        SettingsError: the folder of the intermediate pictures is of another optimisation.
    """

    def __init__(
        self,
        optimization: CoarseToFine,
        output: Path,
        *,
        frames: Path | None = None,
        frame_every: int = 25,
        preserve_color: bool = False,
        strip: bool = False,
    ) -> None:
        self.optimization = optimization
        self.photograph = optimization.photograph
        self.output = expand_path(output)
        self.preserve_color = preserve_color
        self.strip = strip
        self._frames = None
        if frames:
            done = self.optimization.iteration
            fingerprint = self.optimization.fingerprint
            self._frames = ProgressPictures(frames, frame_every, fingerprint, done)

    def run(
        self, *, show: Callable[[Progress], None], stop: threading.Event, keep_state: bool = False
    ) -> Optimized:
        """Optimises to the end, or until ``stop`` is set; writes the picture if it is finished.

        Args:
            show: called after every iteration.
            stop: when set, the current iteration is finished and saved.
            keep_state: keep the state file of a finished optimisation.
        """

        def report(progress: Progress, picture: np.ndarray) -> None:
            show(progress)
            if self._frames:
                self._frames.record(progress, picture)

        result = self.optimization.run(show=report, stop=stop)
        if result.finished:
            self._write(result.picture)
            if not keep_state:
                self.optimization.delete_state()
        return result

    def _write(self, picture: np.ndarray) -> None:
        size = picture.shape[:2]
        if self.preserve_color:
            picture = to_uint8(keep_colours(resize(self.photograph.pixels, size), picture))
        alpha = None if self.photograph.alpha is None else resize(self.photograph.alpha, size)
        metadata = None if self.strip else self.photograph.metadata
        write_picture(self.output, Picture(picture, alpha, metadata))
