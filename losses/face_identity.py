"""The face identity term: how far a painted face is from the same face in the photograph.

The largest face that the detector finds in a photograph is cut out of the photograph and of the
picture at the same place; the term is the squared distance of their encodings. Everything is
computed inside the training step, so that it works on any crop of any photograph.
"""

import numpy as np
from keras import ops

from onestroke.models.face_detector import (
    ANCHORS,
    CELL,
    CENTRE,
    EYES,
    EYES_TO_MOUTH,
    LANDMARK_SIDE,
    LEAST_SCORE,
    LEAST_SIDE,
    MOUTH,
)
from onestroke.models.face_encoder import PUBLISHED_THRESHOLD
from onestroke.models.face_networks import (
    ENCODER_SIDE,
    build_detector,
    build_landmarks,
    build_published_encoder,
)
from onestroke.models.face_weights import FaceWeights
from onestroke.models.layers import CHANNELS, Tensor

DETECTOR_SIDE = 256  # pixels to which photographs are scaled, whatever their shape


class FaceIdentity:
    """The face identity term with the published networks, in 32 bits.

    Args:
        weights: of the detector, the landmarks and the encoder.
    """

    def __init__(self, weights: FaceWeights) -> None:
        self.detector = build_detector(weights.detector)
        self.landmarks = build_landmarks(weights.landmarks)
        self.encoder = build_published_encoder(weights.encoder)

    def __call__(self, photographs: Tensor, pictures: Tensor) -> Tensor:
        """Returns ``(batch,)`` float32: 1 at the distance that separates two people.

        0 where no face is found.

        Args:
            photographs: ``(batch, height, width, 3)`` RGB in [0, 255].
            pictures: their paintings, of the same shape.
        """
        photographs, pictures = ops.cast(photographs, "float32"), ops.cast(pictures, "float32")
        squares, found = self.find(photographs)
        wanted = ops.stop_gradient(self.encoder(cut_squares(photographs, squares, ENCODER_SIDE)))
        actual = self.encoder(cut_squares(pictures, squares, ENCODER_SIDE))
        distance = ops.sum(ops.square(actual - wanted), axis=-1) / PUBLISHED_THRESHOLD**2
        return ops.where(found, distance, 0.0)

    def find(self, photographs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the most certain face of each photograph, without a gradient.

        Returns:
            Squares ``(batch, 3)`` float32, top, left and side in pixels; and ``(batch,)`` whether
            the detector is certain that there is a face.
        """
        boxes, scores = self._boxes(photographs)
        side = ops.max(boxes[:, 2:], axis=1)
        around = boxes[:, :2] + (boxes[:, 2:] - side[:, None]) / 2
        square = ops.concatenate([around, side[:, None]], axis=1)
        points = self.landmarks(cut_squares(photographs, square, LANDMARK_SIDE))
        points = points * side[:, None, None] + ops.flip(around, axis=1)[:, None]
        squares = _align(points)
        found = ops.logical_and(scores > LEAST_SCORE, squares[:, 2] >= LEAST_SIDE)
        return ops.stop_gradient(squares), found

    def _boxes(self, photographs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the box of the highest score: top, left, height and width; and the score."""
        height, width = ops.shape(photographs)[1:3]
        size = (DETECTOR_SIDE, DETECTOR_SIDE)
        small = ops.image.resize(photographs, size, data_format=CHANNELS, antialias=True)
        cells = DETECTOR_SIDE // CELL
        values = ops.reshape(self.detector(small), (-1, cells * cells * len(ANCHORS), 5))
        scores = ops.sigmoid(values[..., 4])
        best = ops.argmax(scores, axis=1)
        chosen = ops.take_along_axis(values, ops.reshape(best, (-1, 1, 1)), axis=1)[:, 0]
        place = ops.take(ops.convert_to_tensor(_places(cells)), best, axis=0)
        anchor = ops.take(ops.convert_to_tensor(np.tile(ANCHORS, (cells * cells, 1))), best, axis=0)
        scale = ops.cast(ops.stack([height, width]), "float32") / cells
        # Across before down in the network's numbers.
        centre = ops.flip(place + ops.sigmoid(chosen[:, :2]), axis=1) * scale
        extent = ops.flip(ops.exp(chosen[:, 2:4]) * anchor, axis=1) * scale
        boxes = ops.concatenate([centre - extent / 2, extent], axis=1)
        return boxes, ops.max(scores, axis=1)


def cut_squares(pictures: Tensor, squares: Tensor, side: int) -> Tensor:
    """Cuts a square out of each picture and scales it, with a gradient for the pictures.

    A triangle filter as wide as the reduction, as Pillow's bilinear resize. Outside is black.

    Args:
        pictures: ``(batch, height, width, 3)`` float32.
        squares: ``(batch, 3)`` float32: top, left and side in pixels.
        side: of the result, in pixels.

    Returns:
        ``(batch, side, side, 3)`` float32.
    """
    height, width = ops.shape(pictures)[1:3]
    rows = _resampling(squares[:, 0], squares[:, 2], height, side)
    columns = _resampling(squares[:, 1], squares[:, 2], width, side)
    cut = ops.einsum("bih,bhwc->biwc", rows, pictures)
    return ops.einsum("bjw,biwc->bijc", columns, cut)


def _resampling(start: Tensor, extent: Tensor, length: Tensor, side: int) -> Tensor:
    """Returns ``(batch, side, length)``: how much each pixel adds to each pixel of the result."""
    step = (extent / side)[:, None]
    centre = start[:, None] + (ops.arange(side, dtype="float32") + 0.5)[None] * step
    reach = ops.maximum(step, 1.0)[..., None]
    pixel = ops.arange(length, dtype="float32") + 0.5
    weight = ops.maximum(1 - ops.abs(pixel[None, None] - centre[..., None]) / reach, 0.0)
    return weight / reach


def _align(points: Tensor) -> Tensor:
    """Returns squares from landmarks ``(batch, 68, 2)``, as ``align_square`` does."""
    centres = [ops.mean(points[:, part], axis=1) for part in (*EYES, MOUTH)]
    distances = [ops.norm(centres[2] - eye, axis=1) for eye in centres[:2]]
    side = sum(distances) / (2 * EYES_TO_MOUTH)
    across, down = (sum(centre[:, i] for centre in centres) / 3 for i in (0, 1))
    return ops.stack([down - CENTRE[0] * side, across - CENTRE[1] * side, side], axis=1)


def _places(cells: int) -> np.ndarray:
    """Returns across and down of the cell of each box, ``(boxes, 2)`` float32."""
    down, across = np.divmod(np.arange(cells * cells), cells)
    return np.repeat(np.stack([across, down], axis=1), len(ANCHORS), axis=0).astype(np.float32)
