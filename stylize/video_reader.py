"""Decoding a video: what it is, and its frames with their times, through a pipe from FFmpeg."""

import queue
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile, islice
from pathlib import Path

import numpy as np

from onestroke.files import expand_path
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.stylize.ffmpeg import (
    FfmpegProcess,
    VideoError,
    find_errors,
    find_ffmpeg,
    keep_times_options,
    run_ffmpeg,
)

UNKNOWN = "unknown"
MICROSECONDS = 10**6  # of a second
LOG_SECONDS = 60  # that a line of the log may be late
# Before the time to start at. Some formats seek by the decoding time, which is earlier than that of
# the picture, and deinterlacing needs the frame before.
SEEK_BEFORE = 2 * MICROSECONDS
DEINTERLACE = "yadif=mode=send_frame:deint=interlaced"
HDR_CURVES = ("smpte2084", "arib-std-b67")  # PQ and HLG
WIDE_PRIMARIES = "bt2020"
# Players take an untagged video for BT.709 above the sizes of standard definition, as mpv does.
SD_WIDTH, SD_HEIGHT = 1280, 576
MATRICES = {"bt709": "bt709", "bt470bg": "bt470bg", "smpte170m": "smpte170m", "fcc": "fcc"}
MATRICES |= {"smpte240m": "smpte240m", "bt2020nc": "bt2020", "bt2020c": "bt2020"}
# To BT.709; the tone curve is Hable's, with diffuse white at 203 cd/m2 (ITU-R BT.2408).
TO_BT709 = "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p"
TONE_MAP = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)
RGB_FORMATS = re.compile(r"(rgb|bgr|gbr|argb|abgr|0rgb|0bgr|rgba|bgra|pal8)")
ALPHA_FORMATS = re.compile(r"(yuva|gbrap|rgba|bgra|argb|abgr|ya8|ya16|pal8)")
TEXT_FORMATS = ("tty", "bin", "xbin", "adf", "idf")  # FFmpeg paints text files as ANSI art
# Logs the time of each frame as whole lines. The filter showinfo writes its lines in parts, and an
# error that another thread of FFmpeg logs between two of them has no level and is not found.
LOG_TIMES = "metadata=mode=add:key=seen:value=1,metadata=mode=print:key=seen"
PICTURE_TIME = re.compile(r".*\[info\] frame:\s*\d+\s+pts:\s*(-?\d+|NOPTS)")


@dataclass(frozen=True)
class ColourTags:
    """How the numbers of a video stand for colours, by FFmpeg's names.

    Attributes:
        matrix: from RGB to YUV.
        full_range: luma from 0 to 255 instead of 16 to 235.
        primaries, curve: kept as they are.
    """

    matrix: str
    full_range: bool
    primaries: str = UNKNOWN
    curve: str = UNKNOWN


@dataclass(frozen=True)
class VideoInfo:
    """A video that can be decoded.

    Attributes:
        path: the file.
        size: (height, width) in pixels, upright.
        time_base: seconds of one unit of the times.
        rate: frames per second, on average.
        duration: seconds, None if the file does not record it.
        aspect: width of a pixel by its height.
        colours: of the painted video.
        interlaced: whether the frames consist of two fields of different times.
        filters: of FFmpeg, which turn whole frames into RGB of ``size``.
    """

    path: Path
    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    duration: float | None
    aspect: Fraction
    colours: ColourTags
    interlaced: bool
    filters: str

    @property
    def frames(self) -> int:
        """An estimate of the number of frames; 0 if it is unknown."""
        return round((self.duration or 0) * self.rate)


def input_option(path: Path) -> list[str]:
    """Returns the options that open a file; its name may begin with a dash or hold a colon."""
    return ["-i", f"file:{path}"]


