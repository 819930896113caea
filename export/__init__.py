"""Shipping: SavedModel and TFLite files, each compared with the model in its own runtime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onestroke.export.exporting import export
    from onestroke.export.web import export_page

__all__ = ["export", "export_page"]
_HOMES = {"export": "exporting", "export_page": "web"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"onestroke.export.{_HOMES[name]}"), name)
