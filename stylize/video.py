"""Painting videos: frames are decoded, painted and encoded at the same time, in pieces.

Every piece is a finished file in a folder beside the output. A command that was stopped or killed
continues after the last of them, and the output gets its name when all of them are joined. It seeks
to the place in the clip, and checks that it arrived there; else it decodes from the beginning.
"""

import contextlib
import json
import logging
import shutil
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from onestroke import __version__
from onestroke.array_file import BrokenArraysError, read_arrays, write_arrays
from onestroke.errors import SettingsError, format_value
from onestroke.extras import check_flow
from onestroke.file_lock import hold_lock
from onestroke.files import (
    check_file,
    expand_path,
    find_overwritten,
    remove_leftovers,
    write_text,
    write_whole,
)
from onestroke.progress import Progress
from onestroke.stylize.ffmpeg import VideoError
from onestroke.stylize.model import Model, Runtime, load, open_model
from onestroke.stylize.smoothing import Smoother
from onestroke.stylize.strength import check_strength
from onestroke.stylize.stylizer import StyleChoice, check_side, note_paint_size, weigh_styles
from onestroke.stylize.video_reader import VideoInfo, VideoReader, open_video
from onestroke.stylize.video_writer import (
    DEFAULT_QUALITY,
    VideoWriter,
    choose_codec,
    join_pieces,
)

logger = logging.getLogger("onestroke.stylize")

AHEAD = 3  # frames decoded, and as many painted, that wait in memory
PIECE_FRAMES = 48  # at most these are painted again after a kill
MARKED_FRAMES = 8  # by which a later command knows that it has found the end of a piece
RATE_FRAMES = 20  # the latest, from which the speed is measured

Paint = Callable[[np.ndarray], np.ndarray]
Report = Callable[[Progress], object]
Frame = tuple[int, np.ndarray]  # its time in microseconds, and (height, width, 3) uint8 RGB
Mark = list[int]  # of a frame before it was painted: its time in microseconds, and its checksum


@dataclass(frozen=True)
class VideoOptions:
    """How a video is painted.

    Attributes:
        strength, preserve_color, style, paint_size: as in ``PaintOptions``.
        max_size: shrink frames whose long side is longer than this.
        codec: of ``video_writer.CODECS``; by default H.264, and VP9 in WebM files.
        quality: from 0 to 100.
        smooth: blend each frame with the one before, moved along; see ``smoothing``.
        strip: leave out the metadata of the file and of its streams, such as date and place.
    """

    strength: float = 1.0
    preserve_color: bool = False
    style: StyleChoice | None = None
    max_size: int | None = None
    paint_size: int | None = None
    codec: str | None = None
    quality: int = DEFAULT_QUALITY
    smooth: bool = False
    strip: bool = False

    def check(self) -> None:
        """Raises a SettingsError for a value out of its range."""
        check_strength(self.strength)
        check_side("a maximal size", self.max_size)
        check_side("a paint size", self.paint_size)
        if self.smooth:
            check_flow()
        if not 0 <= self.quality <= 100:
            raise SettingsError(
                f"expected a quality from 0 to 100; received {format_value(self.quality)}"
            )


@dataclass(frozen=True)
class VideoResult:
    """What was painted.

    Attributes:
        frames: in the output.
        resumed: how many of them an earlier command had painted.
        seconds: of this command.
    """

    frames: int
    resumed: int
    seconds: float


def stylize_video(
    source: Path | str,
    model: Path | str,
    *,
    output: Path | str | BinaryIO,
    options: VideoOptions | None = None,
    runtime: Runtime | None = None,
    report: Report = lambda progress: None,
) -> VideoResult:
    """Paints a video. Sound, subtitles, chapters, metadata and the times of the frames are kept.

    Args:
        source: the video.
        model: what ``onestroke.load`` takes.
        output: the file to write, or an open file that receives the frames as raw RGB bytes.
        options: how it is painted.
        runtime: what runs a style file; see ``onestroke.load``.
        report: called after every painted frame.

    Returns:
        How many frames the output has.

    Raises:
        OnestrokeError: the video, the model or an option is wrong, or the video is damaged or
            shorter than it should be; what could be read is then in the output.
    """
    options = options or VideoOptions()
    options.check()
    target = expand_path(output) if isinstance(output, str | Path) else None
    codec = choose_codec(target, options.codec) if target else None
    opened = open_model(model)
    weigh_styles(options.style, opened.card.style_names)
    video = open_video(source, max_size=options.max_size)
    if note := note_paint_size(video.path, video.size, options.paint_size):
        logger.warning("%s", note)
    if target:
        check_file(target)
        if find_overwritten([target], [video.path]):
            raise SettingsError(f"{target} is the input; choose another output")
    paint: Paint = partial(
        load(opened, runtime=runtime),
        strength=options.strength,
        preserve_color=options.preserve_color,
        style=options.style,
        paint_size=options.paint_size,
    )
    started = time.perf_counter()
    if target is None or codec is None:
        paint = Smoother(paint) if options.smooth else paint
        frames = _paint_raw(video, paint, cast(BinaryIO, output), report)
        return VideoResult(frames, 0, time.perf_counter() - started)
    folder = target.with_name(f"{target.name}.parts")
    with PieceFolder(folder, target.suffix, _plan(video, opened, options)) as pieces:
        resumed = pieces.frames
        smoother = Smoother(paint, pieces.read_state()) if options.smooth else None
        write = partial(VideoWriter, video=video, codec=codec, quality=options.quality)
        errors = _paint_pieces(video, smoother or paint, pieces, write, report)
        if not pieces.frames:
            raise VideoError(f"{video.path} has no frames ({errors[0] if errors else 'no error'})")
        join = partial(join_pieces, pieces.files(), pieces.starts, video, strip=options.strip)
        write_whole(target, join)
        pieces.remove()
    if errors:
        raise VideoError(
            f"{video.path} is damaged or cut short ({errors[0]}); {target} holds the "
            f"{pieces.frames} frames that could be read"
        )
    return VideoResult(pieces.frames, resumed, time.perf_counter() - started)


