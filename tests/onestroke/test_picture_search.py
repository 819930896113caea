"""Which files of a folder or a glob are pictures, and the messages about the others."""

import logging
from pathlib import Path

import pytest

from onestroke.errors import OnestrokeError
from onestroke.picture_kinds import SUFFIXES
from onestroke.picture_search import find_pictures
from onestroke.pictures import PictureError


class TestFinding:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ["b.PNG", "a.jpg", "notes.txt", "._a.jpg", "sub/deep/c.webp", ".git/d.jpg"]:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "folder.jpg").mkdir()
        return tmp_path

    def test_folder(self, folder: Path) -> None:
        names = ["a.jpg", "b.PNG", "sub/deep/c.webp"]
        assert find_pictures(folder) == [folder / name for name in names]
        assert find_pictures(str(folder)) == [folder / name for name in names]

    def test_file(self, folder: Path) -> None:
        assert find_pictures(folder / "notes.txt") == [folder / "notes.txt"]

    def test_glob(self, folder: Path) -> None:
        assert find_pictures(f"{folder}/*.jpg") == [folder / "a.jpg"]
        assert find_pictures(f"{folder}/**/*.webp") == [folder / "sub/deep/c.webp"]

    def test_a_real_name_that_looks_like_a_glob(self, tmp_path: Path) -> None:
        (tmp_path / "photos [2024]").mkdir()
        (tmp_path / "photos [2024]" / "a.jpg").touch()
        assert find_pictures(tmp_path / "photos [2024]") == [tmp_path / "photos [2024]" / "a.jpg"]

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError) as caught:
            find_pictures(tmp_path / "none")
        assert str(caught.value) == f"no file or folder {tmp_path / 'none'}; check the path"

    def test_an_empty_name(self) -> None:
        with pytest.raises(PictureError, match="name of a picture or folder is empty"):
            find_pictures("")

    @pytest.mark.parametrize(
        "system", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", "@recycle"]
    )
    def test_folders_of_the_system_are_skipped(self, folder: Path, system: str) -> None:
        inner = folder / "sub" / system / "a.jpg"
        inner.mkdir(parents=True)
        (inner / "SYNOPHOTO_THUMB_M.jpg").touch()
        names = ["a.jpg", "b.PNG", "sub/deep/c.webp"]
        assert find_pictures(folder) == [folder / name for name in names]
        assert find_pictures(f"{folder}/**/*.jpg") == [folder / "a.jpg"]
        # Named outright, it is meant.
        assert find_pictures(inner) == [inner / "SYNOPHOTO_THUMB_M.jpg"]
        assert find_pictures(f"{folder}/sub/{system}/**/*.jpg") == [inner / "SYNOPHOTO_THUMB_M.jpg"]

    def test_other_kinds_are_counted(self, folder: Path, caplog) -> None:
        for name in ["1.GIF", "2.gif", "sub/3.dng", "4.heic", ".5.gif", "6.txt"]:
            (folder / name).touch()
        with caplog.at_level(logging.WARNING, "onestroke.pictures"):
            assert len(find_pictures(folder)) == 3 + (".heic" in SUFFIXES)
        (line,) = caplog.messages
        assert line.startswith(f"{folder}: skipped 1 .dng, 2 .gif")
        assert "as JPEG or PNG" in line
        assert ("1 .heic" in line) != (".heic" in SUFFIXES)

    def test_nothing_but_other_kinds(self, tmp_path: Path) -> None:
        for name in ("a.gif", "b.gif"):
            (tmp_path / name).touch()
        with pytest.raises(PictureError) as caught:
            find_pictures(tmp_path)
        assert str(caught.value) == (
            f"no pictures in {tmp_path} or its subfolders; found 2 .gif (save as JPEG or PNG)"
        )

    def test_nothing_but_an_archive(self, tmp_path: Path) -> None:
        (tmp_path / "train2017.zip").touch()
        with pytest.raises(PictureError, match=r"; unpack .*train2017\.zip first$"):
            find_pictures(tmp_path)

    def test_home_and_names_that_are_too_long(self, folder: Path, monkeypatch) -> None:
        monkeypatch.setenv("HOME", str(folder))
        assert find_pictures("~/sub") == [folder / "sub/deep/c.webp"]
        with pytest.raises(OnestrokeError, match="too long for the file system"):
            find_pictures("n" * 300 + ".jpg")

    def test_nothing_inside(self, tmp_path: Path) -> None:
        suffixes = " ".join(SUFFIXES)
        with pytest.raises(PictureError) as caught:
            find_pictures(tmp_path)
        assert str(caught.value) == (
            f"no pictures in {tmp_path} or its subfolders; their names end in {suffixes}"
        )
        with pytest.raises(PictureError) as caught:
            find_pictures(f"{tmp_path}/*.jpg")
        assert str(caught.value) == (
            f"no picture matches {tmp_path}/*.jpg; their names end in {suffixes}"
        )
