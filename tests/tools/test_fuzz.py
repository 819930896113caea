"""The script that loads damaged files: it counts, and finds no fault."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "tools" / "fuzz.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the script reads memory from /proc")
def test_damaged_files_are_loaded_or_refused(tmp_path: Path) -> None:
    command = [sys.executable, FUZZ, "yaml", "tiff", "--count", "15", "--output", tmp_path / "kept"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header == ["kind", "loaded", "refused", "traceback", "hang", "memory", "crash"]
    assert [row[0] for row in rows] == ["yaml", "tiff"]
    for _, *counts in rows:
        loaded, refused, *faults = map(int, counts)
        assert loaded + refused == 15
        assert not any(faults)
    assert not (tmp_path / "kept").exists()
