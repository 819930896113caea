"""``onestroke settings``: list the settings that recipes and ``--set`` change."""

from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.terminal import out
from onestroke.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import BaseModel

EXAMPLES = ("onestroke settings", "onestroke settings loss")


def settings(
    section: Annotated[
        str | None,
        typer.Argument(
            metavar="SECTION",
            help="network, style, loss, data, train, optimize, dream or faces; default: all.",
        ),
    ] = None,
) -> None:
    """List the settings of recipes and --set, with their defaults."""
    from onestroke.settings_table import list_settings

    schemas = all_schemas()
    sections = list(
        dict.fromkeys(key for schema in schemas.values() for key in schema.model_fields)
    )
    if section not in (None, *sections):
        raise SettingsError(f"unknown section {section}; the sections are {', '.join(sections)}")
    for title, schema in schemas.items():
        if section is None or section in schema.model_fields:
            out.print(f"Settings of `{title}`:")
            for row in list_settings(schema, section):
                out.print(f"  {row.key}  {row.values}; default: {row.default}")
                out.print(f"      {row.meaning}")


def all_schemas() -> "dict[str, type[BaseModel]]":
    """Returns the schemas of settings by the command that uses them."""
    from onestroke.optimize.dream_settings import DreamSettings
    from onestroke.optimize.picture_settings import PictureSettings
    from onestroke.train.face_settings import FaceRecipe
    from onestroke.train.settings import Settings

    return {
        "onestroke train": Settings,
        "onestroke optimize": PictureSettings,
        "onestroke dream": DreamSettings,
        "onestroke faces train": FaceRecipe,
    }
