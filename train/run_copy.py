"""The run folder that each process of a training writes to.

Process 0 writes to the run itself. The others run the same code, so they get a copy of what a
resume reads, write to that, and delete it. All of them then resume at the same step, and the
folder need not be on a drive that all machines can reach.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from onestroke.train.processes import any_process, broadcast, find_place
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import Settings


@contextlib.contextmanager
def open_run(run: RunFolder, settings: Settings) -> Iterator[RunFolder]:
    """Locks a run for a training, and gives the processes other than 0 copies of it.

    Args:
        run: the run; it exists for process 0.
        settings: of the run.

    Raises:
        ModelError: another training uses the folder.
    """
    if find_place().number == 0:
        with run.locked():
            _copy(run, run)
            yield run
            any_process(False)  # ends only when the others have ended
        return
    with tempfile.TemporaryDirectory(prefix="onestroke-") as folder:
        copy = RunFolder(Path(folder) / "run")
        copy.begin(settings)
        _copy(run, copy)
        yield copy
        any_process(False)


def _copy(run: RunFolder, copy: RunFolder) -> None:
    """Copies the files that decide where and how a run is resumed."""
    first = find_place().number == 0
    names = json.loads(broadcast(json.dumps(_list_files(run)).encode() if first else b""))
    for name in names if find_place().count > 1 else []:
        content = broadcast((run.path / name).read_bytes() if first else b"")
        if not first:
            (copy.path / name).write_bytes(content)


def _list_files(run: RunFolder) -> list[str]:
    checkpoints = [run.checkpoint_file(step) for step in run.checkpoint_steps()]
    files = [run.metrics_file, run.style_file, *checkpoints]
    return [str(file.relative_to(run.path)) for file in files if file.is_file()]
