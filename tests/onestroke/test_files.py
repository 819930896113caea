"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from onestroke.files import is_unfinished, numbered, write_whole


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
