"""Training on several machines: one process on each, joined by JAX (``jax.distributed``).

Every process runs the same code on its pictures of every batch, because all must call the
operations in which they exchange arrays in the same order.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from onestroke.backend import runs_on_jax
from onestroke.errors import OnestrokeError, SettingsError, shorten_text
from onestroke.models.keras_defaults import check_backend

# The environment variables of keras.distribution.initialize. That function also exchanges a seed
# through the processors of all machines, which is not needed here.
ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"

# JAX 0.10 has one class for all errors of a computation.
LOST = re.compile(r"gloo|nccl|coordination|unavailable|connection|socket", re.IGNORECASE)


class LostProcessError(OnestrokeError):
    """Another process of the training ended or cannot be reached."""


@dataclass(frozen=True)
class Place:
    """The place of this process in a training.

    Attributes:
        number: of this process; process 0 writes the run folder.
        count: how many processes train together.
    """

    number: int = 0
    count: int = 1

    def share_of(self, batch: int) -> range:
        """Returns the positions of this process' pictures in a batch.

        Args:
            batch: pictures of all processes; a multiple of their number.
        """
        size = batch // self.count
        return range(self.number * size, (self.number + 1) * size)


ALONE = Place()


def join_processes() -> None:
    """Joins the processes of a training; a process that was started alone is left as it is.

    The processes are those of the three environment variables of Keras, or those that SLURM or
    Kubernetes started, as JAX finds them. JAX must not have computed before.

    Raises:
        SettingsError: the variables are incomplete or wrong, or Keras does not run on JAX.
    """
    count = _read_number(COUNT)
    if count == 1 or not (count or _is_launched()):
        return
    check_backend("jax")
    import jax

    if jax.distributed.is_initialized():
        return
    addresses = os.environ.get(ADDRESSES, "").partition(",")[0]
    number = _read_number(NUMBER)
    try:
        jax.distributed.initialize(
            coordinator_address=addresses or None,
            num_processes=count,
            process_id=number,
        )
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        raise SettingsError(
            f"cannot join the processes of the training: {_first_line(error)}; set {ADDRESSES} to "
            f"HOST:PORT of process 0, {COUNT} and {NUMBER}; {COUNT}=1 trains alone"
        ) from error


def _is_launched() -> bool:
    """Returns whether SLURM or Kubernetes started this process as one of several, for JAX."""
    if not runs_on_jax():
        return False
    # JAX asks Kubernetes through the package of that name, for jobs with numbered processes.
    kubernetes = "JOB_COMPLETION_INDEX" in os.environ and find_spec("kubernetes") is not None
    return kubernetes or (_read_number("SLURM_STEP_NUM_TASKS") or 1) > 1


def _read_number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text and not text.isdecimal():
        raise SettingsError(f"{variable}={text} is not a number; correct or unset it")
    return int(text) if text else None


def is_joined() -> bool:
    """Returns whether this process belongs to several that JAX joined; JAX is not imported."""
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()


def find_place() -> Place:
    """Returns the place of this process; ``ALONE`` if no others were joined."""
    if not is_joined():
        return ALONE
    import jax

    return Place(jax.process_index(), jax.process_count())


def broadcast(content: bytes = b"") -> bytes:
    """Returns what process 0 passes. All processes must call it.

    Args:
        content: of process 0; ignored elsewhere.
    """
    if find_place().count == 1:
        return content
    from jax.experimental.multihost_utils import broadcast_one_to_all

    length = int(broadcast_one_to_all(np.int32(len(content))))
    own = np.frombuffer(content, np.uint8) if find_place().number == 0 else np.zeros(length, "u1")
    return bytes(broadcast_one_to_all(own))


def any_process(flag: bool) -> bool:
    """Returns whether the flag is set in any process. All processes must call it."""
    if find_place().count == 1:
        return flag
    from jax.experimental.multihost_utils import process_allgather

    return bool(process_allgather(np.int32(flag)).any())


@contextlib.contextmanager
def explain_lost_processes() -> Iterator[None]:
    """Converts JAX's errors about a lost process to a LostProcessError.

    Often JAX notices the loss in a thread of its own and aborts this process; see ``cli.terminal``.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_joined() or not LOST.search(str(error)):
            raise
        raise LostProcessError(
            f"another process of the training ended or cannot be reached "
            f"({_first_line(error)}); start the same command on all machines to resume"
        ) from error


def _first_line(error: Exception) -> str:
    return shorten_text(str(error).partition("\n")[0].rstrip("."))