def _plan(video: VideoInfo, model: Model, options: VideoOptions) -> dict[str, Any]:
    """Returns what must be equal for a command to continue what another began."""
    files = {}
    for path in (video.path, model.path):
        status = path.stat()
        files[str(path.resolve())] = [status.st_size, status.st_mtime_ns]
    return {"version": __version__, "files": files, "options": asdict(options)}


class PieceFolder:
    """The finished pieces of a video that is being painted.

    Args:
        folder: where they are.
        suffix: of the pieces.
        plan: what is painted, and how; pieces of another plan are deleted.

    Attributes:
        starts: time of the first frame of each piece, in microseconds.
        frames: in all pieces.
        marks: of the last frames before the end of the last piece; empty if they are not known.

    Raises:
        SettingsError: another process paints the same video.
    """

    def __init__(self, folder: Path, suffix: str, plan: Mapping[str, Any]) -> None:
        self.starts: list[int] = []
        self.frames = 0
        self.marks: Sequence[Mark] = []
        self._folder = folder
        self._suffix = suffix
        self._plan = json.dumps(plan, indent=1) + "\n"
        self._lock_path = folder.with_name(f".{folder.name}.lock")
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> "PieceFolder":
        self._folder.mkdir(parents=True, exist_ok=True)
        busy = SettingsError(
            f"{self._folder} is being filled by another process; wait for it or stop it"
        )
        self._lock.enter_context(hold_lock(self._lock_path, busy))
        plan = self._folder / "plan.json"
        if not plan.is_file() or plan.read_text(encoding="utf-8") != self._plan:
            self.remove()
            self._folder.mkdir()
            write_text(plan, self._plan)
        remove_leftovers(self._folder)
        while self._record(len(self.starts)).is_file() and self.file(len(self.starts)).is_file():
            record = json.loads(self._record(len(self.starts)).read_text(encoding="utf-8"))
            self.starts.append(record["start"])
            self.frames += record["frames"]
            self.marks = record["marks"]
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()
        with contextlib.suppress(OSError):
            self._lock_path.unlink()

    def file(self, index: int) -> Path:
        """Returns the video file of a piece."""
        return self._folder / f"{index:05d}{self._suffix}"

    def _record(self, index: int) -> Path:
        return self._folder / f"{index:05d}.json"

    def files(self) -> list[Path]:
        """Returns the files of the finished pieces."""
        return [self.file(index) for index in range(len(self.starts))]

    def _state(self, index: int) -> Path:
        return self._folder / f"{index:05d}.npz"

    def read_state(self) -> dict[str, np.ndarray] | None:
        """Returns the arrays that were saved with the last piece, None if there are none."""
        path = self._state(len(self.starts) - 1)
        if not path.is_file():
            return None
        try:
            return read_arrays(path)
        except BrokenArraysError as error:
            raise VideoError(
                f"{path} is broken ({error}); delete the folder {path.parent} to begin anew"
            ) from error

    def add(
        self,
        start: int,
        write: Callable[[Path], int],
        state: Callable[[], Mapping[str, np.ndarray]],
        marks: Callable[[], Sequence[Mark]],
    ) -> None:
        """Writes the next piece.

        Args:
            start: time of its first frame, in microseconds.
            write: receives the path to write and returns the number of frames.
            state: returns arrays that painting needs to continue after this piece.
            marks: returns those of the last frames of this piece.
        """
        index, counts = len(self.starts), []
        write_whole(self.file(index), lambda path: counts.append(write(path)))
        if arrays := state():
            write_arrays(self._state(index), arrays)
        self.marks = marks()
        record = {"start": start, "frames": counts[0], "marks": self.marks}
        write_text(self._record(index), json.dumps(record))
        self.starts.append(start)
        self.frames += counts[0]
        self._state(index - 1).unlink(missing_ok=True)

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self._folder)


