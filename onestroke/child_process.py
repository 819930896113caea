"""Programs that end when the process that started them ends, even by a kill."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

# Of prctl(2): the kernel kills the process when the thread that started it ends. The setting is
# kept when another program takes the place of Python.
_PR_SET_PDEATHSIG = 1
_LAUNCHER = f"""
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, signal.SIGKILL)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def end_with_parent(command: Sequence[str]) -> list[str]:
    """Returns a command whose program ends with this process, on Linux.

    On other systems, the program runs until its pipes are closed. ``preexec_fn`` of ``subprocess``
    is no alternative: it runs Python between fork and exec, which may hang in a process with
    threads.

    Args:
        command: the full path of the program, and its arguments.
    """
    if sys.platform != "linux" or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]


def follow_parent() -> None:
    """Makes this process end with the one that started it, on Linux, also in native code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
