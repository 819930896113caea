"""YAML of strangers: every text is read or refused at once."""

import pytest
import yaml

from onestroke.yaml_text import MAX_CHARACTERS, parse_yaml


def exploding(form: str, first: str) -> str:
    """Returns 30 anchors, each of which stands for nine of the one before."""
    lines = [f"a0: &a0 {first}"]
    for number in range(1, 30):
        again = ", ".join([f"*a{number - 1}"] * 9)
        lines.append(f"a{number}: &a{number} {form.format(again)}")
    return "\n".join(lines)


def test_texts_are_parsed() -> None:
    assert parse_yaml("a: [1, two, {b: .5}]") == {"a": [1, "two", {"b": 0.5}]}
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (exploding("[{}]", "[x, y]"), "entries after anchors are written out"),
        (exploding("{{<<: [{}]}}", "{x: y}"), "entries after anchors are written out"),
        ("a: &a [*a]", "contains itself"),
        ("a: *a", "."),
        ("[" * 100_000, "more than 32 levels"),
        ("{a: " * 5000, "more than 32 levels"),
        ("- " * 5000, "more than 32 levels"),
        ("a: 2001-99-99", "."),
        ("a: " + "1" * 5000, "."),
        ("a: 2001-01-01 99:99:99", "."),
        ("? [a]\n: b", "."),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: !!timestamp x", "."),
        ("x" * (MAX_CHARACTERS + 1), f"at most {MAX_CHARACTERS} are read"),
    ],
    ids=range(14),
)
def test_hostile_texts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(yaml.YAMLError, match=reason):
        parse_yaml(text)
