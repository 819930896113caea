"""A stylizer that was loaded before a fork, as `gunicorn --preload` does it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from onestroke.errors import SettingsError
from onestroke.stylize.stylizer import Stylizer

FORK = """
import os, signal, sys
import numpy as np
import onestroke
stylizer = onestroke.load(sys.argv[1])
picture = np.random.default_rng(0).integers(0, 256, (560, 560, 3), dtype=np.uint8)
expected = stylizer(picture)
for _ in range(2):
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        os._exit(0 if (stylizer(picture) == expected).all() else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("model", ["base_mobile", "base"])  # the plain and the frugal runner
def test_litert_paints_after_a_fork(model):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, model], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


class Tensorflow:
    """A painter that waits for ever after a fork."""

    survives_fork = False

    def memory(self, size):
        return 0


def test_tensorflow_after_a_fork_ends_in_one_line(monkeypatch):
    stylizer = Stylizer(Tensorflow())
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(SettingsError, match=r"loaded before this process was forked, .* LiteRT"):
        stylizer(np.zeros((20, 20, 3), np.uint8))
