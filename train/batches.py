"""Photographs to training batches, each batch a function of the seed and its number alone.

Random access instead of a shuffle buffer: whichever batch is asked for, in whichever thread, its
photographs, windows and flips are drawn from (seed, number). A run resumed at step k therefore
reads the batches that an unbroken run would have read, with nothing to replay.
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
from onestroke.pictures import PictureAccessError, PictureError

logger = logging.getLogger("onestroke.train.batches")

MAX_BROKEN_SHARE = 0.1
"""More broken files than this and the collection itself is in doubt, so training stops."""

MAX_UNREACHABLE = 10
"""So many failures of the drive in a row end the training; the photographs may be sound."""

MIN_SAMPLE = 50
"""The share of broken files is taken of at least so many, or the first bad one would stop a run."""

# First words of the seeds, so that the streams of two purposes never coincide.
_ORDER, _WINDOW = 1, 2


class PhotographBatches(keras.utils.PyDataset):
    """Batches of square windows, cut from photographs and resized without distortion.

    Photographs are visited in a new order in every epoch, each once. Those that cannot be read are
    replaced by others, named in the log once, and kept in `broken`; if they are more than a tenth
    of those seen, `DataError` ends the training. Keras buries what is raised in its worker threads,
    so the error is also kept in `failure`.

    Args:
        photographs: what to read.
        batch: pictures per batch.
        crop: height and width of each, in pixels.
        seed: not negative; another seed gives other batches.
        first_step: the number of the batch at position 0.
        last_step: the number of the batch after the last; Keras' progress ends here.
        scale: the least and the greatest side of a window, as shares of the photograph's short
            side. A window is never smaller than `crop`, so that nothing is enlarged, unless the
            whole photograph is.
        flip: mirror half of the windows, left to right.
        workers: threads that read ahead; as many as the machine has cores, up to 16, by default.

    Output shape:
        (batch, crop, crop, 3) float32 RGB in [0, 255].
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
    ) -> None:
        workers = workers or min(16, available_cores())
        # Eight batches ahead ride out a slow file and hold little memory: 12 MB of 4 at 256x256.
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
        self.broken: dict[int, str] = {}
        self.failure: DataError | None = None
        self._unreachable = 0
        self._seen = np.zeros(len(photographs), bool)
        self._lock = threading.Lock()

    def follow(self, before: "PhotographBatches") -> None:
        """Go on from other batches of the same photographs: what they found broken stays known."""
        self.broken, self._seen = before.broken, before._seen

    def __len__(self) -> int:
        return self.last_step - self.first_step

    def __getitem__(self, position: int) -> np.ndarray:
        """Read the batch of step `first_step + position`, whatever was read before."""
        if not 0 <= position < len(self):
            raise IndexError(f"expected a position below {len(self)}; received {position}")
        first = (self.first_step + position) * self.batch
        return np.stack([self._window(draw) for draw in range(first, first + self.batch)])

    def _window(self, draw: int) -> np.ndarray:
        """The window of one draw, counted from the start of the run; (crop, crop, 3) float32."""
        for attempt in itertools.count():
            if self.failure is not None:
                raise self.failure  # another thread met it: no sense in reading on
            random = np.random.default_rng([_WINDOW, self.seed, draw, attempt])
            index = self._choose(draw, attempt, random)
            share = random.uniform(*self.scale)
            down, right, mirror = random.random(3)
            pixels = self._read(index, int(np.ceil(self.crop / share)))
            if pixels is None:
                continue
            window = _cut(pixels, self.crop, share, (down, right))
            if self.flip and mirror < 0.5:
                window = window[:, ::-1]
            return window.astype(np.float32)
        raise AssertionError("unreachable: the count is endless")

    def _choose(self, draw: int, attempt: int, random: np.random.Generator) -> int:
        count = len(self.photographs)
        if attempt > 0:  # a replacement: any photograph will do
            return int(random.integers(count))
        epoch, place = divmod(draw, count)
        return int(_order(self.seed, epoch, count)[place])

    def _read(self, index: int, shrink_to: int) -> np.ndarray | None:
        if index in self.broken:
            return None
        try:
            pixels = self.photographs.read(index, shrink_to)
        except PictureAccessError as error:  # not the photograph's fault: it is tried again later
            self._note_unreachable(str(error))
            return None
        except PictureError as error:
            self._note_broken(index, str(error))
            return None
        self._unreachable = 0
        self._seen[index] = True
        return pixels

    def _note_unreachable(self, message: str) -> None:
        with self._lock:
            self._unreachable += 1
            logger.warning("skipped a photograph for now: %s", message)
            if self._unreachable >= MAX_UNREACHABLE and self.failure is None:
                self.failure = DataError(
                    f"{self._unreachable} photographs in a row could not be read; {message}"
                )

    def _note_broken(self, index: int, message: str) -> None:
        with self._lock:
            if index in self.broken:  # two threads met it at once
                return
            self._seen[index] = True
            self.broken[index] = message
            logger.warning("skipped a photograph: %s", message)
            broken, seen = len(self.broken), int(self._seen.sum())
            sample = max(seen, min(len(self.photographs), MIN_SAMPLE))
            if broken > MAX_BROKEN_SHARE * sample and self.failure is None:
                self.failure = DataError(
                    f"{broken} of the {seen} photographs read so far cannot be read, out of "
                    f"{len(self.photographs)}; mend or remove them; the last one: {message}"
                )


class StyledBatches(PhotographBatches):
    """Photographs with the styles to paint them in, which take turns.

    Args:
        styles: how many there are.
        options: of ``PhotographBatches``.

    Output: a dictionary of ``image``, see ``PhotographBatches``, and ``style``, ``(batch,
        styles)`` float32, one-hot.
    """

    def __init__(self, photographs: Photographs, *, styles: int, **options: Any) -> None:
        super().__init__(photographs, **options)
        self.styles = np.eye(styles, dtype=np.float32)

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:  # type: ignore[override]
        """Read the batch of step `first_step + position`, whatever was read before."""
        first = (self.first_step + position) * self.batch
        turns = np.arange(first, first + self.batch) % len(self.styles)
        return {"image": super().__getitem__(position), "style": self.styles[turns]}


def pipeline_rate(batches: PhotographBatches, seconds: float) -> float:
    """Measure the pictures per second that the batches give when nothing else runs.

    They are read in as many threads as in training, from the first on, and from the first again if
    they run out.
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
    """The order of one epoch. Two are in use where epochs meet, in training and in validation."""
    return np.random.default_rng([_ORDER, seed, epoch]).permutation(
        np.arange(count, dtype=np.int32)
    )


def _cut(pixels: np.ndarray, crop: int, share: float, place: tuple[float, float]) -> np.ndarray:
    """Cut a square window and resize it, antialiased, in one pass.

    Args:
        pixels: (height, width, 3) uint8.
        crop: side of the result, in pixels.
        share: side of the window, as a share of the short side; more if that is below `crop`.
        place: where the window is between top and bottom, left and right, in [0, 1).

    Returns:
        (crop, crop, 3) uint8.
    """
    height, width = pixels.shape[:2]
    short = min(height, width)
    side = max(share * short, min(crop, short))
    top, left = place[0] * (height - side), place[1] * (width - side)
    box = (left, top, min(left + side, width), min(top + side, height))  # rounding may overshoot
    image = Image.fromarray(pixels)
    # A gap of 3 first averages whole blocks; Pillow calls the result indistinguishable.
    return np.asarray(image.resize((crop, crop), Image.Resampling.BICUBIC, box, reducing_gap=3))
