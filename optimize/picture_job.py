"""The optimisation of one photograph into one file, from reading to writing."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from onestroke.files import UNFINISHED, expand_path, shorten_name
from onestroke.optimize.picture_inputs import read_picture_inputs
from onestroke.optimize.picture_optimization import Optimization, Optimized
from onestroke.optimize.picture_settings import PictureSettings
from onestroke.optimize.picture_start import PaintStart
from onestroke.optimize.progress_pictures import ProgressPictures
from onestroke.pictures import Picture, resize, to_uint8, write_picture
from onestroke.progress import Progress
from onestroke.stylize.colour import keep_colours


class PictureJob:
    """Optimises a photograph and writes the result; resumes where an earlier job was stopped.

    Args:
        content: the photograph.
        output: the picture to write. The state that resumes the job is kept beside it.
        settings: see ``optimize.picture_settings``.
        paint_start: paints the initial picture, from ``picture_start.open_start``.
        frames: a folder for the pictures during the optimisation and all losses; None for none.
        frame_every: iterations between two of these pictures.
        preserve_color: keep the colours of the photograph.

    Raises:
        OnestrokeError: a path, a picture or the state file is missing, broken or does not fit.
    """

    def __init__(
        self,
        content: Path,
        output: Path,
        settings: PictureSettings,
        *,
        paint_start: PaintStart | None = None,
        frames: Path | None = None,
        frame_every: int = 25,
        preserve_color: bool = False,
    ) -> None:
        output = expand_path(output)
        inputs = read_picture_inputs(content, settings)
        self.photograph = inputs.photograph
        self.output = output
        self.preserve_color = preserve_color
        self.optimization = Optimization(
            inputs,
            settings,
            paint_start=paint_start,
            state_file=output.with_name(shorten_name(f"{UNFINISHED}{output.name}.npz")),
        )
        self._frames = None
        if frames:
            done = self.optimization.iteration
            fingerprint = self.optimization.fingerprint
            self._frames = ProgressPictures(frames, frame_every, fingerprint, done)

    def run(self, *, show: Callable[[Progress], None], stop: threading.Event) -> Optimized:
        """Optimises to the end, or until ``stop`` is set; writes the picture if it is finished.

        Args:
            show: called after every iteration.
            stop: when set, the current iteration is finished and saved.
        """

        def report(progress: Progress, picture: np.ndarray) -> None:
            show(progress)
            if self._frames:
                self._frames.record(progress, picture)

        result = self.optimization.run(show=report, stop=stop)
        if result.finished:
            self._write(result.picture)
            self.optimization.delete_state()
        return result

    def _write(self, picture: np.ndarray) -> None:
        size = picture.shape[:2]
        if self.preserve_color:
            picture = to_uint8(keep_colours(resize(self.photograph.pixels, size), picture))
        alpha = None if self.photograph.alpha is None else resize(self.photograph.alpha, size)
        write_picture(self.output, Picture(picture, alpha, self.photograph.metadata))
