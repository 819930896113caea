"""Measures networks by the number of iterations of an optimisation that one pass replaces.

Johnson et al. 2016 compare the loss of one pass with an optimisation that starts from noise (figure
5), and the time of a pass with that of 500 iterations (table 1). An optimisation that starts from
the photograph has a low content loss from the beginning and is the stricter test.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from onestroke.evaluate.baselines import Baselines, Curve
from onestroke.evaluate.picture_quality import (
    Colours,
    border_difference,
    clipped_share,
    colour_distance,
    grid_energy,
)
from onestroke.evaluate.subjects import Subject
from onestroke.files import cache_folder
from onestroke.fingerprint import fingerprint_of, numeric_libraries
from onestroke.losses.objective import build_objective
from onestroke.losses.style_targets import MEASURED_AS
from onestroke.models.layers import Tensor
from onestroke.optimize.descent import (
    EVALUATIONS,
    HISTORY,
    Descent,
    PictureLoss,
    Terms,
    descend_by_lbfgs,
    first_picture,
)
from onestroke.optimize.picture_settings import STARTS
from onestroke.pictures import resize

ITERATIONS_REPLACED = 500  # Johnson et al. 2016, table 1
WARMUP, TIMED = 2, 5  # numbers of passes and iterations


@dataclass(frozen=True)
class Measured:
    """A picture and its figures.

    Attributes:
        picture: ``(height, width, 3)`` uint8 RGB.
        figures: the loss, its terms, the style loss of each layer, and the picture quality.
    """

    picture: np.ndarray
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """The results of one network at one size.

    Attributes:
        model: name of the network.
        size: side of the square pictures, in pixels.
        names: names of the photographs.
        painting: picture quality of the painting; for several, the weighted mean.
        paintings: paintings of the style, ``(height, width, 3)`` uint8 RGB.
        photographs: the photographs.
        pictures: the pictures that the network painted, in the same order.
        curves: the optimisations of the photographs by start; empty without optimisations.
    """

    model: str
    size: int
    names: Sequence[str]
    painting: Mapping[str, float]
    paintings: Sequence[np.ndarray]
    photographs: Sequence[Measured]
    pictures: Sequence[Measured]
    curves: Mapping[str, Sequence[Curve]]

    def overtaken(self, start: str) -> list[int | None]:
        """Returns for each photograph the first iteration whose loss is not above the network's.

        0 if the initial picture is as good already, None if the optimisation ended before.
        """
        return [
            _first_below([terms["loss"] for terms in curve.terms], painted.figures["loss"])
            for curve, painted in zip(self.curves[start], self.pictures, strict=True)
        ]

    def median_overtaken(self, start: str) -> float | None:
        """Returns the median of ``overtaken``; None if half of the optimisations ended before."""
        iterations = self.overtaken(start)
        middle = statistics.median(float("inf") if k is None else k for k in iterations)
        return None if middle == float("inf") else middle

    def mean(self, key: str, of: str = "pictures") -> float:
        """Returns the mean of a figure over the pictures or the photographs."""
        measured: Sequence[Measured] = getattr(self, of)
        return float(np.mean([picture.figures[key] for picture in measured]))

    def style_share(self) -> float:
        """Returns the style loss of the pictures as a share of that of the photographs."""
        return self.mean("style") / self.mean("style", "photographs")


@dataclass(frozen=True)
class Speed:
    """The times of passes and iterations, measured alternately on one machine.

    Attributes:
        model: name of the network.
        size: side of the square picture, in pixels.
        passes: seconds of each pass, from uint8 to uint8.
        iterations: seconds of each L-BFGS iteration.
    """

    model: str
    size: int
    passes: Sequence[float]
    iterations: Sequence[float]

    @property
    def ratio(self) -> float:
        """Time of 500 iterations divided by the time of one pass, from the medians."""
        iteration = statistics.median(self.iterations)
        return ITERATIONS_REPLACED * iteration / statistics.median(self.passes)


def evaluate(
    subjects: Sequence[Subject],
    photographs: Mapping[str, np.ndarray],
    baselines: Baselines,
    *,
    sizes: Sequence[int],
    show: Callable[[str], object] = lambda line: None,
) -> list[Result]:
    """Measures every network at every size against the optimisation of its own loss.

    Args:
        subjects: the networks.
        photographs: by name, ``(height, width, 3)`` uint8 RGB; their middle squares are used.
        baselines: the optimisations.
        sizes: sides of the squares, in pixels.
        show: called with a line for each part of the work.
    """
    squares = {
        size: {name: crop_middle_square(p, size) for name, p in photographs.items()}
        for size in sizes
    }
    # All pictures are painted first: an unsupported size fails before hours of optimisation.
    painted = [
        (size, subject, [subject.paint(square) for square in squares[size].values()])
        for size in sizes
        for subject in subjects
    ]
    results = []
    for size, subject, pictures in painted:
        show(f"{subject.name} at {size} x {size}")
        results.append(_evaluate(subject, size, squares[size], pictures, baselines, show))
    return results


def measure_speed(
    subjects: Sequence[Subject], photograph: np.ndarray, sizes: Sequence[int]
) -> list[Speed]:
    """Times passes of every network and iterations of L-BFGS, alternately.

    Args:
        subjects: the networks.
        photograph: ``(height, width, 3)`` uint8 RGB.
        sizes: sides of the squares, in pixels.
    """
    speeds = []
    for size in sizes:
        square = crop_middle_square(photograph, size)
        for subject in subjects:
            speeds.append(_speed(subject, square))
    return speeds


def crop_middle_square(picture: np.ndarray, side: int) -> np.ndarray:
    """Cuts the largest square from the middle of a picture and scales it.

    Args:
        picture: ``(height, width, 3)`` uint8 RGB.
        side: side of the result, in pixels.
    """
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return resize(picture[top : top + short, left : left + short], (side, side))


def _evaluate(
    subject: Subject,
    size: int,
    squares: Mapping[str, np.ndarray],
    painted: Sequence[np.ndarray],
    baselines: Baselines,
    show: Callable[[str], object],
) -> Result:
    loss = _picture_loss(subject)
    key = _fingerprint(subject)
    style = subject.style
    colours = Colours.of(style.pictures, style.shares)
    photographs, pictures = [], []
    starts = STARTS if baselines.iterations else ()
    curves: dict[str, list[Curve]] = {start: [] for start in starts}
    for (name, photograph), picture in zip(squares.items(), painted, strict=True):
        content = loss.content_of(photograph)
        photographs.append(_measure(photograph, loss, content, colours))
        pictures.append(_measure(picture, loss, content, colours))
        for start in starts:
            show(f"  {name}, optimised from {start}")
            reached = pictures[-1].figures["loss"]
            curve = baselines.find(loss, photograph, key=key, start=start, reached=reached)
            curves[start].append(curve)
    own = [_qualities(painting, colours) for painting in style.pictures]
    return Result(
        model=subject.name,
        size=size,
        names=list(squares),
        painting={
            key: float(np.average([qualities[key] for qualities in own], weights=style.shares))
            for key in own[0]
        },
        paintings=style.pictures,
        photographs=photographs,
        pictures=pictures,
        curves=curves,
    )


def _speed(subject: Subject, photograph: np.ndarray) -> Speed:
    loss = _picture_loss(subject)
    passes, ends = [], []
    for _ in range(WARMUP):
        subject.paint(photograph)

    def after(terms: Terms, picture: np.ndarray) -> bool:
        ends.append(time.perf_counter())
        subject.paint(photograph)
        passes.append(time.perf_counter() - ends[-1])
        return True

    descent = Descent(first_picture("noise", photograph))
    content, iterations = loss.content_of(photograph), WARMUP + TIMED
    descend_by_lbfgs(loss, content, descent=descent, iterations=iterations, after=after)
    alone = np.diff(ends) - passes[:-1]
    return Speed(
        subject.name,
        len(photograph),
        passes=passes[WARMUP:],
        iterations=[float(seconds) for seconds in alone[WARMUP - 1 :]],
    )


def _picture_loss(subject: Subject) -> PictureLoss:
    cache = cache_folder("styles")
    return PictureLoss(build_objective(subject.loss, subject.vgg19, [subject.style], cache=cache))


def _fingerprint(subject: Subject) -> str:
    """Returns a hash that identifies the loss."""
    loss = subject.loss.model_dump_json(exclude={"vgg19"})
    about = (loss, subject.vgg19.sha256, [*subject.style.shares])
    method = (MEASURED_AS, HISTORY, EVALUATIONS, numeric_libraries())
    return fingerprint_of((method, about), subject.style.pictures)


def _measure(
    picture: np.ndarray, loss: PictureLoss, content: Mapping[str, Tensor], colours: Colours
) -> Measured:
    return Measured(picture, {**loss(picture, content)[0], **_qualities(picture, colours)})


def _qualities(picture: np.ndarray, colours: Colours) -> dict[str, float]:
    return {
        "grid": grid_energy(picture),
        "clipped": clipped_share(picture),
        "border": border_difference(picture),
        "colour": colour_distance(Colours.of([picture]), colours),
    }


def _first_below(losses: Sequence[float], goal: float) -> int | None:
    return next((k for k, loss in enumerate(losses) if loss <= goal), None)
