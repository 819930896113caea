"""A table of the settings in a schema: keys, accepted values, defaults and meanings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

TYPES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
    "null": "null",
}


@dataclass(frozen=True)
class SettingRow:
    """One setting.

    Attributes:
        key: ``section.key``, as in ``--set``.
        values: the accepted values.
        default: the default as YAML; ``required`` if there is none.
        meaning: the description in the schema.
    """

    key: str
    values: str
    default: str
    meaning: str


def list_settings(schema: type[BaseModel], section: str | None = None) -> list[SettingRow]:
    """Returns a row for each setting of a schema.

    Args:
        schema: a model of sections, each a model of settings.
        section: the section to list; None for all.
    """
    rows = []
    for name, field in schema.model_fields.items():
        if section not in (None, name):
            continue
        model: Any = field.annotation
        json_schema = model.model_json_schema()
        for key, setting in model.model_fields.items():
            if setting.is_required():
                default = "required"
            else:
                default = _format_yaml(setting.get_default(call_default_factory=True))
            values = _describe_values(json_schema["properties"][key])
            rows.append(SettingRow(f"{name}.{key}", values, default, setting.description or ""))
    return rows


def settings_page(schemas: Mapping[str, type[BaseModel]]) -> str:
    """Returns the tables as Markdown.

    Args:
        schemas: the schemas by title.
    """
    parts = []
    for title, schema in schemas.items():
        lines = [
            f"## {title}",
            "",
            "| key | values | default | meaning |",
            "|---|---|---|---|",
        ]
        for row in list_settings(schema):
            cells = (f"`{row.key}`", row.values, f"`{row.default}`", row.meaning)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _format_yaml(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _describe_values(schema: Mapping[str, Any]) -> str:
    """Describes the values that a part of a JSON schema accepts."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_describe_values(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "")
    if kind == "array" and "items" in schema:
        return f"list of: {_describe_values(schema['items'])}"
    if kind == "array" and "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])}: {_describe_values(schema['prefixItems'][0])}"
    words = [TYPES.get(kind, "any value"), *_describe_bounds(schema)]
    return " ".join(words)


def _describe_bounds(schema: Mapping[str, Any]) -> list[str]:
    bounds = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        bounds.append(f"from {low} to {high}")
    elif low is not None:
        bounds.append(f"of {low} or more")
    elif high is not None and "exclusiveMinimum" not in schema:
        bounds.append(f"of {high} or less")
    if "exclusiveMinimum" in schema:
        bounds.append(f"above {schema['exclusiveMinimum']:g}")
        if high is not None:
            bounds.append(f"and up to {high:g}")
    if "exclusiveMaximum" in schema:
        bounds.append(f"and below {schema['exclusiveMaximum']:g}")
    if "multipleOf" in schema:
        bounds.append(f"(a multiple of {schema['multipleOf']})")
    return bounds
