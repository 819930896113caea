"""Encoding frames into a video file, and joining pieces of one with the sound of another."""

import logging
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.stylize.ffmpeg import (
    FfmpegProcess,
    VideoError,
    find_errors,
    find_ffmpeg,
    keep_times_options,
    run_ffmpeg,
)
from onestroke.stylize.video_reader import (
    MATRICES,
    MICROSECONDS,
    UNKNOWN,
    VideoInfo,
    input_option,
)

logger = logging.getLogger("onestroke.stylize")


@dataclass(frozen=True)
class Codec:
    """How FFmpeg encodes.

    Attributes:
        encoder: its name in FFmpeg.
        pixels: format of the pixels.
        worst, best: the constant rate factor at a quality of 0 and of 100; None for codecs that
            have none.
        options: further ones.
        suffixes: of the files that hold it.
    """

    encoder: str
    pixels: str
    worst: int | None
    best: int | None
    options: tuple[str, ...]
    suffixes: tuple[str, ...]


MP4 = (".mp4", ".m4v", ".mov")
# Without B frames, which are stored out of order: pieces then join without a gap.
CODECS = {
    "h264": Codec("libx264", "yuv420p", 51, 10, ("-bf", "0"), (*MP4, ".mkv")),
    "h265": Codec(
        "libx265",
        "yuv420p",
        51,
        13,
        ("-x265-params", "bframes=0:log-level=error", "-tag:v", "hvc1"),
        (*MP4, ".mkv"),
    ),
    "vp9": Codec("libvpx-vp9", "yuv420p", 63, 23, ("-b:v", "0", "-row-mt", "1"), (".webm", ".mkv")),
    "ffv1": Codec("ffv1", "bgr0", None, None, (), (".mkv",)),
}
SUFFIXES = (*MP4, ".mkv", ".webm")
DEFAULT_QUALITY = 80


