"""The plan of which picture is painted into which file, and the mistakes it finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onestroke.errors import SettingsError
from onestroke.pictures import PictureError
from onestroke.stylize.jobs import Job, plan_jobs


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """Three pictures in two folders; only their names count here."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat.jpg", "city/tower.TIF", "city/night.jfif"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return Path("photos")


def targets(jobs: list[Job]) -> list[str]:
    return [job.target.as_posix() for job in jobs]


def test_one_picture_into_a_file(photos):
    assert plan_jobs([photos / "cat.jpg"], "new/cat.png") == [
        Job(Path("photos/cat.jpg"), Path("new/cat.png"))
    ]


def test_one_picture_into_a_folder(photos):
    assert targets(plan_jobs([photos / "cat.jpg"], "out")) == ["out/cat.jpg"]
    Path("odd.png").mkdir()
    assert targets(plan_jobs([photos / "cat.jpg"], "odd.png")) == ["odd.png/cat.jpg"]


def test_folders_are_created_again_and_writable_suffixes_kept(photos):
    assert targets(plan_jobs([photos], "out")) == [
        "out/cat.jpg",
        "out/city/night.png",
        "out/city/tower.TIF",
    ]


def test_several_inputs(photos):
    Path("dog.webp").touch()
    jobs = plan_jobs(["photos/c*.jpg", "dog.webp", photos / "city"], "out")
    assert targets(jobs) == ["out/cat.jpg", "out/dog.webp", "out/night.png", "out/tower.TIF"]


def test_a_picture_of_two_inputs_is_painted_once(photos):
    jobs = plan_jobs([photos, photos / "cat.jpg", photos.resolve() / "cat.jpg"], "out")
    assert targets(jobs).count("out/cat.jpg") == 1


def test_an_output_folder_inside_the_input_is_not_searched(photos):
    Path("photos/painted").mkdir()
    Path("photos/painted/cat.jpg").touch()
    assert targets(plan_jobs([photos], "photos/painted")) == [
        "photos/painted/cat.jpg",
        "photos/painted/city/night.png",
        "photos/painted/city/tower.TIF",
    ]


def test_an_input_with_only_the_output_folder_has_no_pictures(tmp_path):
    (tmp_path / "painted").mkdir()
    (tmp_path / "painted/cat.jpg").touch()
    with pytest.raises(PictureError) as caught:
        plan_jobs([tmp_path], tmp_path / "painted")
    assert str(caught.value) == (
        f"no pictures in {tmp_path} outside the output folder {tmp_path / 'painted'}"
    )


def test_an_input_within_the_output_folder_is_painted(photos):
    assert targets(plan_jobs([photos / "city"], "photos"))[0] == "photos/night.png"


