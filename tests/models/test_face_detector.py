import numpy as np
import pytest
from PIL import Image

from onestroke.data.photograph_sources import open_source
from onestroke.models.face_detector import (
    FaceDetector,
    Square,
    align_square,
    cut_face,
    decode_boxes,
    middle_square,
    suppress_overlaps,
)
from onestroke.models.face_encoder import published_encoder
from onestroke.models.face_reader import FaceReader


def test_boxes_are_decoded_by_cell_and_anchor():
    output = np.zeros((2, 2, 25), np.float32)
    output[..., 4::5] = -9
    output[1, 0, 5:10] = [0, np.log(3), 0, np.log(2), 9]  # the second anchor of the lower left cell
    boxes, scores = decode_boxes(output)
    best = int(np.argmax(scores))
    assert scores[best] == pytest.approx(0.99988, abs=1e-5)
    assert (scores > 0.5).sum() == 1
    # Centre: across half a cell, down a cell and three quarters. Size: that of the anchor, and
    # twice its height.
    width, height = 6.041143 * 32, 2 * 7.080126 * 32
    expected = [56 - height / 2, 16 - width / 2, 56 + height / 2, 16 + width / 2]
    np.testing.assert_allclose(boxes[best], expected, rtol=1e-5)


def test_overlapping_boxes_of_a_lower_score_are_dropped():
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 15], [0, 4, 10, 14], [20, 20, 30, 30]], float)
    # Intersection over union with the first: 50 / 150 and 60 / 140.
    assert suppress_overlaps(boxes, np.array([0.9, 0.8, 0.7, 0.95])) == [3, 0, 1]


def test_square_has_eyes_and_mouth_at_fixed_places():
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42], landmarks[42:48], landmarks[48:68] = (40, 50), (80, 50), (60, 92.1)
    # Each eye is 46.6 from the mouth: a side of 103. Their centre is (60, 64.03).
    assert align_square(landmarks) == Square(top=19, left=8, side=103)


def test_parts_outside_the_picture_are_black():
    picture = np.full((10, 10, 3), 200, np.uint8)
    face = cut_face(picture, Square(top=-5, left=0, side=10), 10)
    assert (face[:5] == 0).all()
    assert (face[5:] == 200).all()
    assert cut_face(picture, Square(0, 0, 10), 4).shape == (4, 4, 3)


def test_middle_square():
    assert middle_square(np.zeros((10, 20, 3), np.uint8)) == Square(0, 5, 10)


@pytest.fixture(scope="module")
def astronaut():
    source = open_source("bundled", split="validation")
    number = next(i for i in range(len(source)) if "astronaut" in source.name(i))
    return source.read(number)


def test_face_of_the_astronaut_is_found_at_any_size(astronaut, face_weights):
    detector = FaceDetector(face_weights)
    face = detector.find(astronaut)[0]
    assert face.score > 0.9
    eyes, mouth = face.landmarks[36:48].mean(axis=0), face.landmarks[48:].mean(axis=0)
    assert eyes[1] < mouth[1]
    picture = Image.fromarray(astronaut)
    double = np.asarray(picture.resize((2 * picture.width, 2 * picture.height)))
    larger = detector.find(double)[0].square
    assert larger.side == pytest.approx(2 * face.square.side, rel=0.1)
    assert larger.top == pytest.approx(2 * face.square.top, abs=0.1 * larger.side)


def test_a_face_that_fills_the_picture_is_found(astronaut, face_weights):
    detector = FaceDetector(face_weights)
    square = detector.find(astronaut)[0].square
    alone = cut_face(astronaut, square, square.side)
    found = detector.find(alone)[0].square
    assert found.side == pytest.approx(square.side, rel=0.25)


def test_no_face_in_a_flat_picture(face_weights):
    assert FaceDetector(face_weights).find(np.full((64, 640, 3), 90, np.uint8)) == []


def test_mirrored_and_darkened_face_is_the_same_person(astronaut, face_weights):
    reader = FaceReader(published_encoder(face_weights), FaceDetector(face_weights))
    own = reader.read(astronaut)[0].encoding
    changed = (astronaut[:, ::-1] * 0.7).astype(np.uint8)
    distance = np.linalg.norm(own - reader.read(changed)[0].encoding)
    assert 0 < distance < reader.encoder.threshold
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape, np.uint8)
    other = reader.encode(noise, [reader.find(astronaut)[0]])[0]
    assert np.linalg.norm(own - other) > reader.encoder.threshold