def choose_codec(path: Path, name: str | None) -> Codec:
    """Returns the codec of a file: the one named, else H.264, or VP9 for WebM.

    Raises:
        SettingsError: the codec is unknown, or files of this kind do not hold it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(
            f"{path} has no suffix of a video; choose an output that ends in {' '.join(SUFFIXES)}"
        )
    if name is None:
        name = "vp9" if suffix == ".webm" else "h264"
    if name not in CODECS:
        raise SettingsError(f"unknown codec {name!r}; choose one of {', '.join(CODECS)}")
    codec = CODECS[name]
    if suffix not in codec.suffixes:
        raise SettingsError(
            f"a {suffix} file cannot hold {name}; choose an output that ends in "
            f"{' or '.join(codec.suffixes)}, or another --codec"
        )
    return codec


class VideoWriter:
    """Encodes frames, each with its time, into a file.

    The frames travel in Matroska, whose blocks carry times; raw frames in a pipe would have a
    constant rate.

    Args:
        path: the file.
        video: what is painted; its colours, aspect and times are kept.
        codec: how to encode.
        quality: from 0 to 100.
    """

    def __init__(self, path: Path, video: VideoInfo, codec: Codec, quality: int) -> None:
        height, width = video.size
        # Chroma of half the size needs even sides; the last row and column are repeated.
        self._pad = (height % 2, width % 2) if codec.pixels == "yuv420p" else (0, 0)
        size = (height + self._pad[0], width + self._pad[1])
        unit = max(video.time_base, Fraction(1, MICROSECONDS))
        program = find_ffmpeg()
        self._process = FfmpegProcess(
            [
                *("-f", "matroska", "-i", "pipe:0", "-map", "0:v:0", "-an"),
                *("-vf", _output_filters(video, codec), *keep_times_options(program)),
                *("-enc_time_base", f"{unit.numerator}/{unit.denominator}"),
                *("-c:v", codec.encoder, *codec.options, *_quality_options(codec, quality)),
                *_tag_options(video, codec),
                *_container_options(path, unit),
                *("-y", f"file:{path}"),
            ],
            writes=True,
        )
        self._write(matroska_header(size, video.rate))

    def write(self, microseconds: int, frame: np.ndarray) -> None:
        """Encodes a frame.

        Args:
            microseconds: its time in the file; later than that of the frame before.
            frame: (height, width, 3) uint8 RGB in [0, 255].

        Raises:
            VideoError: FFmpeg ended.
        """
        if any(self._pad):
            frame = np.pad(frame, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        self._write(matroska_frame(microseconds, frame.tobytes()))

    def _write(self, data: bytes) -> None:
        try:
            self._process.pipe.write(data)
        except (BrokenPipeError, OSError):
            self.close()
            raise VideoError("FFmpeg ended before all frames were written; try again") from None

    def close(self) -> None:
        """Finishes the file.

        Raises:
            VideoError: FFmpeg could not write it.
        """
        if status := self._process.wait():
            reason = (find_errors(self._process.errors) or [f"exit status {status}"])[0]
            raise VideoError(f"FFmpeg could not encode the video ({reason}); try another --codec")

    def kill(self) -> None:
        """Stops FFmpeg without finishing the file."""
        self._process.kill()


def _output_filters(video: VideoInfo, codec: Codec) -> str:
    colours, aspect = video.colours, video.aspect
    flags = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    if codec.pixels == "yuv420p":
        spread = "pc" if colours.full_range else "tv"
        convert = (
            f"scale=out_color_matrix={MATRICES[colours.matrix]}:in_range=pc:out_range={spread}"
            f":flags={flags},format=yuv420p,setparams=colorspace={colours.matrix}:range={spread}"
            f":color_primaries={colours.primaries}:color_trc={colours.curve}"
        )
    else:
        convert = f"format={codec.pixels}"
    return f"{convert},setsar={aspect.numerator}/{aspect.denominator}"


def _tag_options(video: VideoInfo, codec: Codec) -> list[str]:
    colours = video.colours
    if codec.pixels != "yuv420p":
        return []
    options = ["-colorspace", colours.matrix, "-color_range", "pc" if colours.full_range else "tv"]
    if colours.primaries != UNKNOWN:
        options += ["-color_primaries", colours.primaries]
    if colours.curve != UNKNOWN:
        options += ["-color_trc", colours.curve]
    return options


def _quality_options(codec: Codec, quality: int) -> list[str]:
    if codec.worst is None or codec.best is None:
        return []
    return ["-crf", str(round(codec.worst + (codec.best - codec.worst) * quality / 100))]


def _container_options(path: Path, unit: Fraction) -> list[str]:
    if path.suffix.lower() not in MP4 or unit.numerator != 1:
        return []
    return ["-video_track_timescale", str(unit.denominator)]


def join_pieces(
    pieces: Sequence[Path],
    starts: Sequence[int],
    source: VideoInfo,
    target: Path,
    *,
    strip: bool = False,
) -> None:
    """Joins pieces of a video, and copies sound, subtitles, chapters and metadata of another.

    Args:
        pieces: the files, in turn.
        starts: time of the first frame of each in the joined video, in microseconds.
        source: the video with the sound.
        target: the file to write; its suffix names the kind.
        strip: leave out the metadata of the file and of its streams; chapters keep their titles.

    Raises:
        VideoError: FFmpeg cannot write the file.
    """
    lists = target.with_name("pieces.txt")
    lists.write_text(_concat_list(pieces, starts), encoding="utf-8")
    mp4 = target.suffix.lower() in MP4
    opened = ["-itsoffset", f"{starts[0] / MICROSECONDS:.6f}", "-f", "concat", "-safe", "0"]
    opened += ["-i", f"file:{lists}"]
    unit = max(source.time_base, Fraction(1, MICROSECONDS))
    written = [*_container_options(target, unit), *(["-movflags", "+faststart"] if mp4 else [])]
    for note, options in _copy_options(target.suffix.lower(), strip):
        inputs = [*opened, *(input_option(source.path) if options else [])]
        mapped = ["-map", "0:v:0", *options, "-c:v", "copy"]
        status, log = run_ffmpeg([*inputs, *mapped, *written, "-y", f"file:{target}"])
        if status == 0:
            if note:
                logger.warning("%s: %s", target.name, note)
            break
    lists.unlink()
    if status:
        reason = (find_errors(log) or [f"exit status {status}"])[0]
        raise VideoError(f"FFmpeg could not write {target.name} ({reason})")


def _copy_options(suffix: str, strip: bool) -> list[tuple[str, list[str]]]:
    """Returns options that copy sound and the rest, each with a note; the most faithful first."""
    sound = "aac" if suffix in MP4 else "libopus"
    text = "mov_text" if suffix in MP4 else "webvtt" if suffix == ".webm" else "srt"
    rest = ["-map", "1:a?", "-map", "1:s?", "-map_chapters", "1"]
    # Without "g" and "s", FFmpeg would also leave out the titles of chapters.
    nothing = ["-map_metadata:g", "-1", "-map_metadata:s", "-1"]
    rest += nothing if strip else ["-map_metadata", "1"]
    why = f", because {suffix} files do not hold their kind"
    return [
        ("", [*rest, "-c", "copy"]),
        (f"subtitles were converted{why}", [*rest, "-c:a", "copy", "-c:s", text]),
        (f"sound was converted{why}", [*rest, "-c:a", sound, "-c:s", "copy"]),
        (f"sound and subtitles were converted{why}", [*rest, "-c:a", sound, "-c:s", text]),
        (f"subtitles were left out{why}", [*rest, "-sn", "-c:a", "copy"]),
        (f"sound was converted and subtitles left out{why}", [*rest, "-sn", "-c:a", sound]),
        ("sound and subtitles were left out; FFmpeg cannot copy or convert them", []),
    ]


def _concat_list(pieces: Sequence[Path], starts: Sequence[int]) -> str:
    """Returns a list for FFmpeg's concat demuxer, which places each piece by those before it."""
    lines = ["ffconcat version 1.0"]
    for index, piece in enumerate(pieces):
        quoted = str(piece.resolve()).replace("'", "'\\''")
        lines.append(f"file 'file:{quoted}'")
        if index + 1 < len(pieces):
            lines.append(f"duration {(starts[index + 1] - starts[index]) / MICROSECONDS:.6f}")
    return "\n".join(lines) + "\n"


