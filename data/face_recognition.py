"""Enrolment, verification and identification of people by their faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.data.face_database import (
    FaceDatabase,
    locked_face_database,
    read_face_database,
    write_face_database,
)
from onestroke.models.face_detector import Square
from onestroke.models.face_reader import EncodedFace, FaceReader
from onestroke.pictures import PictureError, read_pixels


@dataclass(frozen=True)
class ComparedFace:
    """A face in a photograph, compared with enrolled people.

    Attributes:
        square: where the face is.
        name: the nearest person, or the one asked for.
        distance: to the nearest encoding of this person.
        accepted: whether the distance is below the encoder's threshold.
    """

    square: Square
    name: str
    distance: float
    accepted: bool


@dataclass(frozen=True)
class EnrolledFace:
    """The face that was enrolled from a photograph: the largest of ``faces``."""

    photograph: Path
    square: Square
    faces: int


def enroll(
    name: str, photographs: Sequence[Path], database: Path, reader: FaceReader
) -> list[EnrolledFace]:
    """Adds the largest face of each photograph to the database; writes nothing if one has none.

    Args:
        name: of the person.
        photographs: of this person.
        database: the file, which is created if it does not exist.
        reader: finds and encodes the faces.

    Raises:
        OnestrokeError: a photograph has no face, or the database does not fit.
    """
    _read_or_create(database, reader)  # mistakes are found before faces are
    found = [read_faces(photograph, reader) for photograph in photographs]
    encodings = np.stack([faces[0].encoding for faces in found])
    with locked_face_database(database):
        people = _read_or_create(database, reader).add(name, encodings)
        write_face_database(database, people)
    return [
        EnrolledFace(photograph, faces[0].square, len(faces))
        for photograph, faces in zip(photographs, found, strict=True)
    ]


def _read_or_create(database: Path, reader: FaceReader) -> FaceDatabase:
    """Returns the database in the file, or an empty one, for the encodings of a reader."""
    encoder = reader.encoder.sha256
    if not database.exists():
        return FaceDatabase(encoder=encoder, people={})
    people = read_face_database(database)
    people.check_encoder(encoder)
    return people.model_copy(update={"encoder": encoder})  # an empty one may change it


def verify(
    photograph: Path, name: str, people: FaceDatabase, reader: FaceReader
) -> list[ComparedFace]:
    """Compares every face in a photograph with one person; largest face first."""
    people.check_encoder(reader.encoder.sha256)
    return [
        _compare(face, name, people.distance(name, face.encoding), reader)
        for face in read_faces(photograph, reader)
    ]


def identify(photograph: Path, people: FaceDatabase, reader: FaceReader) -> list[ComparedFace]:
    """Returns the nearest person for every face in a photograph; largest face first."""
    people.check_encoder(reader.encoder.sha256)
    compared = []
    for face in read_faces(photograph, reader):
        name, distance = people.nearest(face.encoding) or ("", float("inf"))
        compared.append(_compare(face, name, distance, reader))
    return compared


def read_faces(photograph: Path, reader: FaceReader) -> list[EncodedFace]:
    """Returns at least one face, largest first.

    Raises:
        PictureError: no face was found, or the photograph cannot be read.
    """
    faces = reader.read(read_pixels(photograph))
    if not faces:
        raise PictureError(
            f"no face found in {photograph}; use a larger or frontal one, or --cropped for a "
            "picture that shows one face only"
        )
    return faces


def _compare(face: EncodedFace, name: str, distance: float, reader: FaceReader) -> ComparedFace:
    return ComparedFace(face.square, name, distance, distance < reader.encoder.threshold)
