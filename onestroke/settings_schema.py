"""What all settings schemas share: strict sections, YAML files, overrides and clear errors."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from onestroke.errors import SettingsError, format_value, shorten_text
from onestroke.files import expand_path
from onestroke.printable import make_printable
from onestroke.yaml_text import parse_yaml

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


LARGEST_INTEGER = 10**15  # a double holds all integers up to here


class Section(BaseModel):
    """One frozen section of a settings file; unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        """Prevents pydantic from converting ``true`` to 1, and integers from overflowing later."""
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise ValueError(f"expected an integer of at most {LARGEST_INTEGER}")
        if (
            isinstance(value, bool)
            and cls.model_fields[info.field_name or ""].annotation is not bool
        ):
            raise ValueError("expected a number or a name, not true or false")
        return value


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def read_yaml(path: Path, packaged: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """Reads a settings file without validating its values.

    Args:
        path: the file.
        packaged: the package's own files by name; used if no file of that name exists.

    Raises:
        SettingsError: the file is missing, is not YAML, or has no sections.
    """
    if packaged and not expand_path(path).is_file():  # a folder may have the name of a recipe
        path = packaged.get(str(path), path)
    try:
        values = parse_yaml(expand_path(path).read_text(encoding="utf-8"))
    except OSError as error:
        names = f", or use one of {', '.join(sorted(packaged))}" if packaged else ""
        raise SettingsError(
            f"cannot read the recipe {path} ({error.strerror}); check the path{names}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = shorten_text(" ".join(str(error).split()))
        raise SettingsError(f"{path} is not valid YAML: {reason}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} has no sections; a recipe has sections such as 'train:'")
    return values


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Returns the values with the changes of ``--set section.key=value``.

    Raises:
        SettingsError: an override does not have this form.
    """
    for override in overrides:
        values = _apply(values, override)
    return values


def _apply(values: dict[str, Any], override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    section, dot, name = key.partition(".")
    if not (equals and dot and section and name):
        raise SettingsError(f"expected --set section.key=value; received --set {override}")
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected a YAML value in --set {shorten_text(override)}") from error
    return replace_in(values, section, {name: value})


def replace_in(values: dict[str, Any], section: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values with changes in one section, which is created if missing.

    Raises:
        SettingsError: the section is not a mapping.
    """
    entries = values.get(section) or {}
    if not isinstance(entries, dict):
        raise SettingsError(
            f"section {section!r} must contain keys; it contains {format_value(entries)}"
        )
    return {**values, section: {**entries, **changes}}


def validate_settings(
    values: Mapping[str, Any], schema: type[AnySettings], *, origin: str = "settings"
) -> AnySettings:
    """Validates plain values against a schema.

    Args:
        values: sections, as a settings file has them.
        schema: the model of all sections.
        origin: the name of the file, for error messages.

    Raises:
        SettingsError: names the key, the problem and the value; for an unknown key also the
            nearest key that exists.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error, schema)}") from error


def _explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """Describes the first mistake in one line."""
    # Unknown keys first: a misspelt key is often the reason why another one is missing.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"] if part != "[key]"]
    key = shorten_text(make_printable(".".join(place)))
    if first["type"] == "missing":
        return f"{key} is missing; add it"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}; {_nearest_key(place, schema)}"
    message = first["msg"].removeprefix("Value error, ")
    text = f"{key}: {message[0].lower()}{message[1:]}"
    if first["type"] == "value_error" and isinstance(first["input"], Mapping):
        return text  # a message about a whole section contains the value already
    return f"{text}; received {format_value(first['input'])}"


def _nearest_key(place: Sequence[str], schema: type[BaseModel]) -> str:
    sections: dict[str, Any] = {k: field.annotation for k, field in schema.model_fields.items()}
    known = list(sections)
    if len(place) > 1:
        known = [f"{place[0]}.{name}" for name in sections[place[0]].model_fields]
    everywhere = [f"{s}.{name}" for s, model in sections.items() for name in model.model_fields]
    same_name = [name for name in everywhere if name.split(".")[1] == place[-1]]
    nearest = same_name or difflib.get_close_matches(".".join(place), known, 1, 0.5)
    return f"did you mean {nearest[0]}?" if nearest else f"known keys: {', '.join(known)}"
