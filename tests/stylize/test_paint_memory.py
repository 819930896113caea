"""A picture that does not fit into memory is refused before it is painted."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.pictures import PictureError
from onestroke.stylize.paint_files import stylize_files
from onestroke.stylize.paint_memory import PaintMemory


def cost(size):
    """A kilobyte for each pixel."""
    return 1000 * size[0] * size[1]


@pytest.fixture
def available(monkeypatch):
    """Sets the bytes that are available."""

    def set_to(bytes):
        monkeypatch.setattr("onestroke.machine.available_memory", lambda: bytes)

    return set_to


def test_a_paint_size_that_fits_is_named(available):
    available(500_000_000)
    memory = PaintMemory(cost)
    memory.check((500, 1000))
    with pytest.raises(PictureError) as caught:
        memory.check((1000, 2000))
    assert str(caught.value) == (
        "not enough memory to paint 1000x2000 pixels (height x width): about 1.5 GB are needed, "
        "0.5 GB are available; choose a paint size of 1312"
    )
    memory.check((656, 1312))
    available(0)
    memory.check((656, 1312))  # the painter has this memory
    with pytest.raises(PictureError, match="free some memory"):
        PaintMemory(cost).check((100, 100))


def test_other_pictures_of_a_folder_are_painted(available, runtime_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, size in (("large", (900, 900)), ("small", (40, 30))):
        Image.fromarray(np.full((*size, 3), 128, np.uint8)).save(f"{name}.png")
    available(10_000_000)
    results = stylize_files(["large.png", "small.png"], runtime_file, output="painted")
    large, small = results
    assert large.error is not None
    assert large.error.startswith("large.png: not enough memory to paint 900x900 pixels (")
    assert large.error.count("\n") == 0
    assert small.error is None


def test_large_pictures_take_the_memory_of_a_tile(runtime_file):
    painter = onestroke.load(runtime_file).painter
    assert painter.memory((100, 100)) < painter.memory((1000, 1000)) < 10**9
    assert painter.memory((20_000, 10_000)) < 10**9


# The highest resident memory that painting adds to that of a small picture.
PEAK = r"""
import re, sys
from pathlib import Path
import numpy as np
import onestroke
painter = onestroke.load("base_mobile", runtime=sys.argv[1]).painter
style = np.eye(len(painter.card.style_names), dtype=np.float32)[0]
peaks = []
for side in (64, 1024):
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    for _ in painter.pieces(picture, style):
        pass
    # Not ru_maxrss: a child process begins with that of its parent.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    peaks.append(1024 * int(found[1]))
print((peaks[1] - peaks[0]) / painter.memory((1024, 1024)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("runtime", ["litert", "keras"])
def test_estimates_are_near_the_memory_of_a_process(runtime):
    done = subprocess.run(
        [sys.executable, "-c", PEAK, runtime], capture_output=True, text=True, check=True
    )
    assert 0.6 < float(done.stdout) < 1.5
