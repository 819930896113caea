"""Networks and pictures of anything else, measured on the same photographs by the yardstick."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.data.paintings import read_painting
from onestroke.errors import ModelError, SettingsError
from onestroke.evaluate.counterparts import read_counterpart
from onestroke.evaluate.subjects import Subject
from onestroke.pictures import shrink

PHOTOGRAPHS = "the photographs"


@dataclass(frozen=True)
class Opponent:
    """Pictures of the same photographs that something else made.

    Attributes:
        name: of the folder.
        pictures: the files, by the name of the photograph without suffix.
    """

    name: str
    pictures: Mapping[str, Path]

    @property
    def row(self) -> str:
        """The name in tables, which no network has."""
        return f"against {self.name}"


@dataclass(frozen=True)
class Scene:
    """One photograph and what was made from it, all of one size.

    Attributes:
        name: of the photograph.
        photograph, painted: ``(height, width, 3)`` uint8 RGB.
        opposed: the picture of the opponent; None without one.
        figures: what the yardstick says of ``PHOTOGRAPHS``, the network and the opponent, by row.
    """

    name: str
    photograph: np.ndarray
    painted: np.ndarray
    opposed: np.ndarray | None
    figures: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Comparison:
    """The results of one network.

    Attributes:
        model: name of the network.
        opponent: name of what the network is compared with; None without.
        painting: the yardstick's figures of the painting itself.
        paintings: the paintings of the style, ``(height, width, 3)`` uint8 RGB.
        scenes: one for each photograph.
    """

    model: str
    opponent: str | None
    painting: Mapping[str, float]
    paintings: Sequence[np.ndarray]
    scenes: Sequence[Scene]

    @property
    def rows(self) -> list[str]:
        """Names of what is compared, the photographs first."""
        return list(self.scenes[0].figures)

    def mean(self, row: str) -> dict[str, float]:
        """Returns the means of the figures over the photographs."""
        figures = [scene.figures[row] for scene in self.scenes]
        return {key: float(np.mean([one[key] for one in figures])) for key in figures[0]}

    def record(self) -> dict[str, Any]:
        """Returns the entry in ``report.json``."""
        return {
            "model": self.model,
            "against": self.opponent,
            "painting": self.painting,
            "mean": {row: self.mean(row) for row in self.rows},
            "photographs": [
                {"name": scene.name, "size": scene.photograph.shape[:2], **scene.figures}
                for scene in self.scenes
            ],
        }


def compare_pictures(
    subjects: Sequence[Subject],
    photographs: Mapping[str, np.ndarray],
    opponents: Sequence[Opponent],
    *,
    long_side: int,
    show: Callable[[str], object] = lambda line: None,
) -> list[Comparison]:
    """Paints whole photographs and measures the pictures by the yardstick.

    Args:
        subjects: the networks.
        photographs: by name, ``(height, width, 3)`` uint8 RGB; with opponents, in their own size.
        opponents: none, one for all networks, or one for each.
        long_side: of all pictures, at most, in pixels.
        show: called with a line for each network.

    Raises:
        SettingsError: the numbers differ, or a picture has another aspect than its photograph.
    """
    from onestroke.evaluate.yardstick import Yardstick  # TensorFlow takes seconds to start

    chosen = match_opponents([subject.name for subject in subjects], opponents)
    yardstick = Yardstick()
    comparisons = []
    for subject, opponent in zip(subjects, chosen, strict=True):
        show(f"{subject.name} by the yardstick")
        try:
            painted = {
                name: _paint(subject, opponent, name, photograph, long_side)
                for name, photograph in photographs.items()
            }
        except ModelError as error:  # an export of one picture size
            if opponent:
                raise
            show(f"  not measured: {error}")
            continue
        blend = subject.about["pictures"]
        painting = yardstick.measure_painting(blend)
        scenes = [
            Scene(
                name,
                pictures[PHOTOGRAPHS],
                pictures[subject.name],
                pictures.get(opponent.row) if opponent else None,
                yardstick.measure(pictures[PHOTOGRAPHS], pictures, painting),
            )
            for name, pictures in painted.items()
        ]
        paintings = [shrink(read_painting(path), long_side) for path in blend]
        against = opponent.name if opponent else None
        comparisons.append(Comparison(subject.name, against, painting.figures, paintings, scenes))
    return comparisons


def match_opponents(names: Sequence[str], opponents: Sequence[Opponent]) -> list[Opponent | None]:
    """Returns the opponent of each network.

    Raises:
        SettingsError: there are neither as many opponents as networks, nor one or none.
    """
    if not opponents:
        return [None] * len(names)
    if len(opponents) not in (1, len(names)):
        raise SettingsError(
            f"--against was given {len(opponents)} times for {len(names)} networks "
            f"({', '.join(names)}); give one folder for all, or one for each in this order"
        )
    return list(opponents) if len(opponents) > 1 else [opponents[0]] * len(names)


def _paint(
    subject: Subject,
    opponent: Opponent | None,
    name: str,
    photograph: np.ndarray,
    long_side: int,
) -> dict[str, np.ndarray]:
    """Returns photograph, painted picture and the opponent's picture, by row of the table.

    A network paints at the size at which the pictures are compared, unless the opponent's are
    larger: then all are scaled down after the painting.
    """
    if opponent is None:
        photograph = shrink(photograph, long_side)
        return {PHOTOGRAPHS: photograph, subject.name: subject.paint(photograph)}
    photograph, opposed = read_counterpart(opponent.pictures[Path(name).stem], photograph)
    painted = subject.paint(photograph)
    rows = {PHOTOGRAPHS: photograph, subject.name: painted, opponent.row: opposed}
    return {row: shrink(picture, long_side) for row, picture in rows.items()}
