"""The table of settings: values and defaults in words, and the page in docs/."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from onestroke.cli.settings_command import all_schemas
from onestroke.settings_schema import Positive, Section, Share
from onestroke.settings_table import SettingRow, list_settings, settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


class Sizes(Section):
    steps: Annotated[int, Field(ge=1)] = Field(description="Steps.")
    side: Annotated[int, Field(ge=32, le=64, multiple_of=4)] = Field(32, description="Side.")
    rate: Positive | None = Field(None, description="Rate.")
    share: tuple[Share, Share] = Field((0.5, 1.0), description="Shares.")
    kind: Literal["a", "b"] = Field("a", description="Kind.")
    weights: dict[str, float] = Field(default_factory=lambda: {"x": 1.0}, description="Weights.")
    on: bool = Field(True, description="On.")


class Schema(Section):
    sizes: Sizes


def test_values_and_defaults_are_described():
    rows = {row.key: row for row in list_settings(Schema)}
    assert rows["sizes.steps"] == SettingRow(
        "sizes.steps", "integer of 1 or more", "required", "Steps."
    )
    described = {key.removeprefix("sizes."): (row.values, row.default) for key, row in rows.items()}
    assert described["side"] == ("integer from 32 to 64 (a multiple of 4)", "32")
    assert described["rate"] == ("number above 0 or null", "null")
    assert described["share"] == ("list of 2: number above 0 and up to 1", "[0.5, 1.0]")
    assert described["kind"] == ("a, b", "a")
    assert described["weights"] == ("mapping", "{x: 1.0}")
    assert described["on"] == ("true or false", "true")
    assert list_settings(Schema, "other") == []


def test_every_setting_has_a_meaning():
    for schema in all_schemas().values():
        assert all(row.meaning.endswith(".") for row in list_settings(schema))


def test_the_page_in_the_documentation_is_current():
    """`python tools/write_settings_page.py` writes the page."""
    assert settings_page(all_schemas()) in PAGE.read_text(encoding="utf-8")
