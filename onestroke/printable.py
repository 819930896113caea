"""Text of files and names, made safe to print."""

import re

# Control characters move the cursor or change colours; the others reorder or break a line.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


def make_printable(text: str, *, lines: bool = False) -> str:
    r"""Escapes what a terminal would obey instead of showing: ESC becomes ``\x1b``.

    Args:
        text: a name, a caption or a message.
        lines: whether line breaks stay.
    """
    pattern = _UNSAFE_LINES if lines else _UNSAFE
    return pattern.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