def assert_mistake(message: str, inputs: list, output: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan_jobs(inputs, output)
    assert str(caught.value) == message


def test_no_inputs():
    assert_mistake("no picture or folder to paint is given", [], "out")


def test_standard_input_and_output(photos):
    stream = Path("-")
    assert plan_jobs(["-"], "a.png") == [Job(stream, Path("a.png"))]
    assert plan_jobs(["-"], "out") == [Job(stream, Path("out/stdin.png"))]
    for output in ("-", "/dev/stdout"):
        assert plan_jobs([photos / "cat.jpg"], output) == [Job(photos / "cat.jpg", stream)]
        assert plan_jobs(["-"], output) == [Job(stream, stream)]
    assert_mistake(
        "- is standard input, which holds one picture; give it alone", ["-", "photos"], "out"
    )
    assert_mistake(
        "the output - is one file, but photos has 3 pictures; choose a folder as output",
        ["photos"],
        "-",
    )


def test_a_pipe_is_an_input(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert plan_jobs([tmp_path / "pipe"], tmp_path / "a.png") == [
        Job(tmp_path / "pipe", tmp_path / "a.png")
    ]


def test_home_is_expanded(photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.resolve()))
    (job,) = plan_jobs(["~/cat.jpg"], "~/painted/a.png")
    assert job == Job(photos.resolve() / "cat.jpg", photos.resolve() / "painted/a.png")


def test_missing_inputs_are_named(photos):
    with pytest.raises(PictureError, match=r"no file or folder gone\.jpg"):
        plan_jobs(["gone.jpg"], "out")


def test_several_pictures_need_a_folder(photos):
    assert_mistake(
        "the output out.jpg is one file, but photos has 3 pictures; choose a folder as output",
        [photos],
        "out.jpg",
    )
    assert_mistake(
        "the output out.jpg is one file, but 2 inputs have 2 pictures; choose a folder as output",
        [photos / "cat.jpg", photos / "city/tower.TIF"],
        "out.jpg",
    )
    (photos / "lone").mkdir()
    (photos / "lone/cat.png").touch()
    assert_mistake(
        "the output out.jpg is one file, but photos/lone has 1 picture; choose a folder as output",
        [photos / "lone"],
        "out.jpg",
    )


def test_kinds_that_are_not_written(photos):
    assert_mistake(
        "cannot write cat.gif; choose a name that ends in one of "
        ".jpg .jpeg .png .webp .bmp .tif .tiff",
        [photos / "cat.jpg"],
        "cat.gif",
    )


def test_output_folder_is_the_input(photos):
    assert_mistake(
        "photos is both the input and the output folder; choose another output",
        [photos],
        "./city/../photos",
    )


@pytest.mark.parametrize("output", ["photos/cat.jpg", "photos", "link.jpg", "hard.jpg"])
def test_inputs_are_never_overwritten(photos, output):
    Path("link.jpg").symlink_to("photos/cat.jpg")
    os.link("photos/cat.jpg", "hard.jpg")
    target = "photos/cat.jpg" if output == "photos" else output
    assert_mistake(
        f"{target} is an input and would be overwritten; choose another output",
        ["photos/cat.jpg"],
        output,
    )


def test_no_input_is_overwritten_by_another(photos):
    Path("photos/city/photos").mkdir()
    Path("photos/city/photos/cat.jpg").touch()
    assert_mistake(
        "photos/cat.jpg is an input and would be overwritten; choose another output",
        ["photos/city", "photos/cat.jpg"],
        ".",
    )


def test_names_that_differ_in_case(photos, monkeypatch):
    Path("photos/city/CAT.jpg").touch()
    named = ["photos/cat.jpg", "photos/city/CAT.jpg"]
    assert len(plan_jobs(named, "out")) == 2
    monkeypatch.setattr("onestroke.stylize.jobs.IGNORES_CASE", True)
    assert_mistake(
        "both photos/cat.jpg and photos/city/CAT.jpg would be painted into out/CAT.jpg; "
        "rename one, or paint them in two calls",
        named,
        "out",
    )


def test_two_pictures_for_one_target(photos):
    Path("photos/city/cat.jpg").touch()
    assert_mistake(
        "both photos/cat.jpg and photos/city/cat.jpg would be painted into out/cat.jpg; "
        "rename one, or paint them in two calls",
        ["photos/cat.jpg", "photos/city/cat.jpg"],
        "out",
    )


def test_outputs_that_cannot_be_made(photos):
    Path("file").touch()
    for output in ("file", "file/deeper"):
        assert_mistake(
            f"cannot write into {output}: file is a file; choose another output", [photos], output
        )
    assert_mistake(
        "cannot write into file: file is a file; choose another output",
        ["photos/cat.jpg"],
        "file/cat.jpg",
    )


def test_outputs_without_permission(photos, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert_mistake(
        "cannot write into closed/out: no permission; choose another output",
        [photos],
        "closed/out",
    )


def test_planning_starts_no_tensorflow():
    code = (
        "import sys, onestroke, onestroke.stylize.paint_files, onestroke.stylize.model\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_mistyped_suffix_is_no_folder(photos):
    with pytest.raises(
        SettingsError, match=r"new\.jgp ends in no suffix of a picture .*create the"
    ):
        plan_jobs([photos / "cat.jpg"], "new.jgp")
    assert targets(plan_jobs([photos], "new.jgp"))[0].startswith("new.jgp/")
