"""``onestroke evaluate`` leaves a report."""

import json
import shutil
from types import SimpleNamespace


def test_the_report_has_losses_and_times(run, trained, tmp_path):
    report = tmp_path / "report"
    arguments = ["--size", 64, "--baseline-iterations", 2, "--count", 2, "--time-size", 64]
    status, said, error = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *arguments
    )
    assert (status, error) == (0, "")
    assert "from the photograph" in said
    assert f"Report: {report}" in said
    record = json.loads((report / "report.json").read_text())
    assert len(record["results"]) == len(record["speeds"]) == 1
    assert record["models"][0]["vgg19"]["source"] == "bundled"
    assert {"processor", "cores", "versions"} <= record.keys()
    assert {file.name for file in report.iterdir()} == {
        "baseline", "curves_run_64.png", "pictures_run_64.jpg", "report.json",
    }  # fmt: skip


def test_without_optimisations_only_the_pictures_are_measured(run, trained, tmp_path):
    report = tmp_path / "new" / "report"
    options = ["--size", 64, "--baseline-iterations", 0, "--count", 1]
    status, said, error = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *options
    )
    assert (status, error) == (0, "")
    assert "colour distance" in said
    record = json.loads((report / "report.json").read_text())
    assert len(record["results"]) == 1
    assert record["speeds"] == []


def test_a_missing_painting_is_named(mistake, trained, tmp_path):
    moved = tmp_path / "style.keras"
    shutil.copy(trained / "style.keras", moved)
    options = ["--data", "bundled", "--report", tmp_path / "report", "--style", "none.jpg"]
    error = mistake("evaluate", "--model", moved, *options)
    assert "none.jpg, which does not exist here; give its path with --style PATH" in error
    assert not (tmp_path / "report").exists()


def test_faces_are_measured(run, trained, tmp_path, monkeypatch):
    from onestroke.models import face_reader
    from onestroke.models.face_detector import middle_square

    class Reader:
        """Uses the middle of a photograph as a face, and its mean colour as the encoding."""

        encoder = SimpleNamespace(name="colours", side=16, threshold=0.5)

        def find(self, picture):
            return [middle_square(picture)]

        def encode(self, picture, squares):
            return picture.mean(axis=(0, 1))[None] / 255

    monkeypatch.setattr(face_reader, "open_face_reader", Reader)
    options = ["--size", 64, "--baseline-iterations", 0, "--count", 2, "--faces"]
    report = tmp_path / "report"
    status, said, _ = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *options
    )
    assert status == 0
    assert "faces kept" in said
    faces = json.loads((report / "report.json").read_text())["faces"]
    assert faces["count"] == 2
    assert len(faces["models"][0]["distances"]) == 2
    assert (report / "faces.jpg").is_file()
