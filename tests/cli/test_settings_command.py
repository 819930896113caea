"""``onestroke settings``: keys, values, defaults and meanings."""

import pytest

from onestroke.cli.settings_command import all_schemas
from onestroke.settings_table import list_settings


def test_every_setting_of_every_command_is_listed(run):
    status, printed, _ = run("settings")
    assert status == 0
    for title, schema in all_schemas().items():
        part = printed.partition(f"Settings of `{title}`:")[2]
        for row in list_settings(schema):
            assert f"  {row.key}  {row.values}; default: {row.default}\n" in part


def test_a_section_is_listed_alone(run):
    _, printed, _ = run("settings", "data")
    assert "data.crop  list of: integer from 32 to 2048 (a multiple of 4)" in printed
    assert "loss." not in printed
    assert "optimize" not in printed


@pytest.mark.parametrize("section", ["dat", "train.steps"])
def test_an_unknown_section_ends_in_one_line(mistake, section):
    error = mistake("settings", section)
    assert f"unknown section {section}; the sections are network, style, loss" in error