def open_video(name: Path | str, *, max_size: int | None = None) -> VideoInfo:
    """Returns what a video is, from its first frame.

    Args:
        name: the file.
        max_size: longest side of the frames to read; larger ones are shrunk.

    Raises:
        VideoError: the file is missing, no video, or an HDR video that this FFmpeg cannot convert.
        SettingsError: FFmpeg is missing.
    """
    path = expand_path(name)
    if not path.is_file():
        raise VideoError(f"{path} does not exist; check the name")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty; copy or record it again")
    find = ["-map", "0:V:0", "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    _, lines = run_ffmpeg([*input_option(path), *find])
    log = "\n".join(lines)
    frame = re.search(r" n:\s*0 .*fmt:(\S+) .*sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\S)", log)
    kind = re.search(r"Input #0, ([^,]+)", log)
    if frame is None or (kind and kind[1] in TEXT_FORMATS):
        reason = "it is a text file" if kind and frame else (find_errors(lines) or ["no video"])[0]
        if "matches no streams" in reason:
            reason = "it has sound or text, and no video"
        raise VideoError(f"{path} cannot be read as a video ({reason}); check the file")
    pixels, (width, height) = frame[1], (int(frame[4]), int(frame[5]))
    base = re.search(r"config in time_base: (\d+)/(\d+), frame_rate: (\d+)/(\d+)", log)
    duration = re.search(r"Duration: (\d+):(\d+):([\d.]+)", log)
    tags = dict(re.findall(r"(color_(?:range|space|primaries|trc)):(\S+)", log))
    size = _fit((height, width), max_size)
    if min(size) < MINIMUM_SIDE:
        raise VideoError(
            f"the frames of {path} would be {size[0]}x{size[1]} pixels (height x width); "
            f"{MINIMUM_SIDE} a side are the least that can be painted"
        )
    colours, steps = _plan_colours(path, pixels, size, tags)
    return VideoInfo(
        path=path,
        size=size,
        time_base=Fraction(int(base[1]), int(base[2])) if base else Fraction(1, 1000),
        rate=_frame_rate(base[3], base[4]) if base else Fraction(25),
        duration=_seconds(duration) if duration else None,
        aspect=Fraction(int(frame[2]) or 1, int(frame[3]) or 1),
        colours=colours,
        interlaced=frame[6] in "TB",
        filters=",".join(steps),
    )


def _fit(size: tuple[int, int], max_size: int | None) -> tuple[int, int]:
    factor = min(1.0, (max_size or max(size)) / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _frame_rate(numerator: str, denominator: str) -> Fraction:
    """Returns frames per second; 25 where the file records none, or one that is no rate."""
    if int(numerator) and int(denominator):
        rate = Fraction(int(numerator), int(denominator))
        return rate if rate <= 1000 else Fraction(25)
    return Fraction(25)


def _seconds(found: re.Match[str]) -> float:
    return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])


def _plan_colours(
    path: Path, pixels: str, size: tuple[int, int], tags: dict[str, str]
) -> tuple[ColourTags, list[str]]:
    """Returns the tags of the painted video, and the filters that make RGB of the frames."""
    height, width = size
    guess = "bt709" if width >= SD_WIDTH or height > SD_HEIGHT else "smpte170m"
    curve, primaries = tags.get("color_trc", UNKNOWN), tags.get("color_primaries", UNKNOWN)
    rgb = bool(RGB_FORMATS.match(pixels))
    steps = []
    if curve in HDR_CURVES or (primaries == WIDE_PRIMARIES and not rgb):
        if not _has_zscale():
            raise VideoError(
                f"{path} is an HDR video, which this FFmpeg cannot convert (it lacks zscale); "
                "pip install 'onestroke[video]' and remove the other FFmpeg from PATH"
            )
        steps.append(TONE_MAP if curve in HDR_CURVES else TO_BT709)
        colours = ColourTags("bt709", False, "bt709", "bt709")
    elif rgb:
        colours = ColourTags(guess, False)
    else:
        matrix = tags.get("color_space", UNKNOWN)
        full = tags.get("color_range") == "pc" or pixels.startswith("yuvj")
        colours = ColourTags(matrix if matrix in MATRICES else guess, full, primaries, curve)
    if ALPHA_FORMATS.match(pixels):
        steps.append("format=gbrap,premultiply=inplace=1")  # over black
    matrix = "" if rgb else f":in_color_matrix={MATRICES[colours.matrix]}"
    source = "" if rgb else f":in_range={'pc' if colours.full_range else 'tv'}"
    flags = "bicubic+accurate_rnd+full_chroma_int"
    steps.append(f"scale={width}:{height}{matrix}{source}:out_range=pc:flags={flags}")
    return colours, [*steps, "format=rgb24"]


