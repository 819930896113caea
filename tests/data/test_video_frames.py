"""Frames of a video as photographs."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from onestroke.data import video_frames
from onestroke.data.photograph_sources import open_source
from onestroke.stylize.ffmpeg import VideoError, find_ffmpeg


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten grey frames, each 20 shades lighter than the one before."""
    path = tmp_path / "clip.mkv"
    grey = "geq=lum='20*N+40':cb=128:cr=128"
    source = ["-f", "lavfi", "-i", f"color=size=64x48:rate=10:duration=1,{grey}"]
    subprocess.run([find_ffmpeg(), "-v", "error", *source, "-c:v", "ffv1", str(path)], check=True)
    return path


def test_frames_are_photographs(clip: Path) -> None:
    photographs = open_source(str(clip))
    assert len(photographs) == 10
    assert photographs.name(9) == f"{clip} (frame 10)"
    first, last = (photographs.read(index) for index in (0, 9))
    assert first.shape == last.shape == (48, 64, 3)
    assert last.mean() - first.mean() > 180
    assert np.ptp(first) < 4


def test_frames_of_a_long_video_are_spread_evenly(clip: Path, monkeypatch) -> None:
    monkeypatch.setattr(video_frames, "MOST_FRAMES", 4)
    photographs = open_source([str(clip), "bundled"])
    assert [photographs.name(index).partition("frame ")[2] for index in range(4)] == [
        "1)", "4)", "7)", "10)",
    ]  # fmt: skip
    assert len(photographs) > 4


def test_a_broken_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("no video")
    with pytest.raises(VideoError, match="cannot be read as a video"):
        open_source(str(path))
