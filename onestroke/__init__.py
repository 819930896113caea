"""onestroke: train a painting into a network that repaints any picture in one forward pass."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onestroke.stylize.loading import load

__version__ = "0.1.0"

__all__ = ["__version__", "load"]

# Found when first asked for: `import onestroke` and `onestroke --help` start no TensorFlow.
_HOMES = {"load": "onestroke.stylize.loading"}
_ROOMS = ("models", "train", "stylize", "export")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
