"""Shipping: SavedModel and TFLite files, each compared with the model in its own runtime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onestroke.export.exporting import export

__all__ = ["export"]


def __getattr__(name: str) -> Any:
    if name != "export":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("onestroke.export.exporting").export
