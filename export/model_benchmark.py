"""Times trained styles and their exports side by side, each in its own process.

For every size and number of threads, all models are loaded first and then paint in turn, so that
other load on the machine affects all of them equally. A separate process has its own threads and
its own peak memory.
"""

import contextlib
import multiprocessing
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.child_process import follow_parent
from onestroke.errors import OnestrokeError, SettingsError, format_value, is_out_of_memory
from onestroke.export.export_options import Size, check_size
from onestroke.extras import check_plots
from onestroke.files import size_on_disk
from onestroke.machine import available_cores, describe_machine
from onestroke.pictures import format_size
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.model import Runtime, check_runtime, load, open_model
from onestroke.stylize.onnx_painter import OnnxPainter
from onestroke.stylize.runtime_file import find_runtime_file

SIZES = ((256, 256), (512, 512))  # the default
TIMED_PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "onnxruntime")
THREADS_PER_CORE = 4  # at most; each thread takes memory, and more than one gains nothing
WARMUP_RUNS = 2  # they trace graphs and fill caches


@dataclass(frozen=True)
class PaintTiming:
    """Time and memory of one model at one size, with one number of threads.

    Attributes:
        model: the file or folder, as the caller named it.
        size: height and width of the picture, in pixels.
        threads: number of threads.
        bytes: size of the file or folder.
        seconds: of every timed run, from uint8 picture to painted picture.
        peak: peak memory of the process in bytes, including the runtime; None where the system
            does not report it.
    """

    model: str
    size: Size
    threads: int
    bytes: int
    seconds: list[float]
    peak: int | None

    @property
    def median(self) -> float:
        """Median seconds of a run."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile of the seconds."""
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


def benchmark_models(
    models: Sequence[str],
    *,
    sizes: Sequence[Size] = (),
    threads: Sequence[int] = (),
    runs: int = 9,
    runtime: Runtime | None = None,
    show: Callable[[str], object] = lambda line: None,
) -> list[PaintTiming]:
    """Times every model at every size with every number of threads.

    Args:
        models: style files, run folders and exports. A file exported for a fixed size is timed
            only at that size.
        sizes: heights and widths; by default those of the fixed files, or 256 x 256 and
            512 x 512.
        threads: numbers of threads; by default one per core.
        runs: number of timed runs, after two warm-up runs.
        runtime: what runs style files and runs; see ``onestroke.load``.
        show: receives a line about each setting before its models are timed.

    A script that calls this function needs ``if __name__ == "__main__":``, since every process
    imports the script again.

    Raises:
        ModelError: a model is missing or broken.
        SettingsError: a size or a number of threads is too small or too large, or a model supports
            none of the sizes.
        OnestrokeError: a process ended early.
    """
    check_runtime(runtime)
    _check_threads(threads)
    models, sizes = list(dict.fromkeys(models)), list(dict.fromkeys(sizes))
    for size in sizes:
        check_size(size)
    fixed = {model: _only_size(model) for model in models}
    sizes = sizes or sorted({size for size in fixed.values() if size}) or SIZES
    for model, only in fixed.items():
        if only and only not in sizes:
            raise SettingsError(
                f"{model} supports only {format_size(only)}; add --size {format_size(only)}"
            )
    timings = []
    for size in sizes:
        for count in dict.fromkeys(threads or [available_cores()]):
            able = [model for model in models if fixed[model] in (None, size)]
            show(f"{format_size(size)}, {count} threads: {len(able)} models")
            timings += _time_models(able, size, count, runs, runtime)
    return timings


def _check_threads(threads: Sequence[int]) -> None:
    """Raises a SettingsError for more threads than the machine can use."""
    most = THREADS_PER_CORE * (os.cpu_count() or 1)
    if wrong := [count for count in threads if not 1 <= count <= most]:
        raise SettingsError(
            f"expected 1 to {most} threads on this machine; received {format_value(wrong[0])}"
        )


def _only_size(model: str) -> Size | None:
    """Returns the only size that a model supports, or None; checks that the model exists."""
    export = open_model(model).card.export
    return export.size if export else None


def _time_models(
    models: Sequence[str], size: Size, threads: int, runs: int, runtime: Runtime | None
) -> list[PaintTiming]:
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(ModelProcess(model, size, threads, runtime)) for model in models
        ]
        seconds: list[list[float]] = [[] for _ in models]
        for run in range(WARMUP_RUNS + runs):
            for process, timed in zip(processes, seconds, strict=True):
                duration = process.ask("paint")
                if run >= WARMUP_RUNS:
                    timed.append(duration)
        peaks = [process.ask("peak") for process in processes]
    return [
        PaintTiming(model, size, threads, size_on_disk(open_model(model).path), timed, peak)
        for model, timed, peak in zip(models, seconds, peaks, strict=True)
    ]


