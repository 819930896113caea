"""The inputs of a dream, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.files import check_writable, expand_path, find_overwritten
from onestroke.models.dream_network import DreamNetwork, open_dream_network
from onestroke.models.keras_defaults import check_precision
from onestroke.optimize.dream_settings import DreamSection
from onestroke.pictures import Picture, PictureError, read_pixels, shrink, size_of_long_side
from onestroke.stylize.jobs import plan_jobs

GUIDE_SIDE = 256  # long side at which the network sees the guide
SMALLEST_FEATURE = 5  # rows and columns; two at each edge do not count


@dataclass(frozen=True)
class DreamInputs:
    """What a dream starts from.

    Attributes:
        photograph: the initial picture.
        network: the network whose activations are increased.
        guide: ``(height, width, 3)`` uint8 RGB, or None.
    """

    photograph: Picture
    network: DreamNetwork
    guide: np.ndarray | None = None


@dataclass(frozen=True)
class DreamPlan:
    """One photograph, the picture to write, and the folder of its intermediate pictures."""

    photograph: Path
    output: Path
    frames: Path | None = None


def plan_dreams(
    inputs: Sequence[Path | str],
    output: Path | str,
    *,
    guide: str | None = None,
    frames: Path | None = None,
) -> list[DreamPlan]:
    """Pairs every photograph with the files to write, before anything slow starts.

    Args:
        inputs: photographs, folders or globs.
        output: a file for one photograph, otherwise a folder.
        guide: a picture that must not be overwritten.
        frames: folder of the intermediate pictures; with several photographs, each has a folder in
            it.

    Raises:
        OnestrokeError: an input is missing, or the output cannot be written.
    """
    jobs = plan_jobs(inputs, output)
    if frames:
        check_writable(frames)
    if guide and find_overwritten([job.target for job in jobs], [Path(guide)]):
        raise SettingsError(f"{guide} is the guide and would be overwritten; choose another output")
    if len(jobs) == 1:
        return [DreamPlan(jobs[0].source, jobs[0].target, frames)]
    folder = expand_path(output)
    return [
        DreamPlan(job.source, job.target, frames and frames / job.target.relative_to(folder))
        for job in jobs
    ]


def open_network(options: DreamSection) -> DreamNetwork:
    """Opens the network of the settings up to the layers of the settings.

    Raises:
        SettingsError: Keras computes in another precision by default.
        ModelError: the network is missing or broken.
    """
    if options.network is None or options.layers is None:
        raise ValueError("the network and the layers must be explicit; see choose_network")
    check_precision()
    return open_dream_network(options.network, list(options.layers))


def read_guide(options: DreamSection, network: DreamNetwork) -> np.ndarray | None:
    """Reads the guide, if there is one, and shrinks it.

    Raises:
        PictureError: the guide is missing, broken or too small.
    """
    if options.guide is None:
        return None
    guide = shrink(read_pixels(options.guide, shrink_to=GUIDE_SIDE), GUIDE_SIDE)
    small = _too_small(network, guide.shape[:2])
    if small:
        height, width = guide.shape[:2]
        raise PictureError(
            f"the guide {options.guide}, {width} x {height} pixels, is too small for the layer "
            f"{small}; choose a larger guide or an earlier layer"
        )
    return guide


def octave_sizes(size: tuple[int, int], options: DreamSection) -> list[tuple[int, int]]:
    """Returns the (height, width) of each octave, from coarse to fine.

    Args:
        size: (height, width) of the photograph.
        options: the number of octaves, the ratio between two, and the size of the result.
    """
    full = size if options.size is None else size_of_long_side(size, options.size)
    scales = [options.octave_scale**octave for octave in range(options.octaves)]
    return [(int(full[0] / scale), int(full[1] / scale)) for scale in reversed(scales)]


def check_octaves(photograph: Path, network: DreamNetwork, sizes: list[tuple[int, int]]) -> None:
    """Checks that every layer has features inside the border at the coarsest octave.

    Raises:
        PictureError: the photograph is too small for the layers and the number of octaves.
    """
    height, width = sizes[0]
    small = _too_small(network, (height, width))
    if small:
        fewer = "" if len(sizes) == 1 else "fewer octaves (--set dream.octaves=1), "
        raise PictureError(
            f"{photograph} would be {width} x {height} pixels at the coarsest octave, too small "
            f"for the layer {small}; choose {fewer}an earlier layer, or a larger picture"
        )


def _too_small(network: DreamNetwork, size: tuple[int, int]) -> str | None:
    """Returns the name of a layer without features inside the border; None if all have some."""
    try:
        sizes = network.feature_sizes(size)
    except ValueError:  # Keras: a side would become negative
        return next(iter(network.features.output))
    return next((name for name, s in sizes.items() if min(s) < SMALLEST_FEATURE), None)
