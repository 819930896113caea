"""Training batches. Each batch is a function of the seed and of its number alone.

There is random access and no shuffle buffer. The photographs, crops and flips of a batch are drawn
from (seed, number), in any order and in any thread. A run that is resumed at step k therefore reads
the batches of an uninterrupted run, and nothing has to be replayed.
"""

import functools
import itertools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from PIL import Image

from onestroke.data.photograph_sources import DataError, Photographs
from onestroke.machine import available_cores
from onestroke.pictures import PictureAccessError, PictureError, largest_deviation
from onestroke.train.processes import ALONE, Place

logger = logging.getLogger("onestroke.train.batches")

MAX_BROKEN_SHARE = 0.1
"""Largest share of broken files. More of them suggest that the collection is wrong."""

MAX_UNREACHABLE = 10
"""So many failures of the drive in a row end the training; the photographs may be sound."""

FLAT_DEVIATION = 1.0
"""A crop with a smaller standard deviation, in levels of 255, in every channel is of one colour."""

MAX_FLAT = 50
"""So many crops of one colour in a row end the training."""

MIN_SAMPLE = 50
"""The share is computed from at least so many files, so that one early file cannot stop a run."""

# First numbers of the seeds, so that the random numbers of two purposes are independent.
_ORDER, _CROP = 1, 2


class PhotographBatches(keras.utils.PyDataset):
    """Batches of square crops of photographs, resized without distortion.

    Every epoch visits each photograph once, in a new order. A photograph that cannot be read is
    replaced by another one, logged once, and recorded in ``broken``. If more than a tenth of the
    photographs are broken, a DataError ends the training. The error is also stored in ``failure``,
    because Keras replaces errors of its worker threads.

    A crop of one colour is replaced, too. Its features do not vary, so that each instance
    normalisation multiplies their gradient by the inverse root of its epsilon: after fifteen of
    them it was 1e22, and its square is infinite in 32 bits.

    Args:
        photographs: the photographs.
        batch: pictures per batch, of all processes.
        crop: height and width of each picture, in pixels.
        seed: seed of all random numbers, 0 or more.
        first_step: number of the batch at position 0.
        last_step: number of the batch after the last one.
        scale: smallest and largest side of a crop before it is resized, as shares of the short side
            of the photograph. A crop is never smaller than ``crop``, so that only photographs that
            are smaller themselves are enlarged.
        flip: whether half of the crops are mirrored left to right.
        workers: threads that read ahead; by default one per core, at most 16.
        place: of this process, which reads its share of each batch.

    Output shape:
        (batch / processes, crop, crop, 3) float32 RGB in [0, 255].
    """

    def __init__(
        self,
        photographs: Photographs,
        *,
        batch: int,
        crop: int,
        seed: int,
        first_step: int = 0,
        last_step: int,
        scale: tuple[float, float] = (0.5, 1.0),
        flip: bool = True,
        workers: int | None = None,
        place: Place = ALONE,
    ) -> None:
        workers = workers or min(16, available_cores())
        # Eight batches compensate for a slow file; they take 12 MB with 4 pictures of 256x256.
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"expected a scale of 0 < low <= high <= 1; received {scale}")
        if not 0 <= first_step <= last_step:
            raise ValueError(
                f"expected 0 <= first_step <= last_step; received {first_step} and {last_step}"
            )
        if batch < 1 or crop < 1 or seed < 0:
            raise ValueError(
                "expected batch and crop of at least 1 and a seed of at least 0; "
                f"received {batch}, {crop} and {seed}"
            )
        self.photographs = photographs
        self.batch = batch
        self.crop = crop
        self.seed = seed
        self.first_step = first_step
        self.last_step = last_step
        self.scale = scale
        self.flip = flip
        self.place = place
        self.broken: dict[int, str] = {}
        self.failure: DataError | None = None
        self._unreachable = 0
        self._seen = np.zeros(len(photographs), bool)
        self._lock = threading.Lock()

    def follow(self, before: "PhotographBatches") -> None:
        """Takes over which photographs other batches found broken."""
        self.broken, self._seen = before.broken, before._seen

    def __len__(self) -> int:
        return self.last_step - self.first_step

    def __getitem__(self, position: int) -> np.ndarray:
        """Reads the batch of step ``first_step + position``."""
        if not 0 <= position < len(self):
            raise IndexError(f"expected a position below {len(self)}; received {position}")
        return np.stack([self._crop(draw) for draw in self._draws(position)])

    def _draws(self, position: int) -> np.ndarray:
        """Returns the numbers of the draws of this process at a position."""
        first = (self.first_step + position) * self.batch
        return first + np.array(self.place.share_of(self.batch))

    def _crop(self, draw: int) -> np.ndarray:
        """Returns the crop of one draw, ``(crop, crop, 3)`` float32; draws count from the start."""
        flat = 0
        for attempt in itertools.count():
            if self.failure is not None:
                raise self.failure  # from another thread
            random = np.random.default_rng([_CROP, self.seed, draw, attempt])
            index = self._choose(draw, attempt, random)
            share = random.uniform(*self.scale)
            down, right, mirror = random.random(3)
            pixels = self._read(index, int(np.ceil(self.crop / share)))
            if pixels is None:
                continue
            crop = _cut(pixels, self.crop, share, (down, right))
            if largest_deviation(crop) < FLAT_DEVIATION:
                flat += 1
                if flat == MAX_FLAT:
                    self.failure = DataError(
                        f"{MAX_FLAT} crops in a row are of one colour, the last one of "
                        f"{self.photographs.name(index)}; name other photographs with --data"
                    )
                continue
            if self.flip and mirror < 0.5:
                crop = crop[:, ::-1]
            return crop.astype(np.float32)
        raise AssertionError("unreachable: the count is endless")

    def _choose(self, draw: int, attempt: int, random: np.random.Generator) -> int:
        count = len(self.photographs)
        if attempt > 0:  # a replacement for a broken photograph
            return int(random.integers(count))
        epoch, place = divmod(draw, count)
        return int(_order(self.seed, epoch, count)[place])

    def _read(self, index: int, shrink_to: int) -> np.ndarray | None:
        if index in self.broken:
            return None
        try:
            pixels = self.photographs.read(index, shrink_to)
        except PictureAccessError as error:  # not the photograph's fault: it is tried again later
            self._record_unreachable(str(error))
            return None
        except PictureError as error:
            self._record_broken(index, str(error))
            return None
        self._unreachable = 0
        self._seen[index] = True
        return pixels

    def _record_unreachable(self, message: str) -> None:
        with self._lock:
            self._unreachable += 1
            logger.warning("skipped a photograph for now: %s", message)
            if self._unreachable >= MAX_UNREACHABLE and self.failure is None:
                self.failure = DataError(
                    f"{self._unreachable} photographs in a row could not be read; {message}"
                )

    def _record_broken(self, index: int, message: str) -> None:
        with self._lock:
            if index in self.broken:  # another thread was faster
                return
            self._seen[index] = True
            self.broken[index] = message
            logger.warning("skipped a photograph: %s", message)
            broken, seen = len(self.broken), int(self._seen.sum())
            sample = max(seen, min(len(self.photographs), MIN_SAMPLE))
            if broken > MAX_BROKEN_SHARE * sample and self.failure is None:
                self.failure = DataError(
                    f"{broken} of the {seen} photographs read so far cannot be read, out of "
                    f"{len(self.photographs)}; repair or remove them; the last one: {message}"
                )


