"""Names and captions of strangers cannot command the terminal."""

import pytest

from onestroke.printable import make_printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj.\u202eabc", r"gpj.\u202eabc"),
        ("caf\udce9.jpg", r"caf\udce9.jpg"),
        ("Grünes Café 日本 👨‍👩‍👧 \u00a0", "Grünes Café 日本 👨‍👩‍👧 \u00a0"),
    ],
)
def test_unsafe_characters_are_escaped(text: str, expected: str) -> None:
    assert make_printable(text) == expected


def test_line_breaks_of_messages_stay() -> None:
    assert make_printable("a\n\x1bb\t", lines=True) == "a\n\\x1bb\\t"
