"""The commands that use a trained style: paint, export, serve, time and describe it."""

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from onestroke.errors import OnestrokeError, SettingsError
from onestroke.terminal import out, quiet_tensorflow
from onestroke.weights import parse_weights

BASE = Path("base")  # the network in the package that every command paints with by default
REPRESENTATIVE = 32  # photographs that int8 measures its ranges on; more change little


def stylize(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Pictures or folders.")],
    output: Annotated[Path, typer.Option(help="A picture for one input, else a folder.")],
    model: Annotated[Path, typer.Option(help="A style file, a finished run or an export.")] = BASE,
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:WEIGHT]", help="A style of the model; several are blended."),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="From 0, the photograph, to 1, the full style.")
    ] = 1.0,
    preserve_color: Annotated[
        bool, typer.Option("--preserve-color", help="Keep the photograph's colours.")
    ] = False,
    max_size: Annotated[
        int | None, typer.Option(help="Longest side of the result, in pixels.")
    ] = None,
    paint_size: Annotated[
        int | None,
        typer.Option(help="Paint at this long side and enlarge: larger strokes, the same size."),
    ] = None,
) -> None:
    """Paint pictures in one forward pass each."""
    from onestroke.stylize.files import FileResult, PaintOptions, stylize_files

    done = 0

    def report(result: FileResult, count: int) -> None:
        nonlocal done
        done += 1
        outcome = f"onestroke: {result.error}" if result.error else f"{result.target}"
        out.print(f"{done}/{count}  {result.seconds:.1f} s  {outcome}")

    weights = parse_weights(style) if style else None
    options = PaintOptions(strength, preserve_color, weights, max_size, paint_size)
    with quiet_tensorflow():
        results = stylize_files(inputs, model, output=output, options=options, report=report)
    broken = [result for result in results if result.error]
    if broken:
        raise OnestrokeError(
            f"{len(broken)} of {len(results)} pictures could not be painted, for the reasons "
            f"above: {', '.join(str(result.source) for result in broken)}"
        )


def styles(
    model: Annotated[Path, typer.Option(help="A style file, a run or an export.")] = BASE,
) -> None:
    """List the styles of a model, by default those in the package."""
    from onestroke.models.style_file import painted_styles
    from onestroke.stylize.loading import read_captions, read_notice, read_style_names

    captions = read_captions(model)
    names = painted_styles(read_style_names(model))
    width = max(map(len, names), default=0)
    for name in names:
        out.print(f"{name:{width}}  {captions.get(name, '')}".rstrip())
    if notice := read_notice(model):
        out.print(notice)


def gallery(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PHOTO…", help="Pictures or folders; 64 at most.")
    ],
    output: Annotated[Path, typer.Option(help="The page, .html; a .png is written beside it.")],
    models: Annotated[
        list[Path] | None,
        typer.Option("--model", help="What to show; several one after another; else base."),
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="Long side of the pictures, in pixels.")] = 512,
) -> None:
    """Show photographs in every style, on one page and in one picture."""
    from onestroke.stylize.gallery import make_gallery

    with quiet_tensorflow():
        files = make_gallery(inputs, models or [BASE], output, size=size, report=out.print)
    out.print(f"Gallery: {files[0]}, {files[1]}")