def _paint_pieces(
    video: VideoInfo,
    paint: Paint,
    pieces: PieceFolder,
    open_writer: Callable[[Path], VideoWriter],
    report: Report,
) -> list[str]:
    """Paints what is missing, piece by piece; returns the errors of the decoder."""
    reader, decoded = _continue_reading(video, pieces)
    counter = _Counter(report, video.frames, pieces.frames)
    marks: deque[Mark] = deque(maxlen=MARKED_FRAMES)

    def find_state() -> Mapping[str, np.ndarray]:
        return paint.state if isinstance(paint, Smoother) else {}

    def find_marks() -> list[Mark]:
        # A later command that seeks past an error would not report it.
        return [] if reader.errors else list(marks)

    def note(frame: Frame) -> None:
        marks.append(_mark(frame))

    with contextlib.closing(_paint_frames(reader, decoded, paint, note)) as frames:
        while first := next(frames, None):
            piece = chain([first], islice(frames, PIECE_FRAMES - 1))
            write = partial(_encode, open_writer, piece, counter)
            pieces.add(first[0], write, find_state, find_marks)
    counter.finish()
    return reader.errors


def _continue_reading(video: VideoInfo, pieces: PieceFolder) -> tuple[VideoReader, Iterator[Frame]]:
    """Returns a reader, and its frames after the finished pieces."""
    if pieces.marks:
        reader = VideoReader(video, since=pieces.marks[0][0])
        frames = iter(reader)
        found = [_mark(frame) for frame in islice(frames, len(pieces.marks))]
        if found == pieces.marks and not reader.errors:
            return reader, frames
        reader.close()
        logger.info("%s cannot be sought exactly; decoding from its beginning", video.path)
    reader = VideoReader(video, skip=pieces.frames)
    return reader, iter(reader)


def _mark(frame: Frame) -> Mark:
    return [frame[0], zlib.crc32(frame[1].data)]


def _paint_raw(video: VideoInfo, paint: Paint, file: BinaryIO, report: Report) -> int:
    """Writes painted frames as raw bytes; returns their number."""
    reader = VideoReader(video)
    counter = _Counter(report, video.frames, 0)
    with contextlib.closing(_paint_frames(reader, iter(reader), paint)) as frames:
        for _, painted in frames:
            file.write(painted.tobytes())
            counter.add()
    file.flush()
    counter.finish()
    if reader.errors:
        raise VideoError(
            f"{video.path} is damaged or cut short ({reader.errors[0]}); "
            f"{counter.frames} frames could be read"
        )
    return counter.frames


def _paint_frames(
    reader: VideoReader,
    decoded: Iterator[Frame],
    paint: Paint,
    note: Callable[[Frame], object] = lambda frame: None,
) -> Generator[Frame, None, None]:
    """Paints frames, while a thread decodes the next ones.

    Args:
        reader: closed at the end.
        decoded: its frames.
        paint: paints one frame.
        note: called with each frame before it is painted.
    """
    pool = ThreadPoolExecutor(1)
    try:
        waiting = deque(pool.submit(next, decoded, None) for _ in range(AHEAD))
        while frame := waiting.popleft().result():
            waiting.append(pool.submit(next, decoded, None))
            note(frame)
            yield frame[0], paint(frame[1])
    finally:
        reader.close()
        pool.shutdown(cancel_futures=True)


def _encode(
    open_writer: Callable[[Path], VideoWriter],
    frames: Iterable[Frame],
    counter: "_Counter",
    path: Path,
) -> int:
    """Encodes frames in a thread, while the next ones are painted; returns their number."""
    writer, count, start = open_writer(path), 0, 0
    pool = ThreadPoolExecutor(1)
    written: deque[Future[None]] = deque()
    try:
        for at, painted in frames:
            start = start if count else at
            written.append(pool.submit(writer.write, at - start, painted))
            count += 1
            counter.add()
            while len(written) > AHEAD:
                written.popleft().result()
        for future in written:
            future.result()
        writer.close()
    finally:
        pool.shutdown(cancel_futures=True)
        writer.kill()
    return count


class _Counter:
    """Reports how many frames are painted, how fast, and how long the others take.

    Args:
        report: called after each frame.
        expected: an estimate of all frames.
        frames: painted before.
    """

    def __init__(self, report: Report, expected: int, frames: int) -> None:
        self.frames = frames
        self._report = report
        self._expected = expected
        # After a resume, the first frame also waits until those before are decoded.
        begun = [] if frames else [time.perf_counter()]
        self._times = deque(begun, maxlen=RATE_FRAMES + 1)

    def add(self) -> None:
        """Counts a frame."""
        self.frames += 1
        self._times.append(time.perf_counter())
        expected = max(self._expected, self.frames + 1)  # the last frame is known at the end
        figures = self._rate()
        if figures:
            left = (expected - self.frames) / figures["frames_per_second"]
            figures["seconds_left"] = left
        self._report(Progress(self.frames, expected, figures))

    def finish(self) -> None:
        """Reports that all frames are painted."""
        self._report(Progress(self.frames, self.frames, self._rate()))

    def _rate(self) -> dict[str, float]:
        """Returns the frames per second; nothing before two frames have been timed."""
        if len(self._times) < 2:
            return {}
        rate = (len(self._times) - 1) / max(1e-9, self._times[-1] - self._times[0])
        return {"frames_per_second": rate}
