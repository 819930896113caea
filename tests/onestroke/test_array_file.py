"""Arrays of strangers: no pickles, no bombs, one reason for every broken file."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onestroke.array_file import BrokenArraysError, is_whole_archive, read_arrays, write_arrays

ARRAYS = {"one": np.arange(6, dtype=np.float32).reshape(2, 3), "two": np.array("text")}


def packed(members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def with_header(header: str) -> bytes:
    content = header.encode("latin-1")
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(content))
    return packed({"one.npy": start + content + bytes(24)})


def described(kind: str, shape: str) -> bytes:
    return with_header(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}")


class Pickled:
    """Would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return Path.touch, (self.path,)


def test_arrays_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "arrays.npz"
    write_arrays(path, ARRAYS)
    found = read_arrays(path)
    assert list(found) == ["one", "two"]
    np.testing.assert_array_equal(found["one"], ARRAYS["one"])
    assert str(found["two"]) == "text"
    assert list(read_arrays(path, ["two"])) == ["two"]
    assert is_whole_archive(path)
    with pytest.raises(BrokenArraysError, match="it has no array three"):
        read_arrays(path, ["three"])
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")


def test_compressed_arrays_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz")["one"], ARRAYS["one"])


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.array([Pickled(tmp_path / "mark")], object))
    with pytest.raises(BrokenArraysError, match="Python objects"):
        read_arrays(tmp_path / "a.npz")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a zip file"),
        (b"PK\x03\x04", "not a zip file"),
        (packed({"one.npy": b"cos\nsystem\n"}), "magic string"),
        (described("'<f4'", "(1000000000,)"), "larger than the file"),
        (described("'<f4'", "(-6,)"), "larger than the file"),
        (described("'<U100000000'", "(6,)"), "larger than the file"),
        (described("[('a', '|O')]", "(3,)"), "Python objects"),
        (with_header("[" * 9000), "."),
        (with_header("('x'" * 300), "."),
        (packed({"one.npy": bytes(2**16)}, zipfile.ZIP_LZMA), "compression is not that of numpy"),
        (packed({"one.npy": bytes(2**28 + 1)}, zipfile.ZIP_DEFLATED), "unpack to 268 MB"),
    ],
    ids=range(11),
)
def test_broken_and_hostile_files(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(BrokenArraysError, match=reason) as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)
    assert not is_whole_archive(path)
    assert not is_whole_archive(tmp_path / "none.npz")
