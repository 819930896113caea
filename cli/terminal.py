"""The terminal: printing, interruption, and a filter for messages of native libraries."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from onestroke.printable import make_printable

# Tables in a file or a pipe are as wide as they need to be.
WIDTH = None if sys.stdout.isatty() else 200
INTERRUPTED = 128 + signal.SIGINT  # the exit status after Ctrl-C that shells and make expect
# Of Slurm, `docker stop` and machines that are taken away; the second one of a lost connection.
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminal(Console):
    """Shows control characters in names and captions instead of obeying them."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Converts a text, or a cell of a table."""
        return super().render_str(make_printable(text, lines=True), **options)


out = Terminal(highlight=False, soft_wrap=True, markup=False, emoji=False, width=WIDTH)
verbose = False
STARTED = time.perf_counter()

# Lines that TensorFlow and LiteRT print although nothing is wrong, in part before TensorFlow reads
# TF_CPP_MIN_LOG_LEVEL.
CHATTER = (
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called"
    rb"|[IW]\d{4} \d\d:\d\d:\d+"
    # Without a driver for NVIDIA GPUs; `doctor` and `train` name what is missing.
    rb"|E\d{4} .*(Unable to register|already registered|failed call to cuInit)"
    # Of JAX, before it aborts a process of several; see LOST.
    rb"|E\d{4} .*coordination_service|\[Gloo\] Rank "
    rb"|To enable the following instructions|INFO: |VERBOSE: "
    # LiteRT looks for accelerators and plug-ins of vendors that few machines have.
    rb"|WARNING: \[(npu_registry|compiler_plugin|accelerator_registry)\.cc:\d+\]"
    rb"|.{3} Could not load shared library "
    # libtiff's lines about a damaged TIFF, for which the commands have a line of their own.
    rb"|(_?TIFF|Fax|CCITT|ZIP|LZW|JPEG|PackBits|PixarLog|LogLuv|SGILog|LERC|LZMA|ZSTD|WebP|Thunder"
    rb"|NeXT|tempfile\.tif)[\w.]*: "
)
# JAX aborts a process of several, after a page of text, when another one is lost.
LOST = r"F\d{4} .*the JAX distributed service detected fatal errors"
LOST_ADVICE = (
    "onestroke: another process of the training ended or cannot be reached; see its own message, "
    "and start the same command on all machines to resume\n"
)
# Runs in a process of its own, so that a crash of this one loses no line.
FILTER = """
import os, re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
chatter, lost, advice = (text.encode() for text in sys.argv[1:])
lines = iter(sys.stdin.buffer.readline, b"")
for line in lines:
    if re.match(lost, line):
        os.write(2, advice)
        for _ in lines:  # the explanation and stack of JAX
            pass
    elif not re.match(chatter, line):
        os.write(2, line)
"""
FILTER_SECONDS = 5.0  # after which a filter that another process keeps open is left alone


class LogLines(logging.Handler):
    """Prints the warnings of the library as lines on the error stream."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one warning."""
        print(f"onestroke: {make_printable(record.getMessage())}", file=sys.stderr)


def seconds_since_start() -> float:
    """Returns the seconds since the command started, imports included."""
    return time.perf_counter() - STARTED


def silence_exit() -> None:
    """Silences what LiteRT prints while Python exits, after the last line of the command."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


class StopSignal:
    """The signal that asked this process to end.

    Attributes:
        number: Ctrl-C's, unless another one was received.
    """

    number = signal.SIGINT

    @classmethod
    def interrupt(cls, number: int, frame: object) -> NoReturn:
        """Interrupts the program as Ctrl-C does, so that files are removed or finished."""
        cls.number = signal.Signals(number)
        raise KeyboardInterrupt


def exit_status(status: int | None) -> int | None:
    """Returns the status to exit with: that of an interruption is 128 and its signal."""
    return 128 + StopSignal.number if status == INTERRUPTED else status


@contextlib.contextmanager
def interrupt_at_signals() -> Iterator[None]:
    """Makes the signals that end a process act like Ctrl-C, except those that are ignored."""
    StopSignal.number = signal.SIGINT
    with contextlib.ExitStack() as stack:
        for number in ENDING:
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
                stack.callback(signal.signal, number, signal.SIG_DFL)
                signal.signal(number, StopSignal.interrupt)
        yield


@contextlib.contextmanager
def stop_at_interrupt() -> Iterator[threading.Event]:
    """Sets an event at the first Ctrl-C or signal to end. The second one ends the process at once.

    A process gets some seconds between a signal to end and a kill, so it saves at once.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}

    def ask(number: int, frame: object) -> None:
        stop.set()
        StopSignal.number = signal.Signals(number)
        for each, handler in before.items():
            signal.signal(each, handler)
        with contextlib.suppress(OSError):  # the terminal may be gone
            out.print("Stopping after this step; a second Ctrl-C or signal stops without saving.")

    for each, handler in before.items():
        if handler != signal.SIG_IGN or each == signal.SIGINT:
            signal.signal(each, ask)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def _block_signals() -> Iterator[None]:
    """Blocks the signals that end a process, in processes started here for their whole life."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def filter_native_logs() -> Iterator[None]:
    """Drops known harmless lines of TensorFlow and LiteRT from the error stream.

    A second process passes all other lines on at once, also if this one crashes or is killed. With
    ``--verbose``, nothing is dropped.
    """
    if verbose:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    command = [sys.executable, "-I", "-S", "-c", FILTER, CHATTER.decode(), LOST, LOST_ADVICE]
    reading, writing = os.pipe()
    with _block_signals():  # Slurm sends them to all processes; the filter ends after this one
        process = subprocess.Popen(command, stdin=reading, stdout=subprocess.DEVNULL)
    os.dup2(writing, 2)
    os.close(reading)
    os.close(writing)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FILTER_SECONDS)
