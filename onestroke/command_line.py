"""The command line: parses, calls the library once, and turns the user's mistakes into one line."""

import atexit
import contextlib
import errno
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from onestroke.errors import OnestrokeError, SettingsError

if TYPE_CHECKING:
    import numpy as np

    from onestroke.train.evaluation import Subject
    from onestroke.train.settings import Settings
    from onestroke.train.training import Progress

app = typer.Typer(
    help="Train a painting into a network that repaints any picture in one forward pass.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Into a file or a pipe, tables are as wide as they need to be.
WIDTH = None if sys.stdout.isatty() else 200
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, width=WIDTH)
verbose = False
REPRESENTATIVE = 32  # photographs that int8 measures its ranges on; more change little
EVALUATED = [256, 512]  # sides of pictures, in pixels
TIMED = [256, 512, 1024]
INTERRUPTED = 128 + signal.SIGINT  # what shells and make expect of a command ended by Ctrl-C


def main() -> None:
    """Runs the command; a user's mistake ends in one line and exit status 2."""
    try:
        app()
    except OnestrokeError as error:
        print(f"onestroke: {error}", file=sys.stderr)
        sys.exit(error.status)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print("onestroke: the disk is full; make room and try again", file=sys.stderr)
        sys.exit(OnestrokeError.status)


