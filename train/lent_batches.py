"""Batches that Keras receives for one training and that are released after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from onestroke.train.batches import StyledBatches


class LentBatches(keras.utils.PyDataset):
    """Passes on the batches of another dataset, until it is released.

    TensorFlow keeps the functions of the dataset that Keras makes until the process ends (2.21,
    ``script_ops.py``: as long as the outermost graph), with all that they refer to. Batches refer
    to the paths of all photographs.

    Args:
        batches: the batches to pass on.
    """

    def __init__(self, batches: StyledBatches) -> None:
        super().__init__(
            workers=batches.workers,
            use_multiprocessing=batches.use_multiprocessing,
            max_queue_size=batches.max_queue_size,
        )
        self._batches: StyledBatches | None = batches
        self._length = len(batches)

    def release(self) -> None:
        """Drops the batches. Threads of Keras that still read then receive an IndexError."""
        self._batches = None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Returns the batch at a position; see ``StyledBatches``."""
        batches = self._batches
        if batches is None:
            raise IndexError("the batches were released")
        return batches[position]


@contextmanager
def lend(batches: StyledBatches) -> Iterator[LentBatches]:
    """Lends batches for a block of code."""
    lent = LentBatches(batches)
    try:
        yield lent
    finally:
        lent.release()
