import numpy as np
import pytest

from onestroke.data.face_folders import People
from onestroke.data.photograph_sources import DataError
from onestroke.errors import ModelError, SettingsError
from onestroke.models.face_encoder import trained_encoder
from onestroke.train.face_settings import read_face_settings
from onestroke.train.face_training import train_faces

SETTINGS = ["faces.side=32", "faces.width=4", "faces.steps=60", "faces.held_out=0.4"]


def make_people(count=12, pictures=4):
    """People are patterns of stripes of their own direction and colour, with noise."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[:32, :32]
    faces = []
    for person in range(count):
        angle = person * np.pi / count
        stripes = np.sin((np.cos(angle) * down + np.sin(angle) * across) * 0.8)
        colour = random.uniform(0.3, 1, 3)
        for _ in range(pictures):
            face = 128 + 90 * stripes[..., None] * colour + random.normal(0, 12, (32, 32, 3))
            faces.append(np.clip(face, 0, 255).astype(np.uint8))
    labels = np.repeat(np.arange(count), pictures)
    return People([f"p{i}" for i in range(count)], np.stack(faces), labels)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("faces") / "own.keras"
    steps = []
    result = train_faces(make_people(), path, read_face_settings(SETTINGS), show=steps.append)
    return path, result, steps


def test_people_not_trained_on_are_told_apart_better_than_by_random_weights(trained):
    _, result, steps = trained
    assert (result.people, result.held_out) == (7, 5)
    assert [progress.step for progress in steps] == list(range(1, 61))
    assert result.accuracy > max(0.8, result.accuracy_before)


def test_file_holds_the_encoder_and_its_threshold(trained):
    path, result, _ = trained
    encoder = trained_encoder(path)
    assert encoder.threshold == pytest.approx(result.threshold)
    faces = make_people().faces[:3]
    encodings = encoder.encode(faces)
    assert encodings.shape == (3, 128)
    np.testing.assert_allclose(np.linalg.norm(encodings, axis=1), 1, rtol=1e-5)
    assert encoder.encode(faces[:0]).shape == (0, 128)


def test_training_is_a_function_of_its_settings(trained, tmp_path):
    settings = read_face_settings([*SETTINGS, "faces.steps=2"])
    encodings = []
    for name in ("one.keras", "two.keras"):
        train_faces(make_people(), tmp_path / name, settings)
        encodings.append(trained_encoder(tmp_path / name).encode(make_people().faces[:4]))
    np.testing.assert_array_equal(*encodings)


def test_too_few_people_to_hold_out(tmp_path):
    with pytest.raises(DataError, match=r"1 of 4 people would be held out .* at least 4"):
        train_faces(make_people(4), tmp_path / "own.keras", read_face_settings(["faces.side=32"]))
    assert not list(tmp_path.iterdir())


def test_unknown_setting():
    with pytest.raises(SettingsError, match=r"unknown key faces\.step; did you mean faces\.steps"):
        read_face_settings(["faces.step=3"])


def test_other_files_are_no_encoders(tmp_path):
    import keras

    with pytest.raises(ModelError, match="there is no encoder"):
        trained_encoder(tmp_path / "own.keras")
    (tmp_path / "own.keras").write_bytes(b"x")
    with pytest.raises(ModelError, match="cannot be read as a Keras file"):
        trained_encoder(tmp_path / "own.keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "own.keras")
    with pytest.raises(ModelError, match="holds no face encoder"):
        trained_encoder(tmp_path / "own.keras")