@app.callback()
def common(
    show_everything: Annotated[
        bool, typer.Option("--verbose", help="Show TensorFlow's own messages.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    global verbose
    verbose = show_everything
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        atexit.register(_end_in_silence)


def _end_in_silence() -> None:
    """Silences what LiteRT prints when it is taken down, after the last word of ours."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@app.command()
def train(
    config: Annotated[
        Path | None, typer.Option(help="Recipe, for example configs/quickstart.yaml.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder; an existing run is resumed.")
    ] = None,
    style: Annotated[
        list[str] | None, typer.Option(help="Painting; several are blended evenly.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Photographs: folder, glob, tfds:NAME[:SPLIT] or bundled."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Changes one setting."),
    ] = None,
) -> None:
    """Train a style, or resume a run that was stopped or killed."""
    from onestroke.train.run import RunFolder
    from onestroke.train.settings import read_recipe, resolve

    if config is None:
        if run is None:
            raise SettingsError(
                "expected --config RECIPE to begin a run or --run DIR to resume one; got neither"
            )
        if style or data or overrides:
            raise SettingsError(
                "expected --run alone to resume; --style, --data and --set belong to --config"
            )
        settings = RunFolder(run).settings()
    else:
        settings = resolve(read_recipe(config, overrides or []), style, data)
        run = run or Path("runs") / config.stem
    _train(settings, run)


def _train(settings: "Settings", run: Path) -> None:
    """Trains with a display, and stops at Ctrl-C with everything saved."""
    from onestroke.train.ingredients import gather
    from onestroke.train.run import RunFolder

    ingredients = gather(settings)
    RunFolder(run).begin(settings)
    checkpoints = RunFolder(run).checkpoint_steps()
    if checkpoints:
        out.print(f"Resuming {run} at step {checkpoints[-1]} of {settings.train.steps}.")
    else:
        out.print(f"Training {', '.join(settings.style.pictures)} in {run}.")
    with quiet_tensorflow():
        from onestroke.train.progress import display
        from onestroke.train.training import train as train_style
    shown = display(out)
    try:
        with stop_at_interrupt() as stop:
            trained = train_style(settings, run, ingredients=ingredients, show=shown, stop=stop)
    finally:
        shown.close()
    if trained.skipped:
        out.print(f"Skipped {trained.skipped} photographs that could not be read; see above.")
    if trained.style_file is None:
        out.print(f"Stopped and saved at step {trained.step}. Go on with:")
        out.print(f"  onestroke train --run {run}")
        raise typer.Exit(INTERRUPTED)
    before, after = trained.photographs, trained.pictures
    if before and after:  # unless somebody deleted the metrics
        out.print(
            f"On photographs not trained on: style loss {before['style']:.3f} -> "
            f"{after['style']:.3f} ({after['style'] / before['style']:.0%}), "
            f"content loss {after['content']:.3f}."
        )
    out.print(f"Style file: {trained.style_file}")


@contextlib.contextmanager
def stop_at_interrupt() -> Iterator[threading.Event]:
    """Makes the first Ctrl-C ask for a stop, and a second one end the process at once."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out.print("Stopping after this step; Ctrl-C again to stop without saving.")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@app.command()
def stylize(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT…", help="Pictures or folders.")],
    model: Annotated[Path, typer.Option(help="A style file, a finished run or an export.")],
    output: Annotated[Path, typer.Option(help="A picture for one input, else a folder.")],
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="0 is the photograph, 1 the full style.")
    ] = 1.0,
    preserve_color: Annotated[
        bool, typer.Option("--preserve-color", help="Keep the photograph's colours.")
    ] = False,
    max_size: Annotated[
        int | None, typer.Option(help="Longest side of the result, in pixels.")
    ] = None,
) -> None:
    """Paint pictures in one forward pass each."""
    from onestroke.stylize.files import FileResult, stylize_files

    done = 0

    def report(result: FileResult, count: int) -> None:
        nonlocal done
        done += 1
        outcome = f"onestroke: {result.error}" if result.error else f"{result.target}"
        out.print(f"{done}/{count}  {result.seconds:.1f} s  {outcome}")

    with quiet_tensorflow():
        results = stylize_files(
            inputs,
            model,
            output,
            strength=strength,
            preserve_color=preserve_color,
            max_size=max_size,
            report=report,
        )
    broken = [result for result in results if result.error]
    if broken:
        raise OnestrokeError(
            f"expected {len(results)} readable pictures; {len(broken)} could not be painted: "
            f"{', '.join(str(result.source) for result in broken)}"
        )


@app.command()
def optimize(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="A photograph.")],
    output: Annotated[Path, typer.Option(help="The picture to write.")],
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH[:WEIGHT]", help="Painting; several are blended by weight."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Long side of the result, in pixels.")] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Where to begin: photograph, noise, a picture, or a model to paint one."),
    ] = None,
    preserve_color: Annotated[
        bool, typer.Option("--preserve-color", help="Keep the photograph's colours.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="A recipe: sections style, loss and optimize.")
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="A folder for the pictures on the way and their losses.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Changes one setting."),
    ] = None,
) -> None:
    """Optimise one picture (Gatys et al.): slower and finer than a network; resumes if killed."""
    from onestroke.files import UNFINISHED, check_writable
    from onestroke.pictures import Picture, check_suffix, resize, write_picture
    from onestroke.stylize.colour import keep_colours
    from onestroke.train.frames import Frames
    from onestroke.train.ingredients import gather_picture
    from onestroke.train.picture_settings import read_picture_settings

    check_suffix(output)
    check_writable(output.parent)
    changes = [f"optimize.size={size}"] if size is not None else []
    changes += [f"optimize.start={json.dumps(start)}"] if start is not None else []
    settings = read_picture_settings(config, style or [], [*changes, *(overrides or [])])
    ingredients = gather_picture(content, settings)
    with quiet_tensorflow():
        from onestroke.train.optimization import Optimization
        from onestroke.train.progress import display

        optimization = Optimization(
            ingredients,
            settings,
            start=_first_picture(settings.optimize.start, ingredients.photograph),
            state_file=output.with_name(f"{UNFINISHED}{output.name}.npz"),
        )
    if optimization.iteration:
        out.print(f"Resuming at iteration {optimization.iteration} of {optimization.iterations}.")
    kept = Frames(frames) if frames else None
    shown = display(out, "iteration")

    def show(progress: "Progress") -> None:
        shown(progress)
        if kept:
            kept.note(progress)

    def keep(iteration: int, picture: "np.ndarray") -> None:
        if kept:
            kept.keep(iteration, picture)

    try:
        with stop_at_interrupt() as stop:
            result = optimization.run(show=show, keep=keep, stop=stop)
    finally:
        shown.close()
    if not result.finished:
        out.print(f"Stopped and saved at iteration {result.iterations}. The same command goes on.")
        raise typer.Exit(INTERRUPTED)
    picture = result.picture
    if preserve_color:
        photograph = resize(ingredients.photograph, picture.shape[:2])
        picture = keep_colours(photograph, picture).round().astype("uint8")
    write_picture(output, Picture(picture))
    optimization.forget_state()
    before, after = result.photograph, result.terms
    out.print(
        f"Style loss {before['style']:.3f} -> {after['style']:.3f} "
        f"({after['style'] / before['style']:.0%}), content loss {after['content']:.3f}."
    )
    out.print(f"Picture: {output}")


