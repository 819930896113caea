"""Programs end with the process that started them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from onestroke.child_process import end_with_parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children")

FFMPEG = """
import subprocess, sys
from onestroke.child_process import end_with_parent
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
child = subprocess.Popen(end_with_parent(sleep))
"""
BENCHMARK = """
from onestroke.export.model_benchmark import ModelProcess
model = ModelProcess("base_mobile", (64, 64), 1)
child = model.process
"""


def runs(process: int) -> bool:
    """Returns whether a process runs; a zombie waits for its new parent."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("start", [FFMPEG, BENCHMARK], ids=["ffmpeg", "benchmark"])
def test_children_end_when_their_parent_is_killed(start, tmp_path):
    rest = "print(child.pid, flush=True)\n    import time\n    time.sleep(300)\n"
    body = "\n".join(f"    {line}" for line in start.strip().splitlines())
    script = tmp_path / "start.py"
    script.write_text(f"if __name__ == '__main__':\n{body}\n    {rest}")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        ran = runs(child)
        parent.kill()
    assert ran
    deadline = time.monotonic() + 60
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(child)


def test_status_and_pipes_are_those_of_the_program():
    code = "import sys; print(sys.stdin.read(), sys.argv[1]); sys.exit(3)"
    command = end_with_parent([sys.executable, "-c", code, "a b"])
    done = subprocess.run(command, input="read", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "read a b\n")
