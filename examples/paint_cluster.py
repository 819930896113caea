"""Paints a folder of pictures on all machines of a Ray cluster, one stylizer for each worker.

    python paint_cluster.py photos painted --model base_mobile --style the_kiss --workers 8

Input, output and model are paths that all machines can read and write, for example on a network
drive; ``base`` and ``base_mobile`` are in the package. Needs ``pip install 'onestroke[ray]'``.

A worker that dies is started again and gets its pictures again. A command that was stopped
continues with the pictures that are missing in the output folder.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.data import ActorPoolStrategy

import onestroke
from onestroke.errors import OnestrokeError
from onestroke.stylize.jobs import plan_jobs

PICTURES_PER_TASK = 8  # a worker that dies repeats as many at most


class PaintWorker:
    """Paints batches of pictures with a stylizer that is loaded once.

    Args:
        model: what ``onestroke.load`` takes.
        options: keyword arguments for the stylizer.
    """

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        self.stylizer = onestroke.load(model)
        self.options = options

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[str]]:
        """Returns a line for each picture that failed, and an empty one for the others."""
        pairs = zip(batch["source"], batch["target"], strict=True)
        return {"mistake": [self.paint(str(source), str(target)) for source, target in pairs]}

    def paint(self, source: str, target: str) -> str:
        """Paints one file and returns what went wrong, if anything."""
        try:
            picture = onestroke.read_picture(source)
            painted = self.stylizer(picture.pixels, **self.options)
            onestroke.write_picture(target, replace(picture, pixels=painted))
        except OnestrokeError as error:
            return f"{source}: {error}"
        return ""


def paint_folder(
    source: Path,
    output: Path,
    *,
    model: str,
    workers: int,
    worker: type = PaintWorker,
    **options: Any,
) -> list[str]:
    """Paints the pictures of a folder that are missing in the output folder.

    Args:
        source: the folder, with all its subfolders.
        output: the folder in which those of the source are rebuilt.
        model: what ``onestroke.load`` takes.
        workers: how many processes paint; each needs one core.
        worker: the class that paints.
        options: keyword arguments for the stylizer.

    Returns:
        A line for each picture that failed.
    """
    jobs = [job for job in plan_jobs([source], output) if not job.target.exists()]
    if not jobs:
        return []
    rows = [{"source": str(job.source), "target": str(job.target)} for job in jobs]
    tasks = -(-len(rows) // PICTURES_PER_TASK)
    painted = ray.data.from_items(rows, override_num_blocks=tasks).map_batches(
        worker,
        fn_constructor_args=(model, options),
        batch_size=PICTURES_PER_TASK,
        compute=ActorPoolStrategy(size=workers),
        num_cpus=1,
    )
    return [row["mistake"] for row in painted.iter_rows() if row["mistake"]]


def main() -> int:
    """Returns the exit status: 0 if all pictures were painted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path, help="folder of pictures")
    parser.add_argument("output", type=Path, help="folder for the painted pictures")
    parser.add_argument("--model", default="base")
    parser.add_argument("--style", help="default: that of the model")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    try:
        mistakes = paint_folder(
            chosen.source,
            chosen.output,
            model=chosen.model,
            workers=chosen.workers,
            style=chosen.style,
        )
    except OnestrokeError as error:
        mistakes = [str(error)]
    print(*mistakes, sep="\n", end="\n" if mistakes else "", file=sys.stderr)
    return 2 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
