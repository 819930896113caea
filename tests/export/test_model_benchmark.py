"""Models and exports are timed side by side, each in a process of its own."""

import json
import multiprocessing
from pathlib import Path

import pytest
from PIL import Image

from onestroke.cli.tables import paint_timing_table
from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError, OnestrokeError, SettingsError
from onestroke.export import model_benchmark
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import write_export
from onestroke.export.model_benchmark import PaintTiming, benchmark_models, benchmark_record


@pytest.fixture(scope="module")
def models(style_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The style file, a TFLite file of any size, one of 32 x 48, and a SavedModel."""
    folder = tmp_path_factory.mktemp("models")
    photographs = {"photograph": open_source("bundled", split="validation").read(0)}
    exports = {
        "any.tflite": ExportOptions("tflite"),
        "fixed.tflite": ExportOptions("tflite", "dynamic", (32, 48)),
        "saved": ExportOptions("saved_model"),
    }
    for name, options in exports.items():
        write_export(style_file, folder / name, options, photographs=photographs)
    return [str(style_file), *(str(folder / name) for name in exports)]


def test_every_model_at_every_size_it_takes(models: list[str]) -> None:
    told: list[str] = []
    timings = benchmark_models(
        models, sizes=[(32, 48), (40, 40)], threads=[1, 2], runs=3, show=told.append
    )
    fixed = models[2]
    asked = [
        (size, threads, model)
        for size in ((32, 48), (40, 40))
        for threads in (1, 2)
        for model in models
        if model != fixed or size == (32, 48)
    ]
    assert [(one.size, one.threads, one.model) for one in timings] == asked
    assert told[0] == "32x48, 1 threads: 4 models"
    assert all(len(one.seconds) == 3 and min(one.seconds) > 0 for one in timings)
    assert timings[1].bytes == Path(models[1]).stat().st_size
    peaks = {Path(one.model).name: one.peak or 0 for one in timings}
    assert 20e6 < peaks["any.tflite"] < peaks["saved"]  # which has TensorFlow in its process


def test_sizes_follow_the_fixed_files(models: list[str]) -> None:
    (timing,) = benchmark_models([models[2], models[2]], runs=1, threads=[1, 1])
    assert timing.size == (32, 48)
    with pytest.raises(SettingsError, match=r"fixed.tflite takes 32x48 alone; add --size 32x48"):
        benchmark_models(models, sizes=[(64, 64)])


def test_mistakes(models: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model"):
        benchmark_models([str(tmp_path / "none.keras")])
    with pytest.raises(SettingsError, match=r"at least 16x16 pixels and .*; received 8x64"):
        benchmark_models(models, sizes=[(8, 64)])
    with pytest.raises(SettingsError, match=r"at most 2\.1 megapixels; received 1300"):
        benchmark_models(models, sizes=[(64, 64), (1300, 2000)])
    with pytest.raises(SettingsError, match=r"ends in \.png, \.svg or \.pdf; received plot"):
        model_benchmark.check_plot(Path("plot.bmp"))


def test_a_plot_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestroke.extras.PLOT", ("matplotlab",))
    with pytest.raises(SettingsError, match=r"plots need matplotlab; pip install 'onestroke\[pl"):
        model_benchmark.check_plot(Path("plot.png"))


def test_what_happens_in_the_process_is_told() -> None:
    here, there = multiprocessing.Pipe()
    there.send(ModelError("broken"))
    with pytest.raises(ModelError, match="broken"):
        model_benchmark._answer(here)
    there.close()
    with pytest.raises(OnestrokeError, match="a process of the model_benchmark died"):
        model_benchmark._answer(here)
    with pytest.raises(OnestrokeError, match="a process of the model_benchmark died"):
        model_benchmark._ask(here, "paint")


def test_a_killed_process_that_had_not_read_its_question() -> None:
    here, there = multiprocessing.Pipe()
    here.send("paint")
    there.close()
    with pytest.raises(OnestrokeError, match="a process of the model_benchmark died"):
        model_benchmark._answer(here)


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
    packages = {"python", "onestroke", "tensorflow", "keras", "ai-edge-litert"}
    assert record["versions"].keys() == packages
    model_benchmark.plot(timings, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 800
