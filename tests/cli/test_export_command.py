"""``onestroke export``: errors of the machine leave nothing behind."""

import errno
import os
from pathlib import Path

import pytest


def test_a_full_disk_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert (status, error) == (2, "onestroke: the disk is full; free some space and try again\n")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_out_of_memory_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def fill(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(os, "fsync", fill)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert (status, error) == (2, "onestroke: out of memory; choose smaller pictures\n")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_missing_permission_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert status == 2
    assert error.startswith(f"onestroke: no permission for {tmp_path}")
    assert error.endswith("; allow it or choose another place\n")


EXPORT = ["export", "--model", "m", "--output", "out", "--format"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            [*EXPORT[:1], *EXPORT[3:], "tflite", "--model", "a.tflite"],
            "no model a.tflite; expected a .keras style file",
        ),
        ([*EXPORT, "tflite", "--model", "other"], "--format tflite exports one model; 2 were"),
        ([*EXPORT, "tflite", "--data", "photos"], "--data needs --quantize int8"),
        ([*EXPORT, "tflite", "--quantize", "int8"], "int8 needs a fixed size"),
        ([*EXPORT, "tflite", "--size", "8"], "8x8 is not supported"),
        ([*EXPORT, "web", "--quantize", "int8"], "int8 needs photographs"),
        ([*EXPORT, "web"], "no model m"),
    ],
)
def test_mistakes_end_in_one_line(mistake, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in mistake(*arguments)
    assert not list(tmp_path.iterdir())
