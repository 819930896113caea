"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from onestroke.errors import SettingsError
from onestroke.files import (
    check_file,
    check_writable,
    first_overwritten,
    is_unfinished,
    numbered,
    write_whole,
)


def test_the_name_appears_with_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    seen = []

    def write(temporary: Path) -> None:
        temporary.write_text("new")
        seen.append((path.exists(), is_unfinished(temporary), temporary.suffix))

    write_whole(path, write)
    assert seen == [(False, True, ".json")]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_is_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "inner" / "figures.json", lambda path: path.touch())
    assert (tmp_path / "new" / "inner" / "figures.json").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch) -> None:
    check_file(tmp_path / "new" / "inner" / "figures.json")
    with pytest.raises(SettingsError, match=r"expected a file to write; .* is a folder"):
        check_file(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda self: False)  # as a drive of Windows may not
    with pytest.raises(SettingsError, match=r"cannot write into .*: no /; choose"):
        check_writable(tmp_path)


def test_one_file_is_known_by_all_of_its_names(tmp_path: Path) -> None:
    photograph = tmp_path / "photo.png"
    photograph.touch()
    (tmp_path / "hard.png").hardlink_to(photograph)
    (tmp_path / "soft.png").symlink_to(photograph)
    others = [tmp_path / "absent.png", tmp_path]
    for name in ("photo.png", "hard.png", "soft.png", "../" + tmp_path.name + "/photo.png"):
        written = tmp_path / name
        assert first_overwritten([*others, written], [photograph, others[0]]) == written
    assert first_overwritten(others, [photograph]) is None


def test_names_that_are_alike_are_numbered() -> None:
    assert numbered(["a-2", "a", "a", "b", "a"]) == ["a-2", "a", "a-3", "b", "a-4"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in ("old", "new"):

        def write(temporary: Path, content: str = content) -> None:
            (temporary / "inner").mkdir(parents=True)
            (temporary / "inner" / content).write_text(content)

        write_whole(path, write)
    assert [file.name for file in (path / "inner").iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_folder_stays_when_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    write_whole(path, lambda temporary: temporary.mkdir())
    (path / "mark").touch()

    def write(temporary: Path) -> None:
        temporary.mkdir()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, write)
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if ".old." not in self.name and target == path:
            raise OSError("gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="gone"):
        write_whole(path, lambda temporary: temporary.mkdir())
    assert (path / "mark").exists()
    assert list(tmp_path.iterdir()) == [path]
