"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from onestroke.files import is_unfinished, write_whole


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
