"""Models and exports are timed side by side, each in its own process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from onestroke.cli.tables import paint_timing_table
from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError, OnestrokeError, SettingsError
from onestroke.export import model_benchmark
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import write_export
from onestroke.export.model_benchmark import (
    ModelProcess,
    PaintTiming,
    benchmark_models,
    benchmark_record,
)


@pytest.fixture(scope="module")
def models(style_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A style file, a TFLite file of any size, one of 32 x 48, a SavedModel, an ONNX file."""
    folder = tmp_path_factory.mktemp("models")
    photographs = {"photograph": open_source("bundled", split="validation").read(0)}
    exports = {
        "any.tflite": ExportOptions("tflite"),
        "fixed.tflite": ExportOptions("tflite", "dynamic", (32, 48)),
        "saved": ExportOptions("saved_model"),
        "fixed.onnx": ExportOptions("onnx", size=(32, 48)),
    }
    for name, options in exports.items():
        write_export(style_file, folder / name, options, photographs=photographs)
    return [str(style_file), *(str(folder / name) for name in exports)]


def test_every_kind_of_model_is_timed(models: list[str]) -> None:
    shown: list[str] = []
    timings = benchmark_models(models, sizes=[(32, 48)], threads=[2], runs=3, show=shown.append)
    assert [(one.size, one.threads, one.model) for one in timings] == [
        ((32, 48), 2, model) for model in models
    ]
    assert shown[0] == "32x48, 2 threads: 5 models"
    assert all(len(one.seconds) == 3 and min(one.seconds) > 0 for one in timings)
    assert timings[1].bytes == Path(models[1]).stat().st_size
    peaks = {Path(one.model).name: one.peak or 0 for one in timings}
    assert 20e6 < peaks["any.tflite"] < peaks["saved"]  # whose process contains TensorFlow


def test_sizes_and_threads_are_combined(models: list[str]) -> None:
    light = [models[1], models[2], models[4]]  # their processes start without TensorFlow
    timings = benchmark_models(light, sizes=[(32, 48), (40, 40)], threads=[1, 2], runs=2)
    asked = [
        (size, threads, model)
        for size in ((32, 48), (40, 40))
        for threads in (1, 2)
        for model in light
        if model == models[1] or size == (32, 48)
    ]
    assert [(one.size, one.threads, one.model) for one in timings] == asked
    assert all(len(one.seconds) == 2 and min(one.seconds) > 0 for one in timings)


def test_sizes_follow_the_fixed_files(models: list[str]) -> None:
    (timing,) = benchmark_models([models[2], models[2]], runs=1, threads=[1, 1])
    assert timing.size == (32, 48)
    with pytest.raises(SettingsError, match=r"fixed.tflite supports only 32x48; add --size 32x48"):
        benchmark_models(models, sizes=[(64, 64)])


def test_invalid_arguments(models: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model"):
        benchmark_models([str(tmp_path / "none.keras")])
    with pytest.raises(SettingsError, match=r"expected 1 to \d+ threads on this .* 100000"):
        benchmark_models(models, threads=[1, 100_000])
    with pytest.raises(SettingsError, match=r"8x64 is not supported; choose at least 16x16"):
        benchmark_models(models, sizes=[(8, 64)])
    with pytest.raises(SettingsError, match=r"1300x2000 is not supported; .* at most 2\.1 megap"):
        benchmark_models(models, sizes=[(64, 64), (1300, 2000)])
    with pytest.raises(SettingsError, match=r"ends in \.png, \.svg or \.pdf; received plot"):
        model_benchmark.check_plot(Path("plot.bmp"))


def test_a_plot_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestroke.extras.PLOT", ("matplotlab",))
    with pytest.raises(SettingsError, match=r"plots need matplotlab; pip install 'onestroke\[pl"):
        model_benchmark.check_plot(Path("plot.png"))


def test_errors_of_the_process_are_raised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model .*none\.keras"):
        ModelProcess(str(tmp_path / "none.keras"), (32, 32), 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_killed_process(models: list[str]) -> None:
    with ModelProcess(models[2], (32, 48), 1) as process:
        assert process.ask("paint") > 0
        assert process.process.pid
        os.kill(process.process.pid, signal.SIGKILL)
        message = "was killed by signal 9, most likely because memory ran out; time fewer models"
        for request in ("paint", "peak"):
            with pytest.raises(OnestrokeError, match=message):
                process.ask(request)


def test_script_without_a_guard(models: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from onestroke.export.model_benchmark import benchmark_models\n"
        f"benchmark_models([{models[2]!r}], runs=1)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "ended with status 1 before it loaded its model" in last
    assert 'needs `if __name__ == "__main__":`' in last


def test_table_record_and_plot(tmp_path: Path) -> None:
    seconds = [0.1, 0.2, 0.3, 0.4, 0.5]
    timings = [
        PaintTiming("johnson.keras", (256, 512), 1, 7_000_000, seconds, 500_000_000),
        PaintTiming("mobile.tflite", (256, 512), 1, 240_000, [s / 10 for s in seconds], None),
        PaintTiming("mobile.tflite", (64, 64), 2, 240_000, [0.01], None),
    ]
    assert (timings[0].median, timings[0].quartiles) == (0.3, (0.2, 0.4))
    assert timings[2].quartiles == (0.01, 0.01)
    table = paint_timing_table(timings)
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["ms"] == ["300.0", "30.0", "10.0"]
    assert cells["ratio"] == ["1.00x", "10.00x", "1.00x"]
    assert cells["peak MB"] == ["500", "-", "-"]
    record = json.loads(json.dumps(benchmark_record(timings)))
    assert record["timings"][0]["seconds"] == seconds
    assert record["timings"][0]["size"] == [256, 512]
    packages = {"python", "onestroke", "tensorflow", "keras", "ai-edge-litert", "onnxruntime"}
    assert record["versions"].keys() == packages
    model_benchmark.plot_timings(timings, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 800
