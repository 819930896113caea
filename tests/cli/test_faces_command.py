"""``onestroke faces`` with an encoder of one's own, which needs no published weights."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from onestroke.cli import terminal
from onestroke.cli.app import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns exit status, standard output and error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["onestroke", "faces", *map(str, arguments)])
        monkeypatch.setattr(terminal, "silence_exit", lambda: None)
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Ten people in folders, each a pattern of stripes of one direction, with noise."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    down, across = np.mgrid[:32, :32]
    for person in range(10):
        (folder / f"p{person}").mkdir()
        angle = person * np.pi / 10
        stripes = np.sin((np.cos(angle) * down + np.sin(angle) * across) * 0.8)
        colour = random.uniform(0.3, 1, 3)
        for number in range(4):
            face = 128 + 90 * stripes[..., None] * colour + random.normal(0, 8, (32, 32, 3))
            face = np.clip(face, 0, 255).astype(np.uint8)
            Image.fromarray(face).save(folder / f"p{person}" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def encoder(people, tmp_path_factory):
    from onestroke.train.face_settings import read_face_settings
    from onestroke.train.face_training import read_training_faces, train_faces

    path = tmp_path_factory.mktemp("encoder") / "own.keras"
    settings = ["faces.side=32", "faces.width=4", "faces.steps=40", "faces.held_out=0.4"]
    known = read_training_faces(people, read_face_settings(settings), cropped=True)
    train_faces(known, path, read_face_settings(settings))
    return path


def test_training_writes_an_encoder(run, people, tmp_path):
    changes = ("faces.side=32", "faces.width=4", "faces.steps=2", "faces.held_out=0.4")
    sets = [part for change in changes for part in ("--set", change)]
    status, said, _ = run("train", people, "--output", tmp_path / "own.keras", "--cropped", *sets)
    assert status == 0, said
    assert "Training on 40 faces of 10 people." in said
    assert "Verification accuracy on 4 people not trained on:" in said
    assert (tmp_path / "own.keras").is_file()


def test_enroll_verify_identify_list_and_remove(run, people, encoder, tmp_path):
    place = ["--database", tmp_path / "faces.json"]
    where = [*place, "--encoder", encoder, "--cropped"]
    photos = [people / "p1" / f"{number}.png" for number in (0, 1)]
    status, said, _ = run("enroll", "Ann", *photos, *where)
    assert status == 0
    assert said.endswith(f"Enrolled Ann with 2 faces in {tmp_path / 'faces.json'}.\n")
    assert run("enroll", "Ben", people / "p6" / "0.png", *where)[0] == 0
    assert run("list", *place)[:2] == (0, "Ann  2 faces\nBen  1 face\n")

    status, said, _ = run("verify", people / "p1" / "2.png", "Ann", *where)
    assert status == 0
    assert said.startswith("yes: Ann, distance 0.")
    status, said, _ = run("verify", people / "p1" / "2.png", "Ben", *where)
    assert status == 1
    assert said.startswith("no: Ben, distance ")

    status, said, _ = run("identify", people / "p6" / "3.png", *where)
    assert status == 0
    assert said.startswith("Ben, distance 0.")
    stored = (tmp_path / "faces.json").read_text()
    assert set(json.loads(stored)) == {"schema_version", "encoder", "people", "sha256"}

    assert run("remove", "Ben", *place)[0] == 0
    assert run("list", *place)[1] == "Ann  2 faces\n"


def test_mistakes_end_in_one_line_with_status_2(run, people, encoder, tmp_path):
    place = ["--database", tmp_path / "faces.json"]
    where = [*place, "--encoder", encoder, "--cropped"]
    photo = people / "p1" / "0.png"
    status, _, mistake = run("identify", photo, *where)
    assert (status, mistake.count("\n")) == (2, 1)
    assert "there is no face database" in mistake
    assert run("enroll", "Ann", photo, *where)[0] == 0
    status, _, mistake = run("verify", photo, "Bob", *where)
    assert (status, mistake) == (2, "onestroke: Bob is not in the database; enrolled: Ann\n")
    status, _, mistake = run("enroll", "Ann", tmp_path / "none.png", *where)
    assert (status, mistake.count("\n")) == (2, 1)
    status, _, mistake = run("install", tmp_path / "none.tgz")
    assert status == 2
    assert "cannot read" in mistake


def test_without_weights_the_commands_say_how_to_get_them(run, people, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm there
    status, _, mistake = run("enroll", "Ann", people / "p1" / "0.png")
    assert (status, mistake.count("\n")) == (2, 1)
    assert "onestroke faces install" in mistake


def test_mistakes_are_found_before_tensorflow_starts(tmp_path):
    script = (
        "import sys; from onestroke.cli.app import main\n"
        "sys.argv = ['onestroke', 'faces', 'identify', 'a.jpg']\n"
        "try: main()\n"
        "finally: print('heavy:', [m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert "there is no face database" in done.stderr
    assert "heavy: []" in done.stdout
