"""``onestroke stylize`` with pipes, and with control characters in names."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def run(*arguments: str | Path | bytes, data: bytes = b"", **environment: str):
    return subprocess.run(
        [sys.executable, "-m", "onestroke", "stylize", *arguments],
        input=data,
        env={**os.environ, **environment},
        capture_output=True,
    )


def picture(kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("source", "target"), [("-", "-"), ("/dev/stdin", "/dev/stdout"), ("-", "painted.png")]
)
def test_pipes(tmp_path: Path, source: str, target: str) -> None:
    file = str(tmp_path / target) if target == "painted.png" else target
    done = run(source, "--output", file, data=picture())
    assert done.returncode == 0, done.stderr
    painted = (tmp_path / target).read_bytes() if target == "painted.png" else done.stdout
    assert painted.endswith(b"IEND\xaeB`\x82")  # no message follows
    with Image.open(io.BytesIO(painted)) as image:
        assert image.size == (48, 32)
        assert image.format == "PNG"


def test_a_broken_picture_from_a_pipe_ends_in_one_line() -> None:
    done = run("-", "--output", "-", data=b"no picture")
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"is a text file, not a picture" in done.stderr
    assert b"Traceback" not in done.stderr


def test_control_characters_in_names_are_escaped(tmp_path: Path) -> None:
    name = "a\x1b[31m\x07\nb.png"
    (tmp_path / name).write_bytes(picture())
    (tmp_path / "c\x1b.png").write_bytes(b"no picture")
    done = run(tmp_path / name, tmp_path / "c\x1b.png", "--output", tmp_path / "out")
    assert (tmp_path / "out" / name).is_file()
    printed = done.stdout + done.stderr
    assert b"\x1b" not in printed
    assert b"\x07" not in printed
    assert rb"a\x1b[31m\x07\nb.png" in printed
    assert rb"c\x1b.png" in done.stderr


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    source = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(source, "wb") as file:
        file.write(picture())
    done = run(source, "--output", tmp_path / "out", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"caf\xe9.png"]


def test_without_a_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    code = """if True:
        import sys, tempfile
        def fail(*_, **__):
            raise FileNotFoundError(2, "No usable temporary directory found")
        tempfile.gettempdir = tempfile._candidate_tempdir_list = fail
        tempfile._get_default_tempdir = fail
        from onestroke.cli.app import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, "stylize", "a.png", "--output", "b.png"],
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.png").is_file()