@app.command()
def evaluate(
    models: Annotated[
        list[str],
        typer.Option("--model", help="A style, a run or an export; several side by side."),
    ],
    data: Annotated[list[str], typer.Option(help="Photographs not trained on, as for train.")],
    report: Annotated[Path, typer.Option(help="The folder for tables, plots and pictures.")],
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH[:WEIGHT]", help="The painting, unless a run folder tells it."),
    ] = None,
    sizes: Annotated[
        list[int] | None, typer.Option("--size", min=64, help="Sides of the square pictures.")
    ] = None,
    iterations: Annotated[
        int, typer.Option("--baseline-iterations", min=1, help="Of each optimisation.")
    ] = 100,
    count: Annotated[int, typer.Option(min=1, help="Photographs, from all over the source.")] = 8,
    timed: Annotated[
        list[int] | None, typer.Option("--time-size", min=0, help="Sides to time; 0 for none.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Measures by another setting."),
    ] = None,
) -> None:
    """Count how many iterations of an optimisation one pass is worth, and look at the pictures."""
    from onestroke.extras import check_plots
    from onestroke.files import check_writable
    from onestroke.train.sources import read_some

    check_plots()
    check_writable(report)
    photographs = read_some(data, count, max(sizes or EVALUATED))
    with quiet_tensorflow():
        subjects = [_subject(model, style or [], overrides or []) for model in models]
        from onestroke.machine import describe_machine
        from onestroke.train.baseline import Baselines
        from onestroke.train.evaluation import evaluate as evaluate_subjects
        from onestroke.train.evaluation import measure_speed
        from onestroke.train.report import as_tables, write_report
    results = evaluate_subjects(
        subjects,
        photographs,
        Baselines(iterations, report / "baseline"),
        sizes=sizes or EVALUATED,
        show=out.print,
    )
    first = next(iter(photographs.values()))
    speeds = measure_speed(subjects, first, [side for side in timed or TIMED if side])
    about = {
        **describe_machine(("tensorflow", "keras", "scipy", "numpy")),
        "photographs": data,
        "models": [subject.describe() for subject in subjects],
    }
    write_report(report, results, speeds, about)
    for table in as_tables(results, speeds):
        out.print(table)
    out.print(f"Report: {report}")


def _subject(model: str, styles: list[str], overrides: list[str]) -> "Subject":
    """Opens a model with its painting and what it was trained for."""
    from onestroke.models.vgg19_weights import load_vgg19_weights
    from onestroke.stylize.style_file import load, read_training
    from onestroke.train.evaluation import Subject
    from onestroke.train.ingredients import read_paintings
    from onestroke.train.run import RunFolder
    from onestroke.train.settings import apply_overrides, check_settings, parse_styles

    run = RunFolder(Path(model))
    # A run knows where its painting is; files that travel keep its name alone.
    values = run.settings().model_dump(mode="json") if run.exists else dict(read_training(model))
    if styles:
        values["style"] = {**values["style"], "pictures": parse_styles(styles)}
    settings: Settings = check_settings(apply_overrides(values, overrides), origin=model)
    for name in settings.style.pictures:
        if name != "bundled" and not Path(name).is_file():
            raise SettingsError(
                f"expected the painting that {model} was trained for; there is no file {name}; "
                "name it with --style PATH"
            )
    return Subject(
        name=model,
        paint=load(model),
        loss=settings.loss,
        style=settings.style,
        paintings=read_paintings(settings.style),
        vgg19=load_vgg19_weights(settings.loss.vgg19),
    )