def matroska_header(size: tuple[int, int], rate: Fraction) -> bytes:
    """Returns the start of a Matroska stream of raw RGB frames (RFC 9559), up to its first frame.

    Args:
        size: (height, width) of the frames.
        rate: frames per second, on average.
    """
    height, width = size
    video = _element(0xB0, width) + _element(0xBA, height) + _element(0x2EB524, b"RGB\x18")
    track = (
        _element(0xD7, 1)  # TrackNumber
        + _element(0x73C5, 1)  # TrackUID
        + _element(0x83, 1)  # TrackType: video
        + _element(0x86, b"V_UNCOMPRESSED")
        + _element(0x23E383, round(10**9 / rate))  # DefaultDuration, in nanoseconds
        + _element(0xE0, video)
    )
    head = _element(0x4282, b"matroska") + _element(0x4287, 4) + _element(0x4285, 2)
    info = _element(0x2AD7B1, 10**9 // MICROSECONDS)  # TimestampScale, in nanoseconds
    return (
        _element(0x1A45DFA3, head)
        + bytes.fromhex("18538067 01ffffffffffffff")  # Segment of unknown size
        + _element(0x1549A966, info)
        + _element(0x1654AE6B, _element(0xAE, track))
    )


def matroska_frame(microseconds: int, data: bytes) -> bytes:
    """Returns a Cluster that holds one frame at its time."""
    block = b"\x81\x00\x00\x80" + data  # track 1, at the time of the cluster, a keyframe
    return _element(0x1F43B675, _element(0xE7, microseconds) + _element(0xA3, block))


def _element(identifier: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        value = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + struct.pack(">Q", len(value) | 1 << 56) + value
