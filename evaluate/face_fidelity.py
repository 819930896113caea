"""Whether faces survive the painting: does the encoder still see the same person?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onestroke.contact_sheet import add_label, join_across, join_down
from onestroke.evaluate.subjects import Subject
from onestroke.files import write_whole
from onestroke.models.face_detector import Square, cut_face
from onestroke.models.face_reader import FaceReader
from onestroke.pictures import shrink

SHOWN, SHOWN_SIDE, LABEL = 12, 120, 20  # faces on the sheet; pixels


@dataclass(frozen=True)
class FoundFace:
    """A face in a photograph, as it was before the painting."""

    photograph: str
    square: Square
    encoding: np.ndarray


@dataclass(frozen=True)
class FaceFidelity:
    """What the encoder says of the faces that a network has painted.

    Attributes:
        model: the name of the network.
        distances: of each face to itself in the photograph, in the order of the faces.
        nearest: whether that face is the nearest of all faces in the photographs.
        threshold: of the encoder; a smaller distance is the same person.
        pictures: the painted faces, ``(side, side, 3)`` uint8 RGB.
    """

    model: str
    distances: Sequence[float]
    nearest: Sequence[bool]
    threshold: float
    pictures: Sequence[np.ndarray]

    @property
    def kept(self) -> float:
        """Share of the faces that are still taken for the same person."""
        return float(np.mean([distance < self.threshold for distance in self.distances]))

    @property
    def identified(self) -> float:
        """Share of the faces whose own photograph is the nearest among all faces."""
        return float(np.mean(self.nearest))

    @property
    def mean_distance(self) -> float:
        """Mean distance of the faces to themselves in the photographs."""
        return float(np.mean(self.distances))


@dataclass(frozen=True)
class FaceReport:
    """Faces in the photographs, and what became of them in each network.

    Attributes:
        encoder: name of the encoder.
        faces: all faces, of all photographs.
        others_distance: mean distance of two different faces in the photographs; None for one face.
        originals: the faces themselves, ``(side, side, 3)`` uint8 RGB.
        models: the results of each network; empty without a face.
    """

    encoder: str
    faces: Sequence[FoundFace]
    others_distance: float | None
    originals: Sequence[np.ndarray]
    models: Sequence[FaceFidelity]

    def record(self) -> dict[str, Any]:
        """Returns the entry in ``report.json``."""
        return {
            "encoder": self.encoder,
            "count": len(self.faces),
            "others_distance": self.others_distance,
            "faces": [
                {
                    "photograph": face.photograph,
                    "top": face.square.top,
                    "left": face.square.left,
                    "side": face.square.side,
                }
                for face in self.faces
            ],
            "models": [
                {
                    "model": model.model,
                    "threshold": model.threshold,
                    "kept": model.kept,
                    "identified": model.identified,
                    "mean_distance": model.mean_distance,
                    "distances": list(model.distances),
                }
                for model in self.models
            ],
        }


def measure_faces(
    subjects: Sequence[Subject],
    photographs: Mapping[str, np.ndarray],
    reader: FaceReader,
    long_side: int,
) -> FaceReport:
    """Paints the photographs with faces and compares each face with itself.

    The faces are found in the photographs; the same squares are cut out of the pictures.

    Args:
        subjects: the networks.
        photographs: by name, ``(height, width, 3)`` uint8 RGB.
        reader: finds and encodes faces.
        long_side: at which the photographs are painted, at most, in pixels.
    """
    scaled = {name: shrink(photograph, long_side) for name, photograph in photographs.items()}
    squares = {name: reader.find(photograph) for name, photograph in scaled.items()}
    squares = {name: found for name, found in squares.items() if found}
    encodings = {name: reader.encode(scaled[name], found) for name, found in squares.items()}
    faces = [
        FoundFace(name, square, encoding)
        for name, found in squares.items()
        for square, encoding in zip(found, encodings[name], strict=True)
    ]
    if not faces:
        return FaceReport(reader.encoder.name, (), None, (), ())
    side = reader.encoder.side
    known = np.stack([face.encoding for face in faces])
    models = []
    for subject in subjects:
        painted = {name: subject.paint(scaled[name]) for name in squares}
        found = np.concatenate([reader.encode(painted[n], squares[n]) for n in squares])
        distances = np.linalg.norm(found[:, None] - known[None], axis=2)
        models.append(
            FaceFidelity(
                subject.name,
                [float(distance) for distance in distances.diagonal()],
                [int(row.argmin()) == i for i, row in enumerate(distances)],
                reader.encoder.threshold,
                [cut_face(painted[face.photograph], face.square, side) for face in faces],
            )
        )
    first, second = np.triu_indices(len(faces), 1)
    apart = np.linalg.norm(known[first] - known[second], axis=1)
    originals = [cut_face(scaled[face.photograph], face.square, side) for face in faces]
    others = float(apart.mean()) if len(apart) else None
    return FaceReport(reader.encoder.name, faces, others, originals, models)


def write_face_sheet(path: Path, report: FaceReport) -> None:
    """Writes a sheet with the faces above what each network made of them."""
    rows = [_row("photographs", report.originals)]
    for model in report.models:
        label = f"{model.model}: {model.kept:.0%} kept, mean distance {model.mean_distance:.2f}"
        rows.append(_row(label, model.pictures))
    sheet = join_down(rows)
    write_whole(path, lambda temporary: sheet.save(temporary, quality=90))


def _row(label: str, faces: Sequence[np.ndarray]) -> Image.Image:
    size = (SHOWN_SIDE, SHOWN_SIDE)
    return add_label(
        join_across([Image.fromarray(face).resize(size) for face in faces[:SHOWN]], gap=2),
        label,
        height=LABEL,
    )
