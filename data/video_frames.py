"""The frames of a video as photographs, so that a network is fitted to one clip."""

import io
from pathlib import Path

from PIL import Image

from onestroke.files import expand_path
from onestroke.stylize.ffmpeg import VideoError
from onestroke.stylize.video_reader import VideoReader, open_video

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
MOST_FRAMES = 400  # neighbouring frames are almost equal
LONG_SIDE = 1280  # pixels
QUALITY = 95  # of the JPEGs in memory, 100 to 300 kB each


def is_video(source: str) -> bool:
    """Returns whether a data source names a video, by its suffix."""
    return expand_path(source).suffix.lower() in SUFFIXES and expand_path(source).is_file()


def decode_frames(source: Path | str) -> dict[str, bytes]:
    """Returns at most ``MOST_FRAMES`` frames of a video, spread evenly.

    Args:
        source: the file.

    Returns:
        JPEG files, by a name for messages.

    Raises:
        VideoError: the file is no video, or no frame can be decoded.
        SettingsError: FFmpeg is missing.
    """
    info = open_video(source, max_size=LONG_SIDE)
    every = max(1, -(-info.frames // MOST_FRAMES))
    files = {}
    for number, (_, frame) in enumerate(VideoReader(info)):
        if number % every == 0:
            content = io.BytesIO()
            Image.fromarray(frame).save(content, "JPEG", quality=QUALITY)
            files[f"{info.path} (frame {number + 1})"] = content.getvalue()
    if not files:
        raise VideoError(f"no frame of {info.path} can be decoded; check the file")
    return files
