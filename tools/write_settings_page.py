"""Writes docs/settings.md, the tables of all settings, from the schemas.

python tools/write_settings_page.py
"""

from pathlib import Path

from onestroke.cli.settings_command import all_schemas
from onestroke.settings_table import settings_page

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
INTRODUCTION = """# Settings

A recipe is a YAML file with these keys; `--set section.key=value` changes one. `onestroke settings`
prints the same list. This page is written by `python tools/write_settings_page.py`.

"""


def main() -> None:
    """Writes the page."""
    PAGE.write_text(INTRODUCTION + settings_page(all_schemas()), encoding="utf-8")


if __name__ == "__main__":
    main()
