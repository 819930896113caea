"""Keeps other processes away from a folder or a file while this one changes it."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import filelock

from onestroke.errors import OnestrokeError

# Errors of file systems without locks. Nobody can change a file of a read-only one.
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EROFS)


@contextlib.contextmanager
def hold_lock(path: Path, busy: OnestrokeError, *, timeout: float = 0) -> Iterator[None]:
    """Holds a lock that ends with the process. A file system without locks gets none.

    Args:
        path: the file of the lock, which remains.
        busy: raised while another process holds the lock.
        timeout: seconds to wait for the other process.
    """
    # A soft lock would outlive a killed process.
    lock = filelock.FileLock(path, timeout=timeout, fallback_to_soft=False)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except filelock.Timeout:
            raise busy from None
        except NotImplementedError:
            pass
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
