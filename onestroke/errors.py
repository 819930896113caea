"""Errors that a user can correct. Each is one line: the problem, the value, the remedy."""

import contextlib
import errno
import math
import os
from collections.abc import Iterator
from numbers import Integral, Real

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class OnestrokeError(Exception):
    """A mistake in the user's input. The command line prints it as one line."""

    status = 2  # exit status of the command line


class SettingsError(OnestrokeError):
    """A recipe, an override or an argument has an unknown key or a wrong value."""


class ModelError(OnestrokeError):
    """A model file, a weight file or a run folder is missing, broken or of another kind."""


LONGEST_TEXT = 200  # characters
LONGEST_NUMBER = 40  # characters; also, Python refuses to print integers of thousands of digits


def format_value(value: object) -> str:
    """Formats a value for a message: numbers with all their digits, text in quotes.

    Rounding would contradict the message: a strength of 1.0000001 is not the 1 that is allowed.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if abs(number) < 10**LONGEST_NUMBER:
            return str(number)
        return f"an integer of about {round(number.bit_length() * math.log10(2))} digits"
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(float(value)).removesuffix(".0")
    try:
        return shorten_text(repr(value))
    except (ValueError, RecursionError):  # such an integer in a list, or a deep list
        return f"a {type(value).__name__} that is too large to print"


def shorten_text(text: str) -> str:
    """Cuts a text off that would fill more than a line of a message."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def is_full_disk(error: BaseException) -> bool:
    """Returns whether Python or TensorFlow could not write for want of disk space or quota."""
    if isinstance(error, OSError):
        return error.errno in FULL_DISK
    return _is_exhausted(error) and any(os.strerror(number) in str(error) for number in FULL_DISK)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether Python or TensorFlow ran out of memory, on a processor or a GPU."""
    # TensorFlow reports a full disk with the same class.
    return isinstance(error, MemoryError) or (_is_exhausted(error) and not is_full_disk(error))


def _is_exhausted(error: BaseException) -> bool:
    return type(error).__name__ == "ResourceExhaustedError"


@contextlib.contextmanager
def explain_memory_errors(purpose: str, remedy: str) -> Iterator[None]:
    """Converts an out-of-memory error in a block to an OnestrokeError.

    Args:
        purpose: what the memory is for, beginning with a preposition.
        remedy: what to do.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OnestrokeError(f"not enough memory {purpose}; {remedy}") from error