def _first_picture(start: str, photograph: "np.ndarray") -> "np.ndarray | None":
    """Reads the picture to begin with, or lets a model paint it."""
    from onestroke.pictures import SUFFIXES, read_picture
    from onestroke.stylize.style_file import load

    if start in ("photograph", "noise"):
        return None
    if start.lower().endswith(SUFFIXES):
        return read_picture(start).pixels
    return load(start)(photograph)


@app.command()
def export(
    models: Annotated[
        list[Path],
        typer.Option("--model", help="A style file or a finished run; a page takes several."),
    ],
    kind: Annotated[str, typer.Option("--format", help="saved_model, tflite or web.")],
    output: Annotated[Path, typer.Option(help="The .tflite file or the folder to write.")],
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
            reports = [export_style(models[0], output, options, **pictures)]
        from onestroke.export.verify import as_table
    for report in reports:
        out.print(as_table(report))
    if kind == "web":
        out.print(f"Exported {output}. See it with:\n  onestroke serve {output}")
    else:
        out.print(f"Exported {output}; the report is in {output}.json")


@app.command()
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


@app.command()
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

    settings = resolve(read_recipe(config, overrides))
    if not all(size.isdecimal() for size in sizes):
        raise SettingsError(f"expected --size N for square crops; received {', '.join(sizes)}")
    with quiet_tensorflow():
        from onestroke.train.benchmark import as_table, benchmark_training
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
    from onestroke.files import check_writable, write_whole

    if plot_file:
        benchmark.check_plot(plot_file)
    for file in filter(None, (json_file, plot_file)):
        check_writable(file.parent)
        if file.is_dir():
            raise SettingsError(f"expected a file to write; {file} is a folder")
    timings = benchmark.benchmark_models(
        models,
        sizes=[parse_size(size) for size in sizes],
        threads=threads,
        runs=runs,
        show=out.print,
    )
    out.print(benchmark.as_table(timings))
    for file in filter(None, (json_file, plot_file)):
        file.parent.mkdir(parents=True, exist_ok=True)
    if json_file:
        record = json.dumps(benchmark.as_record(timings), indent=1) + "\n"
        write_whole(json_file, lambda path: path.write_text(record))
    if plot_file:
        write_whole(plot_file, lambda path: benchmark.plot(timings, path))


@app.command()
def info(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|RUN", help="Style file, run folder or export.")
    ],
) -> None:
    """Say what a style file, a run or an export is: settings, weights, losses reached."""
    import yaml

    from onestroke.stylize import litert, saved_model
    from onestroke.stylize.style_file import read_config
    from onestroke.train.run import RunFolder

    if model.suffix == ".tflite":
        description = litert.read_description(model)
    elif saved_model.is_saved_model(model):
        description = saved_model.read_description(model)
    else:
        description = RunFolder(model).describe() if model.is_dir() else read_config(model)
    out.print(yaml.safe_dump(description, sort_keys=False).rstrip())


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Silences what TensorFlow prints while it is imported, unless --verbose is given.

    Some of it comes before TensorFlow reads its own log level, so the error stream of the whole
    process is set aside; an exception brings it back.
    """
    if verbose:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except OnestrokeError as error:  # one line says it all
            # What the exception holds goes now, and with it what LiteRT says when it is taken down.
            for raised in (error, error.__cause__, error.__context__):
                traceback.clear_frames(raised.__traceback__ if raised else None)
            raise
        except KeyboardInterrupt:
            raise
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
