"""The public function that trains a style."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestroke.data.paintings import find_paintings
from onestroke.models.keras_defaults import check_backend
from onestroke.progress import Progress
from onestroke.train.settings import compose_recipe

if TYPE_CHECKING:
    from onestroke.train.training import Trained


def train_style(
    paintings: Path | str | Sequence[Path | str],
    *,
    folder: Path | str,
    photographs: Path | str | Sequence[Path | str] = "bundled",
    recipe: Path | str | None = None,
    init: Path | str | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
    **overrides: Any,
) -> "Trained":
    """Trains a network that paints in the style of a painting.

    An interrupted training is resumed by the same call.

    TensorFlow keeps the graph of each training until the process ends: ten trainings of a mobile
    network grew by 40 MB each. Run very many trainings in processes of their own.

    Args:
        paintings: a picture, a folder of pictures, or several; each picture is one style.
        folder: the run folder: new, empty, or of a run with equal settings.
        photographs: folders, globs, ``tfds:NAME[:SPLIT]`` or ``bundled``.
        recipe: the file or the name of a recipe; ``cpu`` by default, ``new_style`` with ``init``.
        init: a style file, a run folder or ``base``; the new styles are added to its styles.
        show: called after every step with the progress.
        overrides: changed settings as ``section__key=value``, for example ``train__steps=500``.

    Returns:
        The trained style file and the losses that it reached.

    Raises:
        OnestrokeError: a setting, a file or the folder is missing, broken or does not fit.

    Example:
        >>> trained = onestroke.train_style("wave.jpg", photographs="photos", folder="runs/wave")
        >>> trained.style_file
    """
    check_backend()  # before Keras is imported, which fails without its backend
    named = [paintings] if isinstance(paintings, Path | str) else paintings
    sources = [photographs] if isinstance(photographs, Path | str) else photographs
    settings, _ = compose_recipe(
        Path(recipe) if recipe else (None if init else Path("cpu")),
        init=None if init is None else str(init),
        styles=find_paintings([str(name) for name in named]),
        sources=[str(source) for source in sources],
        overrides=[
            f"{key.replace('__', '.', 1)}={json.dumps(value)}" for key, value in overrides.items()
        ],
    )
    from onestroke.train.training import train

    return train(settings, folder, show=show)
