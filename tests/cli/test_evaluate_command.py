"""``onestroke evaluate`` leaves a report."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from onestroke.data.photograph_sources import read_some
from onestroke.evaluate import evaluate_models


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The yardstick measures whole photographs; these are small."""
    monkeypatch.setattr(evaluate_models, "WHOLE_SIDE", 64)


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


def test_too_little_memory_is_found_at_once(mistake, tmp_path, monkeypatch):
    monkeypatch.setattr("onestroke.machine.available_memory", lambda: 10**9)
    where = ["--data", "bundled", "--report", tmp_path / "report", "--size", "1024"]
    line = mistake("evaluate", "--model", "base", *where)
    assert "not enough memory to optimise 1024 x 1024 pixels: about 5.0 GB are needed" in line
    assert "choose --size 458 or smaller" in line


def test_a_missing_painting_is_named(mistake, trained, tmp_path):
    moved = tmp_path / "style.keras"
    shutil.copy(trained / "style.keras", moved)
    options = ["--data", "bundled", "--report", tmp_path / "report", "--style", "none.jpg"]
    error = mistake("evaluate", "--model", moved, *options)
    assert "none.jpg, which does not exist here; give its path with --style PATH" in error
    assert not (tmp_path / "report").exists()


def test_videos_of_a_run_have_style_and_content_loss(run, mistake, trained, tmp_path):
    frames, report = tmp_path / "frames", tmp_path / "report"
    frames.mkdir()
    random = np.random.default_rng(0)
    for index in range(6):
        picture = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(picture).save(frames / f"{index}.png")
    options = ["--video", frames, "--report", report]
    status, said, error = run("evaluate", "--model", trained, *options)
    assert (status, error) == (0, "")
    assert "style" in said
    assert "content" in said
    clip, plain, smooth = json.loads((report / "stability.json").read_text())["results"]
    assert clip["style"] is None
    assert plain["styles"][:4] == [None] * 4
    # After a cut, as here in every frame, smoothing changes nothing.
    assert plain["style"] == plain["styles"][4] == smooth["style"] > 0
    assert plain["content"] == smooth["content"] > 0
    with Image.open(report / "stability_frames.png") as image:
        assert image.height > 800
    wrong = mistake("evaluate", "--model", trained, "--data", "bundled", "--painting", "a.jpg",
                    "--report", report)  # fmt: skip
    assert "--painting is for videos" in wrong


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


def test_other_pictures_are_compared_and_votes_counted(run, mistake, trained, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name, photograph in read_some("bundled", 2, 64).items():
        height, width = (side - side % 4 for side in photograph.shape[:2])
        flat = np.full((height, width, 3), 200, np.uint8)
        Image.fromarray(flat).save(theirs / f"{Path(name).stem}.png")
    report = tmp_path / "report"
    options = ["--size", 64, "--baseline-iterations", 0, "--against", theirs, "--seed", 5]
    status, said, error = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *options
    )
    assert (status, error) == (0, "")
    assert "CFSD" in said
    record = json.loads((report / "report.json").read_text())
    (comparison,) = record["yardstick"]
    network = record["models"][0]["name"]
    assert list(comparison["mean"]) == ["the photographs", network, f"against {theirs}"]
    assert comparison["mean"]["the photographs"]["content"] == 0
    measures = {"palette", "ssim", "cfsd", "style", "gram_relu5_1", "blown", "mesh"}
    assert measures <= comparison["mean"][network].keys()
    key = json.loads((report / "blind_key.json").read_text())
    assert key["seed"] == 5
    assert len(key["pairs"]) == 2
    votes = tmp_path / "ada.csv"
    lines = [f"{key['sheet']},{pair['number']},{pair['network_is']}" for pair in key["pairs"]]
    votes.write_text("\n".join(["sheet,pair,vote", *lines]) + "\n")
    status, said, error = run("evaluate", "--report", report, "--votes", votes)
    assert (status, error) == (0, "")
    assert "100%" in said
    assert "34% to 100%" in said
    assert json.loads((report / "votes.json").read_text())["counts"][0]["preferred"] == 2
    votes.write_text("sheet,pair,vote\nother,1,A\n")
    assert "belongs to the sheet 'other'" in mistake(
        "evaluate", "--report", report, "--votes", votes
    )


def test_there_must_be_something_to_do(mistake, tmp_path):
    assert "add --model, or --votes" in mistake("evaluate", "--report", tmp_path)
