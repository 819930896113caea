"""Which pictures are painted into which files, and the mistakes found before any is opened."""

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


def test_folders_are_rebuilt_and_suffixes_kept_where_we_write_them(photos):
    assert targets(plan_jobs([photos], "out")) == [
        "out/cat.jpg",
        "out/city/night.png",
        "out/city/tower.TIF",
    ]


def test_several_inputs(photos):
    Path("dog.webp").touch()
    jobs = plan_jobs(["photos/c*.jpg", "dog.webp", photos / "city"], "out")
    assert targets(jobs) == ["out/cat.jpg", "out/dog.webp", "out/night.png", "out/tower.TIF"]


def test_a_picture_named_twice_is_painted_once(photos):
    jobs = plan_jobs([photos, photos / "cat.jpg", photos.resolve() / "cat.jpg"], "out")
    assert targets(jobs).count("out/cat.jpg") == 1


def test_what_was_painted_before_is_not_painted_again(photos):
    Path("photos/painted").mkdir()
    Path("photos/painted/cat.jpg").touch()
    assert targets(plan_jobs([photos], "photos/painted")) == [
        "photos/painted/cat.jpg",
        "photos/painted/city/night.png",
        "photos/painted/city/tower.TIF",
    ]


def test_nothing_but_what_was_painted_before(tmp_path):
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
    assert_mistake("expected at least one picture or folder to paint; received none", [], "out")


def test_missing_inputs_are_named(photos):
    with pytest.raises(PictureError, match=r"no file or folder gone\.jpg"):
        plan_jobs(["gone.jpg"], "out")


def test_several_pictures_do_not_fit_into_a_file(photos):
    assert_mistake(
        "expected a folder as output for 3 pictures of photos; received the file name out.jpg",
        [photos],
        "out.jpg",
    )
    assert_mistake(
        "expected a folder as output for 2 pictures of 2 inputs; received the file name out.jpg",
        [photos / "cat.jpg", photos / "city/tower.TIF"],
        "out.jpg",
    )
    (photos / "lone").mkdir()
    (photos / "lone/cat.png").touch()
    assert_mistake(
        "expected a folder as output for 1 picture of photos/lone; received the file name out.jpg",
        [photos / "lone"],
        "out.jpg",
    )


def test_a_kind_we_do_not_write(photos):
    assert_mistake(
        "expected an output that ends in one of .jpg .jpeg .png .webp .bmp .tif .tiff; "
        "received cat.gif",
        [photos / "cat.jpg"],
        "cat.gif",
    )


def test_output_folder_is_the_input(photos):
    assert_mistake(
        "expected an output folder other than the input; received photos for both",
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


def test_two_spellings_of_one_target(photos, monkeypatch):
    Path("photos/city/CAT.jpg").touch()
    named = ["photos/cat.jpg", "photos/city/CAT.jpg"]
    assert len(plan_jobs(named, "out")) == 2
    monkeypatch.setattr("onestroke.stylize.jobs.CASE_BLIND", True)
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
