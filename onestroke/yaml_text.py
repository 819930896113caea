"""Parsing YAML from strangers: no code runs, and a short text stays small in memory."""

from typing import Any

import yaml

MAX_CHARACTERS = 2**20  # settings of 1,000 styles have about 0.3 MB
MAX_DEPTH = 32  # sections in sections; recipes have 4
MAX_ENTRIES = 2**17  # after anchors are written out; 40 lines of anchors can stand for billions

# libyaml's loader is ten times as fast; PyYAML is sometimes built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:
    """Returns the value of a YAML text.

    Raises:
        yaml.YAMLError: the text is not YAML, is too long or too deep, or its anchors stand for too
            many entries.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"{len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        _check_entries(text)
        return yaml.load(text, Loader=_LOADER)
    # Dates that do not exist, numbers of too many digits, keys without a hash.
    except (ValueError, TypeError, OverflowError, AttributeError, LookupError) as error:
        raise yaml.YAMLError(str(error) or type(error).__name__) from error


def _check_entries(text: str) -> None:
    """Raises a YAMLError for too many levels or entries; the parser has not built anything yet."""
    sizes: dict[str, int] = {}  # entries of each anchor, with those of the anchors in it
    opened: list[tuple[str | None, int]] = []  # the anchor of each level, entries before it
    total = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise yaml.YAMLError(f"the anchor {event.anchor} contains itself or is missing")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        if len(opened) > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} levels")
        if total > MAX_ENTRIES:
            raise yaml.YAMLError(f"more than {MAX_ENTRIES} entries after anchors are written out")
