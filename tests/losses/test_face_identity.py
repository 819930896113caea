import numpy as np
import pytest
from PIL import Image

from onestroke.data.photograph_sources import open_source
from onestroke.losses.face_identity import FaceIdentity, cut_squares
from onestroke.models.face_detector import FaceDetector, Square, cut_face


@pytest.mark.parametrize(
    ("square", "side"),
    [(Square(4, 10, 32), 32), (Square(5, 3, 40), 16), (Square(8, 8, 10), 30)],
)
def test_squares_are_cut_as_pillow_does(square, side):
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (60, 70, 3), np.uint8)
    # Smooth, so that the neighbours that a crop hides from Pillow are alike.
    picture = np.asarray(Image.fromarray(picture).resize((10, 10)).resize((70, 60)))
    squares = np.array([[square.top, square.left, square.side]], np.float32)
    cut = np.asarray(cut_squares(picture[None].astype(np.float32), squares, side))[0]
    expected = cut_face(picture, square, side).astype(np.float32)
    inside = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(cut[inside], expected[inside], atol=1.5)


def test_outside_of_the_picture_is_black():
    picture = np.full((1, 20, 20, 3), 200, np.float32)
    cut = np.asarray(cut_squares(picture, np.array([[-10, 0, 20]], np.float32), 20))[0]
    np.testing.assert_allclose(cut[:9], 0)
    np.testing.assert_allclose(cut[11:-1, 1:-1], 200)


@pytest.fixture(scope="module")
def astronaut(face_weights):
    """A crop of a training's size around the face."""
    source = open_source("bundled", split="validation")
    number = next(i for i in range(len(source)) if "astronaut" in source.name(i))
    photograph = source.read(number)
    face = FaceDetector(face_weights).find(photograph)[0].square
    top, left = max(0, face.top - face.side // 2), max(0, face.left - face.side // 2)
    crop = photograph[top : top + 2 * face.side, left : left + 2 * face.side]
    return np.asarray(Image.fromarray(crop).resize((192, 192)))


@pytest.fixture(scope="module")
def identity(face_weights):
    return FaceIdentity(face_weights)


def test_face_is_found_where_the_detector_finds_it(astronaut, identity, face_weights):
    expected = FaceDetector(face_weights).find(astronaut)[0].square
    squares, found = identity.find(astronaut[None].astype(np.float32))
    assert bool(found[0])
    top, left, side = np.asarray(squares)[0]
    assert side == pytest.approx(expected.side, rel=0.15)
    assert top == pytest.approx(expected.top, abs=0.15 * expected.side)
    assert left == pytest.approx(expected.left, abs=0.15 * expected.side)


def test_term_is_zero_for_the_photograph_and_grows_with_the_change(astronaut, identity):
    photograph = astronaut[None].astype(np.float32)
    random = np.random.default_rng(0)
    noise = random.normal(size=photograph.shape).astype(np.float32)
    terms = [float(identity(photograph, photograph + s * noise)[0]) for s in (0, 15, 60)]
    assert terms[0] == pytest.approx(0, abs=1e-6)
    assert 0 < terms[1] < terms[2]


def test_photographs_without_a_face_count_nothing(astronaut, identity):
    photographs = np.stack([np.full_like(astronaut, 90), astronaut]).astype(np.float32)
    terms = np.asarray(identity(photographs, 255 - photographs))
    assert terms[0] == 0
    assert terms[1] > 1  # a negative is another person


def test_gradient_reaches_the_face_alone(astronaut, identity):
    import tensorflow as tf

    photograph = tf.constant(astronaut[None], tf.float32)
    picture = tf.Variable(photograph * 0.9)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(identity(photograph, picture))
    gradient = np.abs(tape.gradient(loss, picture).numpy())[0].max(axis=-1)
    top, left, side = np.asarray(identity.find(astronaut[None].astype(np.float32))[0])[0]
    middle = gradient[int(top + side / 2), int(left + side / 4) : int(left + 3 * side / 4)]
    assert (middle > 0).all()
    assert gradient[0, 0] == gradient[-1, 0] == 0
