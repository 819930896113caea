"""Reads the faces in a picture: where they are and their encodings, largest first."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.models.face_detector import Face, FaceDetector, Square, cut_face, middle_square
from onestroke.models.face_encoder import FaceEncoder, published_encoder, trained_encoder
from onestroke.models.face_weights import load_face_weights


@dataclass(frozen=True)
class EncodedFace:
    """A face and its encoding.

    Attributes:
        square: where the face is in the picture.
        encoding: ``(128,)`` float32.
    """

    square: Square
    encoding: np.ndarray


class FaceReader:
    """Finds and encodes faces.

    Args:
        encoder: of the faces.
        detector: finds them; None for pictures that are cropped to one face.
    """

    def __init__(self, encoder: FaceEncoder, detector: FaceDetector | None) -> None:
        self.encoder = encoder
        self.detector = detector

    def read(self, picture: np.ndarray) -> list[EncodedFace]:
        """Returns the faces in a picture, largest first.

        Args:
            picture: ``(height, width, 3)`` uint8 RGB.
        """
        squares = self.find(picture)
        encodings = self.encode(picture, squares)
        return [EncodedFace(*pair) for pair in zip(squares, encodings, strict=True)]

    def find(self, picture: np.ndarray) -> list[Square]:
        """Returns where the faces are, largest first; of a cropped picture, its middle square."""
        if self.detector is None:
            return [middle_square(picture)]
        faces: list[Face] = self.detector.find(picture)
        return [face.square for face in faces]

    def encode(self, picture: np.ndarray, squares: list[Square]) -> np.ndarray:
        """Returns ``(count, 128)`` float32 for the faces at known places."""
        side = self.encoder.side
        cut = [cut_face(picture, square, side) for square in squares]
        return self.encoder.encode(np.stack(cut) if cut else np.empty((0, side, side, 3), np.uint8))


def open_face_reader(encoder: Path | None = None, *, cropped: bool = False) -> FaceReader:
    """Opens the published networks, or an encoder of one's own.

    Args:
        encoder: a file of ``onestroke faces train``; None for the published one.
        cropped: whether the pictures are cropped to one face, so that no detector is needed.

    Raises:
        ModelError: a file is missing, or the published weights are needed and not available.
    """
    own = trained_encoder(encoder) if encoder else None
    if own and cropped:
        return FaceReader(own, None)
    weights = load_face_weights()
    detector = None if cropped else FaceDetector(weights)
    return FaceReader(own or published_encoder(weights), detector)
