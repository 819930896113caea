"""Pictures of people in folders, one for each person, and batches of them for training."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.data.photograph_sources import DataError
from onestroke.files import expand_path
from onestroke.picture_search import find_pictures
from onestroke.pictures import read_pixels

LEAST_PICTURES = 2  # of a person, so that there is a pair
BRIGHTNESS = (0.7, 1.3)  # factors of the pictures of a batch


@dataclass(frozen=True)
class People:
    """Faces of people, cut to one size.

    Attributes:
        names: of the people.
        faces: ``(count, side, side, 3)`` uint8 RGB.
        labels: ``(count,)`` int; the number of the person in ``names``.
        without_face: pictures in which no face was found.
    """

    names: Sequence[str]
    faces: np.ndarray
    labels: np.ndarray
    without_face: Sequence[Path] = ()

    def split(self, share: float, seed: int) -> tuple["People", "People"]:
        """Returns the people to train on and those that are held out.

        Who is held out depends on the name and the seed alone, so that a new person in the folder
        moves nobody else to the other side.

        Args:
            share: of the people that are held out, rounded.
            seed: another seed holds out other people.
        """

        def draw(number: int) -> bytes:
            return hashlib.sha256(f"{seed}/{self.names[number]}".encode()).digest()

        order = sorted(range(len(self.names)), key=draw)
        held_out = round(share * len(order))
        return self._only(sorted(order[held_out:])), self._only(sorted(order[:held_out]))

    def _only(self, numbers: Sequence[int]) -> "People":
        kept = np.isin(self.labels, numbers)
        return People(
            [self.names[number] for number in numbers],
            self.faces[kept],
            np.searchsorted(numbers, self.labels[kept]),
        )


def read_people(
    folder: Path, cut: Callable[[np.ndarray], np.ndarray | None], *, side: int
) -> People:
    """Reads a folder with one sub-folder for each person.

    Args:
        folder: holds the sub-folders.
        cut: returns the face in a picture, ``(side, side, 3)`` uint8, or None if there is none.
        side: of the faces, in pixels.

    Raises:
        DataError: there is no such folder, or fewer than two people with two pictures each.
    """
    folder = expand_path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one with a sub-folder for each person")
    names: list[str] = []
    faces: list[np.ndarray] = []
    labels: list[int] = []
    without: list[Path] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = find_pictures(place) if any(place.iterdir()) else []
        found = [(file, cut(read_pixels(file))) for file in files]
        without += [file for file, face in found if face is None]
        own = [face for _, face in found if face is not None]
        if len(own) >= LEAST_PICTURES:
            labels += [len(names)] * len(own)
            names.append(place.name)
            faces += own
    if len(names) < 2:
        raise DataError(
            f"{folder} has {len(names)} people with {LEAST_PICTURES} or more pictures of their "
            f"face; two are needed, each in a sub-folder ({len(without)} pictures without a face)"
        )
    return People(names, np.stack(faces).reshape(-1, side, side, 3), np.array(labels), without)


class PeopleBatches:
    """Batches of P people with K pictures each; batch k depends on the seed and k alone.

    Half of the faces are mirrored, and the brightness varies.

    Args:
        people: who is trained on.
        count: people in a batch; all of them, where there are fewer.
        pictures: of each person; repeated where there are fewer.
        seed: not negative.
    """

    def __init__(self, people: People, *, count: int, pictures: int, seed: int) -> None:
        self.people = people
        self.count = min(count, len(people.names))
        self.pictures = pictures
        self.seed = seed
        self._of_person = [np.flatnonzero(people.labels == i) for i in range(len(people.names))]

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns faces ``(P * K, side, side, 3)`` float32 RGB in [0, 255], and their labels."""
        random = np.random.default_rng((self.seed, number))
        chosen = random.choice(len(self.people.names), self.count, replace=False)
        places = np.concatenate([self._draw(self._of_person[person], random) for person in chosen])
        faces = self.people.faces[places].astype(np.float32)
        mirrored = random.random(len(faces)) < 0.5
        faces[mirrored] = faces[mirrored, :, ::-1]
        factors = random.uniform(*BRIGHTNESS, (len(faces), 1, 1, 1)).astype(np.float32)
        return np.clip(faces * factors, 0, 255), np.repeat(chosen, self.pictures)

    def _draw(self, places: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Draws K pictures of a person: each once before any comes again."""
        rounds = -(-self.pictures // len(places))
        return np.concatenate([random.permutation(places) for _ in range(rounds)])[: self.pictures]
