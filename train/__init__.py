"""Learning: settings, photographs, losses, the trainer and its callbacks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onestroke.train.training import train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    """Finds ``train`` when it is first asked for: settings are read without TensorFlow."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from onestroke.train.training import train

    return train
