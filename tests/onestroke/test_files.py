"""Files and folders appear whole or not at all, whatever the file system supports."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from onestroke import files
from onestroke.errors import SettingsError
from onestroke.files import (
    append_text,
    cache_folder,
    check_file,
    check_writable,
    expand_path,
    find_overwritten,
    is_unfinished,
    number_duplicates,
    remove_leftovers,
    shorten_name,
    write_whole,
)


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda temporary: temporary.write_text(text))


def make_folder(path: Path, text: str) -> None:
    def write(temporary: Path) -> None:
        (temporary / "inner").mkdir(parents=True)
        (temporary / "inner" / text).write_text(text)

    write_whole(path, write)


def fail(number: int):
    def raise_error(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return raise_error


class TestWriteWhole:
    def test_file_appears_with_its_whole_content(self, tmp_path: Path) -> None:
        path = tmp_path / "figures.json"
        seen = []

        def write(temporary: Path) -> None:
            temporary.write_text("new")
            seen.append((path.exists(), is_unfinished(temporary), temporary.suffix))

        write_whole(path, write)
        assert seen == [(False, True, ".json")]
        assert path.read_text() == "new"
        assert list(tmp_path.iterdir()) == [path]

    def test_missing_parents_are_created(self, tmp_path: Path) -> None:
        write_text(tmp_path / "new" / "inner" / "figures.json", "x")
        assert (tmp_path / "new" / "inner" / "figures.json").exists()

    def test_failure_keeps_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "figures.json"
        path.write_text("old")

        def write(temporary: Path) -> None:
            temporary.write_text("ne")
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            write_whole(path, write)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_folder_replaces_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "model"
        for content in ("old", "new"):
            make_folder(path, content)
        assert [file.name for file in (path / "inner").iterdir()] == ["new"]
        assert list(tmp_path.iterdir()) == [path]

    def test_failure_keeps_the_old_folder(self, tmp_path: Path, monkeypatch) -> None:
        path = tmp_path / "model"
        make_folder(path, "old")

        def write(temporary: Path) -> None:
            temporary.mkdir()
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            write_whole(path, write)
        rename = Path.rename

        def fail_for_the_new(self: Path, target: Path) -> Path:
            if ".old." not in self.name and target == path:
                raise OSError(errno.EIO, "gone")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", fail_for_the_new)
        with pytest.raises(OSError, match="gone"):
            make_folder(path, "new")
        assert (path / "inner" / "old").exists()
        assert list(tmp_path.iterdir()) == [path]

    def test_leftovers_of_a_process_with_the_same_number_are_not_used(self, tmp_path: Path) -> None:
        # In containers every process may have the number 1.
        for name in (f".unfinished.{os.getpid()}.model", f".unfinished.{os.getpid()}.old.model"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "alien").touch()
        for content in ("first", "second"):
            make_folder(tmp_path / "model", content)
        assert [file.name for file in (tmp_path / "model").rglob("*")] == ["inner", "second"]

    def test_two_writers_of_one_file_do_not_meet(self, tmp_path: Path) -> None:
        path = tmp_path / "figures.json"

        def write(temporary: Path) -> None:
            write_text(path, "inner")
            temporary.write_text("outer")

        write_whole(path, write)
        assert path.read_text() == "outer"

    @pytest.mark.parametrize("name", ["n" * 251 + ".png", "é" * 125 + ".png", "n" * 255])
    def test_names_of_255_bytes_are_written(self, tmp_path: Path, name: str) -> None:
        write_text(tmp_path / name, "x")
        make_folder(tmp_path / "parent" / name, "x")
        assert (tmp_path / name).read_text() == "x"

    def test_links_keep_pointing_to_their_file(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
        link.symlink_to(target)
        for text in ("first", "second"):
            write_text(link, text)
            assert link.is_symlink()
            assert target.read_text() == text
        folder_link = tmp_path / "folder_link"
        folder_link.symlink_to(tmp_path / "real_folder")
        make_folder(folder_link, "x")
        assert folder_link.is_symlink()
        assert (tmp_path / "real_folder" / "inner" / "x").exists()

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
    def test_replaced_files_keep_their_mode(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "a.txt"
        path.touch()
        path.chmod(mode)
        write_text(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.read_text() == "new"

    def test_new_files_have_the_usual_mode(self, tmp_path: Path) -> None:
        write_text(tmp_path / "a.txt", "x")
        (tmp_path / "b.txt").touch()
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "b.txt")}
        assert len(modes) == 1

    @pytest.mark.parametrize("number", [errno.EBUSY, errno.ENOSYS, errno.EPERM, errno.ENOTSUP])
    def test_without_rename_the_content_is_copied(
        self, tmp_path: Path, monkeypatch, number
    ) -> None:
        # EBUSY is what a file that is mounted into a container answers.
        path, folder = tmp_path / "a.txt", tmp_path / "model"
        path.write_text("old and longer")
        make_folder(folder, "old")
        monkeypatch.setattr(os, "replace", fail(number))
        monkeypatch.setattr(Path, "rename", fail(number))
        inode = path.stat().st_ino
        write_text(path, "new")
        make_folder(folder, "new")
        make_folder(tmp_path / "another", "x")
        assert path.read_text() == "new"
        assert path.stat().st_ino == inode
        assert [file.name for file in folder.rglob("*")] == ["inner", "new"]
        assert (tmp_path / "another" / "inner" / "x").exists()
        assert not list(tmp_path.glob(".unfinished*"))

    def test_other_errors_of_rename_are_raised(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(os, "replace", fail(errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            write_text(tmp_path / "a.txt", "x")
        assert not list(tmp_path.iterdir())

    def test_a_writable_file_in_a_closed_folder_is_written(
        self, tmp_path: Path, monkeypatch
    ) -> None:
        path = tmp_path / "mounted.txt"
        path.write_text("old")
        make = files.tempfile.mkdtemp

        def mkdtemp(prefix: str, dir: Path | None = None) -> str:
            if dir == tmp_path:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return make(prefix=prefix, dir=dir)

        monkeypatch.setattr(files.tempfile, "mkdtemp", mkdtemp)
        monkeypatch.setattr(os, "replace", fail(errno.EBUSY))
        write_text(path, "new")
        assert path.read_text() == "new"
        with pytest.raises(OSError, match="Read-only"):
            write_text(tmp_path / "other.txt", "new")

    def test_devices_are_written_not_replaced(self, tmp_path: Path) -> None:
        fifo = tmp_path / "pipe"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        write_text(fifo, "through the pipe")
        assert os.read(reader, 100) == b"through the pipe"
        os.close(reader)
        assert stat.S_ISFIFO(fifo.stat().st_mode)


class TestAppendText:
    def test_text_is_added(self, tmp_path: Path) -> None:
        for line in ("ä\n", "b\n"):
            append_text(tmp_path / "log", line)
        assert (tmp_path / "log").read_text(encoding="utf-8") == "ä\nb\n"

    def test_mounts_that_cannot_append(self, tmp_path: Path, monkeypatch) -> None:
        opened = Path.open

        def refuse(self: Path, mode: str = "r", **options: object):
            if mode == "a":
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
            return opened(self, mode, **options)

        monkeypatch.setattr(Path, "open", refuse)
        for line in ("ä\n", "b\n"):
            append_text(tmp_path / "log", line)
        assert (tmp_path / "log").read_text(encoding="utf-8") == "ä\nb\n"
        monkeypatch.setattr(Path, "open", fail(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            append_text(tmp_path / "log", "c\n")


class TestLeftovers:
    def test_only_old_ones_of_the_same_file_are_removed(self, tmp_path: Path) -> None:
        old = time.time() - 2 * files.LEFTOVER_SECONDS
        for name, file in (("old", "a.txt"), ("young", "a.txt"), ("other", "b.txt")):
            path = tmp_path / f".unfinished.{name}" / file
            path.parent.mkdir()
            path.touch()
            if name != "young":
                os.utime(path, (old, old))
                os.utime(path.parent, (old, old))
        state = tmp_path / ".unfinished.a.txt.npz"  # what `optimize` resumes from
        state.touch()
        os.utime(state, (old, old))
        write_text(tmp_path / "a.txt", "x")
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == [".unfinished.a.txt.npz", ".unfinished.other", ".unfinished.young", "a.txt"]
        remove_leftovers(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [state.name, "a.txt"]

    def test_a_missing_folder_has_none(self, tmp_path: Path) -> None:
        remove_leftovers(tmp_path / "missing")


class TestExpandPath:
    def test_home(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert expand_path("~/a b.jpg") == tmp_path / "a b.jpg"
        assert expand_path(Path("~")) == tmp_path
        assert expand_path("a~b/~") == Path("a~b/~")

    def test_unknown_user(self) -> None:
        with pytest.raises(SettingsError, match="home folder in ~nobody_here/a"):
            expand_path("~nobody_here/a.jpg")

    def test_names_that_no_file_can_have(self) -> None:
        with pytest.raises(SettingsError, match=r"^the name n{40}… is too long for the file"):
            expand_path("folder/" + "n" * 300 + ".jpg")
        with pytest.raises(SettingsError, match=r"^'a\\x00b' is not a valid path"):
            expand_path("a\0b")

    def test_shortened_names_keep_their_suffix(self) -> None:
        assert shorten_name("short.npz") == "short.npz"
        assert shorten_name("n" * 300 + ".npz") == "n" * 251 + ".npz"
        assert shorten_name("é" * 200 + ".npz") == "é" * 125 + ".npz"


class TestChecks:
    def test_places_that_cannot_be_written_are_named(self, tmp_path: Path, monkeypatch) -> None:
        check_file(tmp_path / "new" / "inner" / "figures.json")
        with pytest.raises(SettingsError, match=r"cannot write the file .*: it is a folder"):
            check_file(tmp_path)
        monkeypatch.setattr(Path, "exists", lambda self: False)  # as a drive of Windows may not
        with pytest.raises(SettingsError, match=r"cannot write into .*: / does not exist; choose"):
            check_writable(tmp_path)

    def test_a_writable_file_in_a_closed_folder_is_accepted(
        self, tmp_path: Path, monkeypatch
    ) -> None:
        (tmp_path / "mounted.txt").touch()
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
        check_file(tmp_path / "mounted.txt")
        with pytest.raises(SettingsError, match="no permission"):
            check_file(tmp_path / "new.txt")

    def test_a_file_is_recognised_by_all_of_its_names(self, tmp_path: Path) -> None:
        photograph = tmp_path / "photo.png"
        photograph.touch()
        (tmp_path / "hard.png").hardlink_to(photograph)
        (tmp_path / "soft.png").symlink_to(photograph)
        others = [tmp_path / "absent.png", tmp_path]
        for name in ("photo.png", "hard.png", "soft.png", "../" + tmp_path.name + "/photo.png"):
            written = tmp_path / name
            assert find_overwritten([*others, written], [photograph, others[0]]) == written
        assert find_overwritten(others, [photograph]) is None


def test_duplicate_names_are_numbered() -> None:
    assert number_duplicates(["a-2", "a", "a", "b", "a"]) == ["a-2", "a", "a-3", "b", "a-4"]


class TestCacheFolder:
    def test_xdg_cache_home_comes_first(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_folder("styles") == tmp_path / "onestroke" / "styles"

    def test_default_is_the_system_s(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr("sys.platform", "linux")
        assert cache_folder("styles") == tmp_path / ".cache" / "onestroke" / "styles"

    def test_a_user_without_a_home_has_none(self, monkeypatch) -> None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

        def home() -> Path:
            raise RuntimeError("no home")

        monkeypatch.setattr(Path, "home", home)
        assert cache_folder("styles") is None
