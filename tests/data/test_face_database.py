import json
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from onestroke.data.face_database import (
    FaceDatabase,
    FaceDatabaseError,
    locked_face_database,
    read_face_database,
    remove_person,
    write_face_database,
)

ANN, BEN = np.zeros((2, 128), np.float32), np.ones((1, 128), np.float32)
ANN[1, 0] = 0.5


@pytest.fixture
def path(tmp_path):
    database = FaceDatabase(encoder="ab" * 32, people={}).add("Ben", BEN).add("Ann", ANN)
    write_face_database(tmp_path / "faces.json", database)
    return tmp_path / "faces.json"


def test_people_are_read_back(path):
    database = read_face_database(path)
    assert list(database.people) == ["Ann", "Ben"]
    np.testing.assert_allclose(database.people["Ann"], ANN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["faces.json"]


def test_distance_is_that_to_the_nearest_face_of_a_person(path):
    database = read_face_database(path)
    face = np.zeros(128)
    face[0] = 0.75
    assert database.distance("Ann", face) == pytest.approx(0.25)
    assert database.nearest(face) == ("Ann", pytest.approx(0.25))
    assert database.nearest(np.full(128, 0.9))[0] == "Ben"


def test_removed_person_is_gone_from_the_file(path):
    write_face_database(path, read_face_database(path).remove("Ann"))
    assert list(read_face_database(path).people) == ["Ben"]
    assert "Ann" not in path.read_text()


def test_unknown_person(path):
    with pytest.raises(FaceDatabaseError, match=r"^Cleo is not .*; enrolled: Ann, Ben$"):
        read_face_database(path).remove("Cleo")


def test_missing_file(tmp_path):
    with pytest.raises(FaceDatabaseError, match=r"there is no face database .* faces enroll"):
        read_face_database(tmp_path / "faces.json")


def test_changed_content_is_found_by_its_hash(path):
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(FaceDatabaseError, match="is damaged"):
        read_face_database(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("\x00", "cannot be read"),
        ("[]", "is not a face database"),
        ('{"people": {}}', "is not a face database"),
        ("[" * 100_000, "cannot be read as a face database"),
        ('{"schema_version": 1, "sha256": "", "people": {"\\ud800": []}}', "is damaged"),
        ('{"schema_version": 2, "sha256": ""}', "has schema version 2; .* reads 1"),
    ],
)
def test_other_files(tmp_path, text, message):
    (tmp_path / "faces.json").write_text(text)
    with pytest.raises(FaceDatabaseError, match=message):
        read_face_database(tmp_path / "faces.json")


def test_encodings_of_another_length_are_refused(path):
    import hashlib

    content = json.loads(path.read_text())
    content["people"]["Ann"][0].pop()
    del content["sha256"]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    content["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(content))
    with pytest.raises(FaceDatabaseError, match=r"people\.Ann\.0: .*at least 128"):
        read_face_database(path)


def test_encodings_of_another_encoder_are_refused(path):
    with pytest.raises(FaceDatabaseError, match="another face encoder"):
        read_face_database(path).check_encoder("cd" * 32)
    FaceDatabase(encoder="ab" * 32, people={}).check_encoder("cd" * 32)  # nobody is in it


def test_a_person_needs_a_name():
    with pytest.raises(FaceDatabaseError, match="needs a name"):
        FaceDatabase(encoder="", people={}).add(" ", BEN)


def test_simultaneous_changes_lose_nobody(path):
    def add(number):
        with locked_face_database(path):
            write_face_database(path, read_face_database(path).add(f"Person {number}", BEN))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
    remove_person("Ann", path)
    assert len(read_face_database(path).people) == 9


def test_a_change_waits_for_another_one_only_so_long(path, monkeypatch):
    monkeypatch.setattr("onestroke.data.face_database.LOCK_SECONDS", 0.05)
    with (
        locked_face_database(path),
        pytest.raises(FaceDatabaseError, match="is being changed by another process; try again"),
    ):
        remove_person("Ann", path)
    assert "Ann" in read_face_database(path).people
