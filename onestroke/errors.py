"""Errors that a user can mend: one line that says what was expected, what came, what to do."""

import contextlib
from collections.abc import Iterator
from numbers import Real


class OnestrokeError(Exception):
    """A mistake in what the user gave; the command line prints it as one line."""

    status = 2  # with which the command line ends


class SettingsError(OnestrokeError):
    """A recipe, an override or an argument has an unknown key or a wrong value."""


class ModelError(OnestrokeError):
    """A model file, a weight file or a run folder is missing, broken or of another kind."""


def in_words(value: object) -> str:
    """Returns what came instead of what was expected: numbers as people write them."""
    return f"{value:g}" if isinstance(value, Real) else repr(value)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or TensorFlow found no memory, on a processor or a GPU."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


@contextlib.contextmanager
def enough_memory(purpose: str, remedy: str) -> Iterator[None]:
    """Turns a want of memory into an OnestrokeError.

    Args:
        purpose: what the memory is for, beginning with a preposition.
        remedy: what to do.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OnestrokeError(f"expected memory {purpose}; there is too little; {remedy}") from error
