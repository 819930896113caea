"""onestroke: train a painting into a network that repaints any picture in one forward pass."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onestroke.errors import OnestrokeError
    from onestroke.export.export_style import export_style
    from onestroke.pictures import read_picture, write_picture
    from onestroke.stylize.model import load
    from onestroke.train.train_style import train_style

__version__ = "0.1.0"

__all__ = [
    "OnestrokeError",
    "__version__",
    "export_style",
    "load",
    "read_picture",
    "train_style",
    "write_picture",
]

# In a checkout, the sub-packages are folders beside this one. An installed package has them inside.
_CHECKOUT = Path(__file__).resolve().parents[1]
if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "stylize").is_dir():
    __path__.append(str(_CHECKOUT))

# Imported at the first use, so that `import onestroke` and `onestroke --help` stay fast.
_PUBLIC = {
    "OnestrokeError": "onestroke.errors",
    "export_style": "onestroke.export.export_style",
    "load": "onestroke.stylize.model",
    "read_picture": "onestroke.pictures",
    "train_style": "onestroke.train.train_style",
    "write_picture": "onestroke.pictures",
}
_PACKAGES = ("models", "data", "losses", "train", "optimize", "evaluate", "stylize", "export")


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