def export(
    models: Annotated[
        list[Path],
        typer.Option("--model", help="A style file or a finished run; a page takes several."),
    ],
    kind: Annotated[str, typer.Option("--format", help="saved_model, tflite or web.")],
    output: Annotated[Path, typer.Option(help="The .tflite file or the folder to write.")],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:WEIGHT]", help="The one style, or blend, to export; else all styles."
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            help="Of TFLite files: none, float16, weights, dynamic (that of a page) or int8."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Of every picture; GPUs and NPUs want it.")
    ] = None,
    uint8: Annotated[
        bool, typer.Option("--uint8", help="A TFLite file that takes and gives camera bytes.")
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Photographs that int8 measures its ranges on, as for train."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Export a style for servers, phones or browsers, compared with the model in its runtime."""
    from onestroke.export import export as export_style
    from onestroke.export import export_page
    from onestroke.export.options import parse_options
    from onestroke.train.sources import open_source, read_some

    quantize = quantize or ("dynamic" if kind == "web" else "none")
    options = parse_options(kind, quantize, size, uint8=uint8)
    if len(models) > 1 and kind != "web":
        raise SettingsError(f"expected one --model for {kind}; received {len(models)}")
    if data and quantize != "int8":
        raise SettingsError("--data belongs to --quantize int8, which measures its ranges on it")
    if style and kind == "web":
        raise SettingsError("--style belongs to saved_model and tflite; a page offers every style")
    compared = open_source("bundled", split="validation")
    side = max(options.size or (512,))
    pictures: dict[str, Any] = {
        "photographs": {
            Path(compared.name(i)).stem: compared.read(i) for i in range(len(compared))
        },
        "representative": list(read_some(data, REPRESENTATIVE, side).values()) if data else [],
        "overwrite": overwrite,
    }
    with quiet_tensorflow():
        if kind == "web":
            reports = export_page(models, output, options, **pictures)
        else:
            weights = parse_weights(style) if style else None
            reports = [export_style(models[0], output, options, style=weights, **pictures)]
        from onestroke.export.verify import as_table
    for report in reports:
        out.print(as_table(report))
    if kind == "web":
        out.print(f"Exported {output}. See it with:\n  onestroke serve {output}")
    else:
        out.print(f"Exported {output}; the report is in {output}.json")


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An exported page.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
) -> None:
    """Serve an exported page to the browsers of this machine."""
    from onestroke.export.serving import open_server

    with open_server(folder, port) as server:
        out.print(f"http://localhost:{server.server_port}/  (Ctrl-C stops)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A style, a run or an export to time; several side by side."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A recipe whose training to time.")] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", metavar="N|HxW", help="Of the pictures; several are timed in turn."),
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="How many compute; one for each core.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs or steps timed, after a warm-up.")] = 9,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Keeps every run of the models.")
    ] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draws bars: .png, .svg or .pdf.")
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option("--precision", help="Of a recipe: float32, mixed_bfloat16 or mixed_float16."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Changes a recipe's setting."),
    ] = None,
) -> None:
    """Time styles and exports side by side, or what takes the time of a recipe's training."""
    if (models is None) == (config is None):
        raise SettingsError("expected --model MODEL to time painting, or --config RECIPE, training")
    if config:
        if threads or json_file or plot_file:
            raise SettingsError("--threads, --json and --plot belong to --model")
        _benchmark_training(config, sizes or [], precisions or [], runs, overrides or [])
        return
    if precisions or overrides:
        raise SettingsError("--precision and --set belong to --config")
    _benchmark_models(models or [], sizes or [], threads or [], runs, json_file, plot_file)


def _benchmark_training(
    config: Path, sizes: list[str], precisions: list[str], steps: int, overrides: list[str]
) -> None:
    from onestroke.train.settings import read_recipe, resolve

    recipe = read_recipe(config, overrides)
    if not all(size.isdecimal() for size in sizes):
        raise SettingsError(f"expected --size N for square crops; received {', '.join(sizes)}")
    with quiet_tensorflow():
        from onestroke.train.benchmark import as_table, benchmark_training

        settings = resolve(recipe)
    crops = [int(size) for size in sizes]
    out.print(
        as_table(benchmark_training(settings, crops=crops, precisions=precisions, steps=steps))
    )


def _benchmark_models(
    models: list[str],
    sizes: list[str],
    threads: list[int],
    runs: int,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    from onestroke.export import benchmark
    from onestroke.export.options import parse_size
    from onestroke.files import check_file, write_whole

    if plot_file:
        benchmark.check_plot(plot_file)
    for file in filter(None, (json_file, plot_file)):
        check_file(file)
    timings = benchmark.benchmark_models(
        models,
        sizes=[parse_size(size) for size in sizes],
        threads=threads,
        runs=runs,
        show=out.print,
    )
    out.print(benchmark.as_table(timings))
    if json_file:
        record = json.dumps(benchmark.as_record(timings), indent=1) + "\n"
        write_whole(json_file, lambda path: path.write_text(record))
    if plot_file:
        write_whole(plot_file, lambda path: benchmark.plot(timings, path))


def info(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|RUN", help="Style file, run folder, or exported model.")
    ],
) -> None:
    """Say what a style file, a run or an export is: settings, weights, losses reached."""
    import yaml

    from onestroke.stylize.loading import describe
    from onestroke.train.run import find_run

    run = find_run(model)
    description = run.describe() if run else describe(model)
    out.print(yaml.safe_dump(description, sort_keys=False, allow_unicode=True).rstrip())
