"""Shipping: SavedModel and TFLite files, each compared with the model in its own runtime."""

from onestroke.export.exporting import export
from onestroke.export.web import export_page

__all__ = ["export", "export_page"]
