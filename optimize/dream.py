"""DeepDream (Mordvintsev et al. 2015): increasing what a network sees in a photograph.

Departure from Keras' example: the detail that was lost in shrinking is put back before a size is
optimised, as in Mordvintsev's notebook, and not after. The network then sees the sharp picture.
"""

from pathlib import Path

import numpy as np

from onestroke.fingerprint import fingerprint_of
from onestroke.losses.dream_objective import DreamObjective
from onestroke.models.dream_network import DreamNetwork
from onestroke.optimize.ascent import ascend
from onestroke.optimize.coarse_to_fine import CoarseToFine, interpolate
from onestroke.optimize.descent import AfterIteration, PixelLoss, Terms
from onestroke.optimize.dream_inputs import DreamInputs, check_octaves, octave_sizes
from onestroke.optimize.dream_settings import DreamSettings
from onestroke.optimize.dream_windows import DreamWindows
from onestroke.pictures import log_notes, read_picture, resize


class Dream(CoarseToFine):
    """The dream of one photograph.

    Args:
        inputs: photograph, network and guide.
        settings: see ``optimize.dream_settings``.
        state_file: the file from which the dream is resumed; None for no file.

    Raises:
        SettingsError: the state file is of other settings or pictures.
        ModelError: the state file is broken.
    """

    def __init__(
        self, inputs: DreamInputs, settings: DreamSettings, *, state_file: Path | None = None
    ) -> None:
        photograph = inputs.photograph.pixels
        self.settings = options = settings.dream
        objective = DreamObjective(inputs.network.features, options.layers or {}, inputs.guide)
        loss = PixelLoss(objective, "lower the weights of dream.layers, or choose another network")
        self.windows = DreamWindows(lambda picture: loss(picture, {}), options.tile)
        pictures = [photograph] if inputs.guide is None else [photograph, inputs.guide]
        super().__init__(
            inputs.photograph,
            octave_sizes(photograph.shape[:2], options),
            iterations=options.iterations,
            save_every=options.save_every,
            fingerprint=fingerprint_of(
                ("dream", settings.model_dump_json(), inputs.network.sha256), pictures
            ),
            state_file=state_file,
        )

    def initial_picture(self) -> np.ndarray:
        """Returns the photograph at the coarsest size."""
        return self._photograph_at(0)

    def start_level(self, size: tuple[int, int]) -> None:
        """Does nothing; the loss does not depend on the size."""

    def descend(self, iterations: int, after: AfterIteration) -> bool:
        """Runs some iterations; returns True if the loss is above the limit."""
        return ascend(
            self._terms_and_gradient,
            descent=self.state.descent,
            iterations=iterations,
            after=after,
            step=self.settings.step,
            max_loss=self.settings.max_loss,
        )

    def enlarge_to_level(self, level: int) -> np.ndarray:
        """Returns the picture at the size of a level, with the detail of the photograph."""
        larger = interpolate(self.state.descent.picture, self.sizes[level])
        without_detail = interpolate(self._photograph_at(level - 1), self.sizes[level])
        return np.clip(larger + (self._photograph_at(level) - without_detail), 0, 255)

    def terms_of(self, picture: np.ndarray | None) -> Terms:
        """Returns the loss terms of a picture at the current level; None for the photograph."""
        if picture is None:
            picture = self._photograph_at(self.state.level)
        return self._terms_and_gradient(picture)[0]

    def _terms_and_gradient(self, picture: np.ndarray) -> tuple[Terms, np.ndarray]:
        # A function of the iteration, so that a resumed dream has the same shifts.
        seed = (self.settings.seed, self.state.level, self.state.iteration)
        return self.windows(picture, np.random.default_rng(seed))

    def _photograph_at(self, level: int) -> np.ndarray:
        return resize(self.photograph.pixels, self.sizes[level]).astype(np.float32)


def open_dream(
    photograph: Path,
    settings: DreamSettings,
    *,
    network: DreamNetwork,
    guide: np.ndarray | None = None,
    state_file: Path | None = None,
) -> Dream:
    """Reads a photograph and opens its dream.

    Args:
        photograph: a picture file.
        settings: see ``optimize.dream_settings``.
        network: from ``open_network``.
        guide: from ``read_guide``.
        state_file: the file from which the dream is resumed; None for no file.

    Raises:
        OnestrokeError: the photograph or the state file is missing, broken or does not fit.
    """
    picture = read_picture(photograph, with_metadata=True)
    log_notes(picture)
    sizes = octave_sizes(picture.pixels.shape[:2], settings.dream)
    check_octaves(photograph, network, sizes)
    return Dream(DreamInputs(picture, network, guide), settings, state_file=state_file)