def _has_zscale() -> bool:
    _, lines = run_ffmpeg(["-h", "filter=zscale"])
    return not any("Unknown filter" in line for line in lines)


class VideoReader:
    """The frames of a video, one after the other.

    Args:
        video: from ``open_video``.
        skip: frames that are decoded and left out.
        since: time of the first frame to read, in microseconds. FFmpeg seeks to a keyframe before
            it. Not every file can be sought exactly, so the caller checks the frames.
    """

    def __init__(self, video: VideoInfo, *, skip: int = 0, since: int | None = None) -> None:
        self._video = video
        self._skip = skip
        self._since = since
        self._status = 0
        self._times: queue.Queue[int | None] = queue.Queue()
        program = find_ffmpeg()
        self._process = FfmpegProcess(
            [
                *_seek_options(since),
                *input_option(video.path),
                *("-map", "0:V:0", "-vf", self._filters(), *keep_times_options(program)),
                *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
            ],
            on_line=self._note_time,
        )

    @property
    def errors(self) -> list[str]:
        """What FFmpeg could not decode so far, one line each."""
        found = find_errors(self._process.errors)
        return found or ([f"FFmpeg's exit status is {self._status}"] if self._status else [])

    def _filters(self) -> str:
        chosen = []
        if self._since is not None:
            # Half a microsecond earlier, because FFmpeg compares floating-point numbers.
            chosen = [f"select=gte(t\\,{self._since - 0.5}e-6)+gt(selected_n\\,0)"]
        elif self._skip:
            chosen = [f"select=gte(n\\,{self._skip})"]
        # The times first: yadif counts in halves of their unit.
        deinterlace = [DEINTERLACE] if self._video.interlaced else []
        return ",".join([LOG_TIMES, *deinterlace, *chosen, self._video.filters])

    def _note_time(self, line: str) -> None:
        if found := PICTURE_TIME.match(line):
            self._times.put(None if found[1] == "NOPTS" else int(found[1]))

    def _all_times(self) -> Iterator[int]:
        """Yields the time of each decoded frame, in microseconds; the times increase."""
        unit, last = self._video.time_base, None
        while True:
            # FFmpeg logs the time of a frame before it writes the frame.
            at = self._times.get(timeout=LOG_SECONDS)
            if last is None:
                last = at or 0
            elif at is None:  # the file records no times
                last += max(1, round(1 / (self._video.rate * unit)))
            else:
                last = max(last + 1, at)
            yield round(last * unit * MICROSECONDS)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the time of each frame, in microseconds, and the frame.

        The times increase. A frame is (height, width, 3) uint8 RGB in [0, 255], read-only.
        """
        height, width = self._video.size
        times: Iterator[int] = islice(self._all_times(), self._skip, None)
        if (since := self._since) is not None:
            times = dropwhile(lambda at: at < since, times)
        try:
            while len(data := self._process.pipe.read(height * width * 3)) == height * width * 3:
                yield next(times), np.frombuffer(data, np.uint8).reshape(height, width, 3)
            self._status = self._process.wait()
        finally:
            self._process.kill()

    def close(self) -> None:
        """Stops decoding."""
        self._process.kill()


def _seek_options(since: int | None) -> list[str]:
    """Returns the options that begin at a keyframe; times count as without them."""
    if since is None or since <= SEEK_BEFORE:
        return []
    seconds = f"{(since - SEEK_BEFORE) / MICROSECONDS:.6f}"
    return ["-copyts", "-start_at_zero", "-noaccurate_seek", "-ss", seconds]
