import numpy as np
import pytest
from PIL import Image

from onestroke.data.face_folders import People, PeopleBatches, read_people
from onestroke.data.photograph_sources import DataError


def cut(picture):
    """Pictures of 8 px are faces; the others have none."""
    return picture if picture.shape == (8, 8, 3) else None


def write(path, value, side=8):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    for person in range(3):
        for number in range(2):
            write(tmp_path / f"person{person}" / f"{number}.png", 10 * person + number)
    write(tmp_path / "person1" / "scenery.png", 99, side=9)
    write(tmp_path / "once" / "0.png", 50)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_people_with_two_faces_are_read(folder):
    people = read_people(folder, cut, side=8)
    assert people.names == ["person0", "person1", "person2"]
    assert people.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert people.faces[:, 0, 0, 0].tolist() == [0, 1, 10, 11, 20, 21]
    assert [file.name for file in people.without_face] == ["scenery.png"]


def test_too_few_people(tmp_path, folder):
    with pytest.raises(DataError, match="0 people with 2 or more"):
        read_people(folder / "person0", cut, side=8)
    with pytest.raises(DataError, match="is not a folder"):
        read_people(tmp_path / "nowhere", cut, side=8)


def make_people(count, pictures=3):
    labels = np.repeat(np.arange(count), pictures)
    faces = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    faces = np.broadcast_to(faces, (len(labels), 4, 4, 3))
    return People([f"p{i}" for i in range(count)], faces, labels)


def test_split_keeps_people_apart_and_does_not_move_them():
    known, held_out = make_people(12).split(0.25, seed=3)
    assert len(held_out.names) == 3
    assert not set(known.names) & set(held_out.names)
    assert sorted({*known.names, *held_out.names}) == sorted(make_people(12).names)
    for part in (known, held_out):
        assert part.labels.tolist() == np.repeat(np.arange(len(part.names)), 3).tolist()
        # Of person number i, the faces are 3 i, 3 i + 1 and 3 i + 2.
        people = [int(name[1:]) for name in part.names]
        assert (part.faces[:, 0, 0, 0] // 3).tolist() == np.repeat(people, 3).tolist()
    assert make_people(12).split(0.25, seed=3)[1].names == held_out.names
    assert make_people(12).split(0.25, seed=4)[1].names != held_out.names


def test_batches_hold_p_people_with_k_pictures_each():
    batches = PeopleBatches(make_people(6), count=4, pictures=2, seed=0)
    faces, labels = batches[7]
    assert faces.shape == (8, 4, 4, 3)
    assert faces.dtype == np.float32
    assert np.unique(labels, return_counts=True)[1].tolist() == [2] * 4


def test_batches_depend_on_seed_and_number_alone():
    people = make_people(6)
    first = [PeopleBatches(people, count=4, pictures=2, seed=1)[k][0] for k in range(3)]
    again = PeopleBatches(people, count=4, pictures=2, seed=1)
    np.testing.assert_array_equal(again[2][0], first[2])
    np.testing.assert_array_equal(again[0][0], first[0])
    assert not np.array_equal(first[0], first[1])


def test_every_picture_comes_before_any_comes_again():
    # Picture k of a person is white in row k, which neither mirroring nor brightness moves.
    faces = np.zeros((6, 4, 4, 3), np.uint8)
    for number in range(6):
        faces[number, number % 3] = 250
    people = People(["a", "b"], faces, np.repeat([0, 1], 3))
    for number in range(4):
        batch, _ = PeopleBatches(people, count=2, pictures=6, seed=0)[number]
        shown = batch.mean(axis=(2, 3)).argmax(axis=1).reshape(2, 6)
        assert all(np.bincount(rows).tolist() == [2, 2, 2] for rows in shown)
