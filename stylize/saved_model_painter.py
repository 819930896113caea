"""Painting with a SavedModel, as a server would."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onestroke.errors import ModelError
from onestroke.models.card import ModelCard, parse_card
from onestroke.stylize.paint_memory import TENSORFLOW_BYTES
from onestroke.stylize.stylizer import Piece, check_whole

CARD_FILE = Path("assets.extra", "onestroke.json")  # where TensorFlow Serving looks for extras


class SavedModelPainter:
    """Runs a SavedModel that ``onestroke export`` wrote.

    Args:
        folder: of the SavedModel.
        card: its card, if it was read already.
        signature: ``float32``, or ``serving_default``, which rounds to whole numbers.

    Raises:
        ModelError: the folder is broken, or another program wrote it.
    """

    survives_fork = False

    def __init__(
        self, folder: Path, card: ModelCard | None = None, *, signature: str = "float32"
    ) -> None:
        self.card = card or read_saved_model_card(folder)
        import tensorflow as tf  # takes seconds, so only for a folder of ours

        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: it owns the variables
            self._paint = self._loaded.signatures[signature]
            self._dtype = self._paint.structured_input_signature[1]["image"].dtype
        # For broken folders TensorFlow raises whatever error occurs first.
        except Exception as error:
            raise ModelError(f"{folder} is a broken SavedModel; export it again") from error

    def memory(self, size: tuple[int, int]) -> int:
        """See ``stylizer.Painter``."""
        return size[0] * size[1] * TENSORFLOW_BYTES[self.card.preset]

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture as one piece; see ``stylizer.Painter``.

        Raises:
            PictureError: the picture is too large to be seen whole.
        """
        import tensorflow as tf

        check_whole(picture)
        height, width = picture.shape[:2]
        inputs = {"image": tf.constant(picture[None], self._dtype)}
        if len(style) > 1:
            inputs["style"] = tf.constant(style[None])
        painted = self._paint(**inputs)["styled"].numpy()[0].astype(np.float32)
        yield (slice(0, height), slice(0, width)), painted


def is_saved_model(folder: Path) -> bool:
    """Whether the folder is a SavedModel, of any program."""
    return (folder / "saved_model.pb").is_file()


def read_saved_model_card(folder: Path) -> ModelCard:
    """Returns the card that ``onestroke export`` wrote into a SavedModel.

    Raises:
        ModelError: another program wrote the SavedModel, or the folder is broken.
    """
    try:
        values = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{folder} is not a SavedModel that `onestroke export` wrote, or is broken; export it "
            "again"
        ) from error
    return parse_card(values, str(folder))
