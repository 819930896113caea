"""``onestroke video`` writes files, and raw frames to its standard output."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from onestroke.stylize.ffmpeg import find_ffmpeg


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    card = ["-f", "lavfi", "-i", "testsrc=size=32x24:rate=5:duration=0.6", "-c:v", "ffv1"]
    card += ["-metadata", "com.apple.quicktime.model=Phone 7"]
    subprocess.run([find_ffmpeg(), "-v", "error", *card, str(path)], check=True)
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "onestroke", "video", *arguments, "--model", "base_mobile"]
    return subprocess.run(command, capture_output=True, check=False)


def test_a_file_is_written(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "painted.mp4"
    done = run(str(clip), "--output", str(target), "--style", "great_wave")
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size > 1000
    assert b"frame 3/3" in done.stdout
    assert b"frames/s" in done.stdout
    assert b"Painted 3 frames in" in done.stdout


def test_metadata_is_left_out_on_request(clip: Path, tmp_path: Path) -> None:
    for options, expected in (([], True), (["--strip"], False)):
        target = tmp_path / "painted.mkv"
        done = run(str(clip), "--output", str(target), *options)
        assert done.returncode == 0, done.stderr
        assert (b"Phone 7" in target.read_bytes()) == expected


def test_raw_frames_go_to_the_standard_output(clip: Path) -> None:
    done = run(str(clip), "--output", "-")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == 3 * 24 * 32 * 3
    assert b"Painted 3 frames in" in done.stderr


def test_a_mistake_is_one_line(clip: Path, tmp_path: Path) -> None:
    done = run(str(tmp_path / "missing.mp4"), "--output", str(tmp_path / "painted.mp4"))
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert b"does not exist" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
def test_an_interrupted_command_says_how_to_continue(tmp_path: Path) -> None:
    clip, target = tmp_path / "long.mkv", tmp_path / "painted.mp4"
    card = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=50:duration=120", "-c:v", "ffv1"]
    subprocess.run([find_ffmpeg(), "-v", "error", *card, str(clip)], check=True)
    command = [sys.executable, "-m", "onestroke", "video", str(clip), "--output", str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "frame" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert "the same command continues" in rest
    assert not target.exists()