class ModelProcess:
    """A process that has loaded one model and paints on request; a context manager.

    Args:
        model: a style file, a run folder or an export.
        size: height and width of the picture to paint.
        threads: number of threads.
        runtime: what runs a style file or a run.

    Raises:
        OnestrokeError: the model cannot be loaded, or the process ended.
    """

    def __init__(
        self, model: str, size: Size, threads: int, runtime: Runtime | None = None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self.process = context.Process(
            target=_answer_requests, args=(there, model, size, threads, runtime), daemon=True
        )
        self.process.start()
        there.close()  # otherwise the end of the process would not close the connection
        try:
            self._receive(starting=True)
        except BaseException:
            self.__exit__()
            raise

    def ask(self, request: str) -> Any:
        """Returns the seconds of one painting for "paint", the peak memory for "peak".

        Raises:
            OnestrokeError: the process ended.
        """
        with contextlib.suppress(ConnectionError):  # _receive reports it
            self._connection.send(request)
        return self._receive()

    def __enter__(self) -> "ModelProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()  # which ends the process
        self.process.join()

    def _receive(self, *, starting: bool = False) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join()
            raise OnestrokeError(self._reason(starting)) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _reason(self, starting: bool) -> str:
        status = self.process.exitcode or 0
        if status < 0:  # a signal; the system sends it when memory runs out
            return (
                f"a process of the benchmark was killed by signal {-status}, most likely because "
                "memory ran out; time fewer models or smaller sizes at once"
            )
        if starting:
            return (
                f"a process of the benchmark ended with status {status} before it loaded its "
                'model; a script that starts a benchmark needs `if __name__ == "__main__":`'
            )
        return f"a process of the benchmark ended with status {status}"


def _answer_requests(
    connection: Connection, model: str, size: Size, threads: int, runtime: Runtime | None
) -> None:
    """Answers "paint" with seconds and "peak" with bytes, until the other end is closed."""
    follow_parent()
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # messages of runtimes; errors are sent instead
    try:
        painter = _load(model, threads, runtime)
        picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        style = np.eye(len(painter.card.styles), dtype=np.float32)[0]
        connection.send("ready")
        while True:
            if connection.recv() == "peak":
                connection.send(_peak_memory())
                continue
            start = time.perf_counter()
            for _ in painter.pieces(picture, style):
                pass
            connection.send(time.perf_counter() - start)
    except EOFError:
        return
    except OnestrokeError as error:
        connection.send(error)
    except Exception as error:
        if is_out_of_memory(error):
            connection.send(OnestrokeError(f"not enough memory for {model} at {format_size(size)}"))
        else:
            connection.send(RuntimeError(traceback.format_exc()))  # not all errors can be pickled


def _load(model: str, threads: int, runtime: Runtime | None) -> Any:
    opened = open_model(model)
    if opened.kind == "keras" and runtime != "keras":
        runtime_file = find_runtime_file(opened.path)
        if runtime_file:
            return LiteRtPainter(runtime_file, threads=threads)
    if opened.kind == "tflite":
        return LiteRtPainter(opened.path, opened.card, threads=threads)
    if opened.kind == "onnx":
        return OnnxPainter(opened.path, opened.card, threads=threads)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return load(opened, runtime=runtime if opened.kind == "keras" else None).painter


def _peak_memory() -> int | None:
    if sys.platform == "linux":
        # The value of getrusage begins with the peak of the process that started this one.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def benchmark_record(timings: Sequence[PaintTiming]) -> dict[str, Any]:
    """Returns the content of the JSON file: the machine, the versions, every run."""
    return {
        **describe_machine(TIMED_PACKAGES),
        "timings": [
            asdict(one) | {"median": one.median, "quartiles": one.quartiles} for one in timings
        ],
    }


def check_plot(path: Path) -> None:
    """Raises a SettingsError unless a plot can be drawn there."""
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise SettingsError(f"expected a plot that ends in .png, .svg or .pdf; received {path}")
    check_plots()


def plot_timings(timings: Sequence[PaintTiming], path: Path) -> None:
    """Draws the medians as bars, one group for each size and number of threads.

    Args:
        timings: at least one.
        path: ends in .png, .svg or .pdf.
    """
    from matplotlib.figure import Figure

    groups = sorted({(one.size, one.threads) for one in timings})
    height = 0.6 + sum(0.3 for _ in timings) + 0.5 * len(groups)
    figure = Figure(figsize=(9, height), layout="constrained")
    ratios = [sum((one.size, one.threads) == group for one in timings) for group in groups]
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for (size, threads), panel in zip(groups, panels, strict=True):
        ours = [one for one in timings if (one.size, one.threads) == (size, threads)][::-1]
        medians = [1000 * one.median for one in ours]
        quartiles = [[1000 * second for second in one.quartiles] for one in ours]
        errors = np.abs(np.transpose(quartiles) - medians)
        bars = panel.barh([one.model for one in ours], medians, xerr=errors, color="#3c6e8f")
        panel.bar_label(bars, fmt="%.0f ms", padding=4)
        panel.set_title(f"{format_size(size)}, {threads} thread{'s' * (threads > 1)}", fontsize=10)
        panel.margins(x=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("milliseconds a picture")
    figure.savefig(path, dpi=150)
