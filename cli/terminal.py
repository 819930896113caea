"""What all commands say on the terminal, and when they keep silent there."""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from onestroke.errors import OnestrokeError
from onestroke.printable import make_printable

# Into a file or a pipe, tables are as wide as they need to be.
WIDTH = None if sys.stdout.isatty() else 200
INTERRUPTED = 128 + signal.SIGINT  # what shells and make expect of a command ended by Ctrl-C


class Terminal(Console):
    """Shows control characters in names and captions instead of obeying them."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Converts a text, or a cell of a table."""
        return super().render_str(make_printable(text, lines=True), **options)


out = Terminal(highlight=False, soft_wrap=True, markup=False, emoji=False, width=WIDTH)
verbose = False


class LogLines(logging.Handler):
    """Prints the library's warnings as lines of the command."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one warning."""
        out.print(f"onestroke: {make_printable(record.getMessage())}")


def end_in_silence() -> None:
    """Silences what LiteRT prints when it is taken down, after the last word of ours."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@contextlib.contextmanager
def stop_at_interrupt() -> Iterator[threading.Event]:
    """Makes the first Ctrl-C ask for a stop, and a second one end the process at once."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out.print("Stopping after this step; Ctrl-C again to stop without saving.")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _open_buffer() -> IO[bytes]:
    """Opens a file for what is set aside; the null device where no folder can be written."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Silences what TensorFlow prints while it is imported, unless --verbose is given.

    Some of it comes before TensorFlow reads its own log level, so the error stream of the whole
    process is set aside; an exception brings it back.
    """
    if verbose:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with _open_buffer() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except (OnestrokeError, KeyboardInterrupt):  # one line says it all
            raise
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
