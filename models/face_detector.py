"""Finds faces in pictures and cuts out the squares that an encoder reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from onestroke.models.face_weights import FaceWeights

# Of a square of one cell's side; widths and heights (face-api 1.7.15, ``tinyFaceDetector/const``).
ANCHORS = np.array(
    [
        (1.603231, 2.094468),
        (6.041143, 7.080126),
        (2.882459, 3.518061),
        (4.266906, 5.178857),
        (9.041765, 10.66308),
    ],
    np.float32,
)
CELL = 32  # pixels
# The long side in pixels, and the margin around the picture as a share of its long side. A larger
# side finds smaller faces. The detector expects surroundings: a face that fills the picture is
# found with a margin, which is tried where nothing was found without one.
PASSES = ((416, 0.0), (832, 0.0))
PASSES_WITH_MARGIN = ((224, 0.125), (416, 0.5))
LEAST_SCORE = 0.55  # in 43 photographs of people and things, 16 faces; at 0.5 two false ones more
LEAST_SIDE = 24  # pixels of the square; smaller ones hold no identity, and are often false
GREY = 128
MOST_OVERLAP = 0.4  # intersection over union of two boxes of different faces
LANDMARK_SIDE = 112  # pixels
EYES, MOUTH = (slice(36, 42), slice(42, 48)), slice(48, 68)  # of the 68 landmarks
EYES_TO_MOUTH = 0.45  # share of the square's side, as dlib cuts faces
CENTRE = (0.43, 0.5)  # where eyes and mouth have their centre in the square: down, across


@dataclass(frozen=True)
class Square:
    """A square of a picture, in pixels; parts of it may lie outside the picture."""

    top: int
    left: int
    side: int


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        square: what an encoder reads, with eyes and mouth at fixed places.
        score: of the detector, from 0 to 1.
        landmarks: ``(68, 2)`` float32, x and y in pixels: jaw, brows, nose, eyes, mouth.
    """

    square: Square
    score: float
    landmarks: np.ndarray


class FaceDetector:
    """Finds faces with the published networks.

    Args:
        weights: of the detector and of the landmarks.
    """

    def __init__(self, weights: FaceWeights) -> None:
        self.weights = weights

    @cached_property
    def _networks(self) -> tuple[Any, Any]:
        from onestroke.models.face_networks import build_detector, build_landmarks

        return build_detector(self.weights.detector), build_landmarks(self.weights.landmarks)

    def find(self, picture: np.ndarray) -> list[Face]:
        """Returns the faces in a picture, largest first.

        Args:
            picture: ``(height, width, 3)`` uint8 RGB.
        """
        faces = self._find(picture, PASSES) or self._find(picture, PASSES_WITH_MARGIN)
        return sorted(faces, key=lambda face: face.square.side, reverse=True)

    def _find(self, picture: np.ndarray, passes: Sequence[tuple[int, float]]) -> list[Face]:
        found = [self._boxes(picture, side, margin) for side, margin in passes]
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = suppress_overlaps(boxes, scores)
        faces = [self._align(picture, boxes[i], float(scores[i])) for i in kept]
        return [face for face in faces if face.square.side >= LEAST_SIDE]

    def _boxes(
        self, picture: np.ndarray, side: int, margin: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes in the picture's pixels, which may reach beyond it, and scores."""
        border = round(margin * max(picture.shape[:2]))
        if border:
            sides = (border, border)
            picture = np.pad(picture, (sides, sides, (0, 0)), constant_values=GREY)
        height, width = picture.shape[:2]
        scale = side / max(height, width)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
        padded = np.zeros((side, side, 3), np.float32)
        padded[: size[1], : size[0]] = small
        boxes, scores = decode_boxes(np.asarray(self._networks[0](padded[None]))[0])
        certain = scores > LEAST_SCORE
        return boxes[certain] / scale - border, scores[certain]

    def _align(self, picture: np.ndarray, box: np.ndarray, score: float) -> Face:
        """Finds the landmarks inside a box, and from them the square."""
        top, left = (int(edge) for edge in np.maximum(np.floor(box[:2]), 0))
        bottom, right = (int(edge) for edge in np.floor(box[2:]))
        top, left = min(top, picture.shape[0] - 1), min(left, picture.shape[1] - 1)
        part = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
        height, width = part.shape[:2]
        side = max(height, width)
        down, across = (side - height) // 2, (side - width) // 2
        square = Square(top - down, left - across, side)
        padded = np.zeros((side, side, 3), np.uint8)
        padded[down : down + height, across : across + width] = part
        face = cut_face(padded, Square(0, 0, side), LANDMARK_SIDE)
        points = np.asarray(self._networks[1](face[None].astype(np.float32)))[0]
        points = points * side + np.array([square.left, square.top], np.float32)
        return Face(align_square(points), score, points)


def decode_boxes(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the boxes that the detector's numbers describe.

    Args:
        output: ``(cells, cells, 25)`` float32.

    Returns:
        Boxes ``(count, 4)``: top, left, bottom and right in the detector's pixels; scores
        ``(count,)`` from 0 to 1.
    """
    cells = output.shape[0]
    values = output.reshape(cells, cells, len(ANCHORS), 5)
    place = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1)[:, :, None]
    centre = (place + _sigmoid(values[..., :2])) * CELL
    half = np.exp(values[..., 2:4]) * ANCHORS * (CELL / 2)
    left_top, right_bottom = centre - half, centre + half
    boxes = np.concatenate([left_top[..., ::-1], right_bottom[..., ::-1]], axis=-1)
    return boxes.reshape(-1, 4), _sigmoid(values[..., 4]).ravel()


def suppress_overlaps(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Returns the numbers of the boxes that no box of a higher score overlaps, best first."""
    kept: list[int] = []
    for candidate in np.argsort(-scores, kind="stable"):
        if all(_overlap(boxes[candidate], boxes[other]) <= MOST_OVERLAP for other in kept):
            kept.append(int(candidate))
    return kept


def align_square(landmarks: np.ndarray) -> Square:
    """Returns the square in which eyes and mouth have the size and the place of dlib's faces.

    Args:
        landmarks: ``(68, 2)`` float32, x and y in pixels.
    """
    centres = [landmarks[part].mean(axis=0) for part in (*EYES, MOUTH)]
    distance = np.mean([np.linalg.norm(centres[2] - eye) for eye in centres[:2]])
    side = max(int(distance / EYES_TO_MOUTH), 1)
    across, down = np.mean(centres, axis=0)
    return Square(
        int(np.floor(down - CENTRE[0] * side)), int(np.floor(across - CENTRE[1] * side)), side
    )


def cut_face(picture: np.ndarray, square: Square, side: int) -> np.ndarray:
    """Cuts a square and scales it; what lies outside the picture is black.

    Args:
        picture: ``(height, width, 3)`` uint8 RGB.
        square: where.
        side: of the result, in pixels.

    Returns:
        ``(side, side, 3)`` uint8 RGB.
    """
    edges = (square.left, square.top, square.left + square.side, square.top + square.side)
    face = Image.fromarray(picture).crop(edges)
    return np.asarray(face.resize((side, side), Image.Resampling.BILINEAR))


def middle_square(picture: np.ndarray) -> Square:
    """Returns the largest square in the middle of a picture."""
    height, width = picture.shape[:2]
    side = min(height, width)
    return Square((height - side) // 2, (width - side) // 2, side)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    top_left, bottom_right = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.maximum(bottom_right - top_left, 0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return shared / (sum(areas) - shared)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
