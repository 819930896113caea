"""``onestroke benchmark``: compare the speed of models, or time the parts of a training step."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from onestroke.cli.options import Overrides, Runtime
from onestroke.cli.terminal import filter_native_logs, out
from onestroke.errors import SettingsError
from onestroke.onednn import choose_onednn

EXAMPLES = (
    "onestroke benchmark --model base --model base_mobile --size 512",
    "onestroke benchmark --config cpu",
)
MODELS = "Options with --model"
TRAINING = "Options with --config"


def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A style file, a run or an export; may be repeated."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A recipe whose training to time.")] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", metavar="N|HxW", help="Picture size; may be repeated."),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Number of threads; default: one per core.", rich_help_panel=MODELS
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs or steps after a warm-up.")] = 9,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Save every run.", rich_help_panel=MODELS),
    ] = None,
    plot_file: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw bars: .png, .svg or .pdf.", rich_help_panel=MODELS
        ),
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            help="float32, mixed_bfloat16 or mixed_float16; may be repeated.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    runtime: Runtime = None,
    overrides: Overrides = None,
) -> None:
    """Compare the speed of models, or time a training step."""
    if (models is None) == (config is None):
        raise SettingsError("give either --model MODEL to time painting or --config RECIPE")
    if config:
        if threads or json_file or plot_file or runtime:
            raise SettingsError("--threads, --json, --plot and --runtime need --model")
        _benchmark_training(config, sizes or [], precisions or [], runs, overrides or [])
        return
    if precisions or overrides:
        raise SettingsError("--precision and --set need --config")
    settings = {"threads": threads or [], "runs": runs, "runtime": runtime}
    _benchmark_models(models or [], sizes or [], settings, json_file, plot_file)


def _benchmark_training(
    config: Path, sizes: list[str], precisions: list[str], steps: int, overrides: list[str]
) -> None:
    from onestroke.train.settings import read_recipe, resolve_settings

    recipe = read_recipe(config, overrides)
    choose_onednn(recipe.data.batch)  # as the training does
    if not all(size.isdecimal() for size in sizes):
        raise SettingsError(f"training crops are squares; give --size N, not {', '.join(sizes)}")
    with filter_native_logs():
        from onestroke.cli.tables import step_timing_table
        from onestroke.train.step_benchmark import benchmark_training

        settings = resolve_settings(recipe)
    crops = [int(size) for size in sizes]
    timings = benchmark_training(settings, crops=crops, precisions=precisions, steps=steps)
    out.print(step_timing_table(timings))


def _benchmark_models(
    models: list[str],
    sizes: list[str],
    settings: Mapping[str, Any],
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    from onestroke.cli.tables import paint_timing_table
    from onestroke.export import model_benchmark
    from onestroke.export.export_options import parse_size
    from onestroke.files import check_file, write_text, write_whole

    if plot_file:
        model_benchmark.check_plot(plot_file)
    for file in filter(None, (json_file, plot_file)):
        check_file(file)
    timings = model_benchmark.benchmark_models(
        models,
        sizes=[parse_size(size) for size in sizes],
        show=out.print,
        **settings,
    )
    out.print(paint_timing_table(timings))
    if json_file:
        record = json.dumps(model_benchmark.benchmark_record(timings), indent=1) + "\n"
        write_text(json_file, record)
    if plot_file:
        write_whole(plot_file, lambda path: model_benchmark.plot_timings(timings, path))
