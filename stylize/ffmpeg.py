"""Finding and running FFmpeg, which decodes and encodes videos in processes of its own."""

import contextlib
import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import IO, cast

from onestroke.child_process import end_with_parent
from onestroke.errors import OnestrokeError, SettingsError

FPS_MODE_SINCE = (5, 1)  # older versions call the option -vsync
BARE = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")
# A line of the log at a level that matters, such as "[mov @ 0x55] [error] moov atom not found".
ERROR_LINE = re.compile(r"(?:\[[^\]]* @ [^\]]*\] )*\[(?:error|fatal|panic)\] (.*)")
CONSEQUENCES = ("Task finished", "Terminating thread", "Conversion failed", "Error opening input")


class VideoError(OnestrokeError):
    """A video cannot be read, painted or written."""


@functools.cache
def find_ffmpeg() -> str:
    """Returns the system's FFmpeg, else the one of imageio-ffmpeg.

    Raises:
        SettingsError: there is neither.
    """
    if found := shutil.which("ffmpeg"):
        return found
    if find_spec("imageio_ffmpeg"):
        from imageio_ffmpeg import get_ffmpeg_exe

        with contextlib.suppress(RuntimeError):  # the package has no binary for this platform
            return str(get_ffmpeg_exe())
    raise SettingsError(
        "videos need FFmpeg; install it (apt install ffmpeg, brew install ffmpeg), "
        "or pip install 'onestroke[video]'"
    )


@functools.cache
def keep_times_options(program: str) -> tuple[str, str]:
    """Returns the options with which every frame keeps its time."""
    text = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"ffmpeg version n?(\d+)\.(\d+)", text)
    new = found is None or (int(found[1]), int(found[2])) >= FPS_MODE_SINCE
    return ("-fps_mode" if new else "-vsync", "passthrough")


def find_errors(lines: Sequence[str]) -> list[str]:
    """Returns the errors of a log, each without where it came from; causes before consequences."""
    found = [match[1].strip() for line in lines if (match := ERROR_LINE.match(line))]
    return [text for text in found if not text.startswith(CONSEQUENCES)] or found


def run_ffmpeg(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Runs FFmpeg to its end; returns the exit status and the lines of its log."""
    done = subprocess.run(
        end_with_parent([find_ffmpeg(), *BARE, *arguments]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, done.stderr.decode(errors="replace").splitlines()


class FfmpegProcess:
    """FFmpeg at the other end of a pipe, with its log read while it runs.

    Args:
        arguments: of FFmpeg, without those for its log.
        writes: whether this process writes into FFmpeg, instead of reading from it.
        on_line: called in a thread with each line of the log.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        writes: bool = False,
        on_line: Callable[[str], object] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            end_with_parent([find_ffmpeg(), *BARE, *arguments]),
            stdin=subprocess.PIPE if writes else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if writes else subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C stops this process, which then closes the pipes
        )
        self.errors: list[str] = []
        self._on_line = on_line
        self._thread = threading.Thread(target=self._read_log, daemon=True)
        self._thread.start()

    @property
    def pipe(self) -> IO[bytes]:
        """What is written to or read from FFmpeg."""
        return cast(IO[bytes], self._process.stdin or self._process.stdout)

    def _read_log(self) -> None:
        for raw in cast(IO[bytes], self._process.stderr):
            line = raw.decode(errors="replace").rstrip()
            if ERROR_LINE.match(line):
                self.errors.append(line)
            if self._on_line:
                self._on_line(line)

    def wait(self) -> int:
        """Returns the exit status, after the log was read to its end."""
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        status = self._process.wait()
        self._thread.join()
        self._close()
        return status

    def kill(self) -> None:
        """Ends the process, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