class StyledBatches(PhotographBatches):
    """Batches of photographs with the styles to paint them in. The styles take turns.

    Args:
        photographs: the photographs.
        styles: number of styles.
        options: see ``PhotographBatches``.

    Output shape:
        A dictionary of ``image``, see ``PhotographBatches``, and ``style``,
        ``(batch / processes, styles)`` float32, one-hot.
    """

    def __init__(self, photographs: Photographs, *, styles: int, **options: Any) -> None:
        super().__init__(photographs, **options)
        self.styles = np.eye(styles, dtype=np.float32)

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:  # type: ignore[override]
        """Reads the batch of step ``first_step + position``."""
        turns = self._draws(position) % len(self.styles)
        return {"image": super().__getitem__(position), "style": self.styles[turns]}


def pipeline_rate(batches: PhotographBatches, seconds: float) -> float:
    """Measures the pictures per second of the batches when nothing else runs.

    As many threads as in training read them in order, and start again at the end.
    """
    positions = itertools.count()
    start = time.perf_counter()

    def read() -> int:
        done = 0
        while time.perf_counter() - start < seconds:
            batches[next(positions) % len(batches)]
            done += 1
        return done

    threads = max(1, batches.workers)
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(read) for _ in range(threads)]
        done = sum(job.result() for job in jobs)
    return done * batches.batch / (time.perf_counter() - start)


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Returns the order of one epoch. Batches at the end of an epoch use two of them."""
    return np.random.default_rng([_ORDER, seed, epoch]).permutation(
        np.arange(count, dtype=np.int32)
    )


def _cut(pixels: np.ndarray, crop: int, share: float, place: tuple[float, float]) -> np.ndarray:
    """Cuts a square and resizes it with antialiasing in one pass.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        crop: side of the result, in pixels.
        share: side of the square as a share of the short side; a square is at least ``crop`` wide.
        place: vertical and horizontal position of the square, in [0, 1).

    Returns:
        ``(crop, crop, 3)`` uint8.
    """
    height, width = pixels.shape[:2]
    short = min(height, width)
    side = max(share * short, min(crop, short))
    top, left = place[0] * (height - side), place[1] * (width - side)
    box = (left, top, min(left + side, width), min(top + side, height))  # rounding may exceed
    image = Image.fromarray(pixels)
    # A gap of 3 averages whole blocks first, without a visible difference (Pillow's manual).
    return np.asarray(image.resize((crop, crop), Image.Resampling.BICUBIC, box, reducing_gap=3))
