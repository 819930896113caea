"""The commands that learn: train a style, optimise one picture, evaluate both."""

import hashlib
import json
import shlex
import statistics
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.errors import SettingsError
from onestroke.terminal import INTERRUPTED, out, quiet_tensorflow, stop_at_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from onestroke.train.evaluation import Subject
    from onestroke.train.progress import Progress
    from onestroke.train.settings import Settings

FEW_PHOTOGRAPHS = 100
LAGS = 2.0  # times the usual share of the photographs' style loss
EVALUATED = [256, 512]  # sides of pictures, in pixels
TIMED_SIDES = [256, 512, 1024]


def train(
    config: Annotated[
        Path | None,
        typer.Option(
            help="Recipe: a file, or the name of one in the package, as cpu. With --init, else "
            "new_style; with --learn-all, else cpu."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Run folder, else runs/RECIPE; an existing run is resumed."),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[:WEIGHT]",
            help="Painting, or a folder of them; a style of each, or with weights one blend.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Photographs: folder, glob, tfds:NAME[:SPLIT] or bundled."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Begin with a style file, a run or base; learn new styles beside its."),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Leave the styles of --init out of the result.")
    ] = False,
    learn_all: Annotated[
        bool,
        typer.Option(
            "--learn-all",
            help="Learn every layer of --init for the new styles, which leaves its own out.",
        ),
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Changes one setting."),
    ] = None,
) -> None:
    """Train a style, or resume a run that was stopped or killed."""
    from onestroke.train.ingredients import find_paintings
    from onestroke.train.run import RunFolder
    from onestroke.train.settings import read_recipe

    if learn_all and only:
        raise SettingsError("expected --only or --learn-all, which leaves old styles out anyway")
    if learn_all and init is None:
        raise SettingsError("expected --init MODEL with --learn-all: all layers of which network?")
    if config is None and init is not None:
        config = Path("cpu" if learn_all else "new_style")
    if config is None:
        if run is None:
            raise SettingsError(
                "expected --config RECIPE to begin a run, --init MODEL to learn a style beside "
                "others or --run DIR to resume; got none of them"
            )
        if style or data or only or overrides:
            raise SettingsError(
                "expected --run alone to resume; --style, --data, --only and --set belong to "
                "--config or --init"
            )
        recipe = RunFolder(run).settings()
    else:
        changes = _begin_with(init, "all" if learn_all else "rows") if init is not None else []
        changes += ["network.keep=false"] if only else []
        recipe = read_recipe(
            config,
            [*changes, *(overrides or [])],
            styles=find_paintings(style or []),
            sources=data or [],
        )
        if learn_all and recipe.network.learn != "all":
            raise SettingsError("expected --learn-all or --set network.learn=rows; got both")
        if only and recipe.network.learn != "rows":
            raise SettingsError(
                "expected --only, which leaves old styles out, where rows are learnt beside them: "
                "with --init MODEL or --config new_style"
            )
        run = run or Path("runs") / config.stem
    _train(recipe, run)


def _begin_with(init: str, learn: str) -> list[str]:
    """Returns what to change in a recipe so that new styles are learnt from those of a network.

    Raises:
        ModelError: it is missing or broken.
    """
    from onestroke.models.style_file import find_style_file, read_config

    preset = read_config(find_style_file(init))["preset"]
    return [
        f"network.init={json.dumps(init)}",
        f"network.preset={preset}",
        f"network.learn={learn}",
    ]


def _train(recipe: "Settings", run: Path) -> None:
    """Trains with a display, and stops at Ctrl-C with everything saved."""
    from onestroke.train.ingredients import gather
    from onestroke.train.run import RunFolder
    from onestroke.train.settings import resolve

    ingredients = gather(recipe)
    with quiet_tensorflow():  # which is asked for the GPU, where there is one
        settings = resolve(recipe)
    RunFolder(run).begin(settings)
    done, count = RunFolder(run).steps_done(), len(ingredients.photographs)
    if done:
        out.print(f"Resuming {run} at step {done} of {settings.train.steps}.")
    else:
        names = ", ".join(settings.style.all_names())
        out.print(f"Training {names} on {count} photographs in {run}.")
    if count < FEW_PHOTOGRAPHS:
        out.print("More photographs make a better style: name a folder of them with --data.")
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
        out.print(f"  onestroke train --run {shlex.quote(str(run))}")
        raise typer.Exit(INTERRUPTED)
    before, after = trained.photographs, trained.pictures
    if before and after:  # unless somebody deleted the metrics
        out.print(
            f"On photographs not trained on: style loss {before['style']:.3f} -> "
            f"{after['style']:.3f} ({after['style'] / before['style']:.0%}), "
            f"content loss {after['content']:.3f}."
        )
        for line in _each_style(before, after):
            out.print(line)
    out.print(f"Style file: {trained.style_file}")
    choice = shlex.join(["--model", str(run), "--style", settings.style.all_names()[0]])
    out.print("Paint with it:")
    out.print(f"  onestroke stylize PHOTO {choice} --output painted.jpg")


def _each_style(before: "Mapping[str, float]", after: "Mapping[str, float]") -> list[str]:
    """Says how far each of several styles came, and which lag behind the others."""
    from onestroke.models.style_file import painted_styles

    names = painted_styles(
        key.removeprefix("style/") for key in after if key.startswith("style/") and key in before
    )
    shares = {name: after[f"style/{name}"] / before[f"style/{name}"] for name in names}
    width = max(map(len, names), default=0)
    usual = statistics.median(shares.values()) if shares else 0.0
    return [
        f"  {name:{width}}  {before[f'style/{name}']:.3f} -> {after[f'style/{name}']:.3f} "
        f"({share:.0%}){_content(after.get(f'content/{name}'))}"
        f"{', lags behind' if share > LAGS * usual else ''}"
        for name, share in shares.items()
    ]


def _content(loss: float | None) -> str:
    return "" if loss is None else f", content {loss:.3f}"  # older runs did not measure it


def optimize(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="A photograph.")],
    output: Annotated[Path, typer.Option(help="The picture to write.")],
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH[:WEIGHT]", help="Painting; several are blended by weight."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Long side of the result, in pixels; else 512.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Where to begin: photograph, noise, a picture, or a model of one style."),
    ] = None,
    preserve_color: Annotated[
        bool, typer.Option("--preserve-color", help="Keep the photograph's colours.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="A recipe: sections style, loss and optimize.")
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="A folder for the pictures on the way and all losses.")
    ] = None,
    frame_every: Annotated[
        int, typer.Option(min=1, help="Iterations from one of them to the next.")
    ] = 25,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Changes one setting."),
    ] = None,
) -> None:
    """Optimise one picture (Gatys et al.): slower and finer than a network; resumes if killed."""
    from onestroke.files import UNFINISHED, check_file, check_writable, first_overwritten
    from onestroke.pictures import Picture, check_suffix, resize, to_bytes, write_picture
    from onestroke.stylize.colour import keep_colours
    from onestroke.train.ingredients import gather_picture
    from onestroke.train.picture_settings import read_picture_settings

    check_suffix(output)
    check_file(output)
    if frames:
        check_writable(frames)
    changes = [f"optimize.size={size}"] if size is not None else []
    changes += [f"optimize.start={json.dumps(start)}"] if start is not None else []
    settings = read_picture_settings(config, style or [], [*changes, *(overrides or [])])
    read = [content, *map(Path, settings.style.pictures), Path(settings.optimize.start)]
    if first_overwritten([output], read):
        raise SettingsError(f"expected another --output than a picture that is read; got {output}")
    ingredients = gather_picture(content, settings)
    with quiet_tensorflow():
        paint_start = _open_start(settings.optimize.start)  # looks before TensorFlow starts
        from onestroke.train.frames import Frames
        from onestroke.train.optimization import Optimization
        from onestroke.train.progress import display

        optimization = Optimization(
            ingredients,
            settings,
            paint_start=paint_start,
            state_file=output.with_name(f"{UNFINISHED}{output.name}.npz"),
        )
    if optimization.iteration:
        out.print(f"Resuming at iteration {optimization.iteration} of {optimization.iterations}.")
    kept = None
    if frames:
        kept = Frames(frames, frame_every, optimization.fingerprint, optimization.iteration)
    shown = display(out, "iteration")

    def show(progress: "Progress", picture: "np.ndarray") -> None:
        shown(progress)
        if kept:
            kept.note(progress, picture)

    try:
        with stop_at_interrupt() as stop:
            result = optimization.run(show=show, stop=stop)
    finally:
        shown.close()
    if not result.finished:
        out.print(f"Stopped and saved at iteration {result.iterations}. The same command goes on.")
        raise typer.Exit(INTERRUPTED)
    picture, photograph = result.picture, ingredients.photograph
    if preserve_color:
        own = resize(photograph.pixels, picture.shape[:2])
        picture = to_bytes(keep_colours(own, picture))
    alpha = None if photograph.alpha is None else resize(photograph.alpha, picture.shape[:2])
    write_picture(output, Picture(picture, alpha))
    optimization.forget_state()
    before, after = result.photograph_terms, result.picture_terms
    out.print(
        f"Style loss {before['style']:.3f} -> {after['style']:.3f} "
        f"({after['style'] / before['style']:.0%}), content loss {after['content']:.3f}."
    )
    out.print(f"Picture: {output}")


def _open_start(start: str) -> "Callable[[np.ndarray], np.ndarray] | None":
    """Opens the picture to begin with, or the model that paints it."""
    from onestroke.models.style_file import painted_styles
    from onestroke.pictures import SUFFIXES, read_picture
    from onestroke.stylize.loading import load, read_style_names
    from onestroke.train.picture_settings import STARTS

    if start in STARTS:
        return None
    if start.lower().endswith(SUFFIXES):
        picture = read_picture(start).pixels
        return lambda photograph: picture
    if len(painted_styles(read_style_names(start))) > 1:
        raise SettingsError(
            f"expected a model of one style to begin with; {start} has several; paint with one "
            "(onestroke stylize) and name the picture with --start"
        )
    return load(start)


def evaluate(
    models: Annotated[
        list[str],
        typer.Option("--model", help="A style, a run or an export; several side by side."),
    ],
    data: Annotated[list[str], typer.Option(help="Photographs not trained on, as for train.")],
    report: Annotated[Path, typer.Option(help="The folder for tables, plots and pictures.")],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[:WEIGHT]",
            help="The painting, unless a run folder tells it; of several styles, those to measure.",
        ),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=64, help="Sides of the square pictures; else 256 and 512."),
    ] = None,
    iterations: Annotated[
        int,
        typer.Option(
            "--baseline-iterations", min=0, help="Of each optimisation, at most; 0: none."
        ),
    ] = 100,
    until_overtaken: Annotated[
        bool,
        typer.Option("--until-overtaken", help="Stop each where it is as good as the network."),
    ] = False,
    count: Annotated[int, typer.Option(min=1, help="Photographs, from all over the source.")] = 8,
    timed: Annotated[
        list[int] | None,
        typer.Option(
            "--time-size",
            min=0,
            help="Sides to time, else those of --size, else 256, 512, 1024; 0: none.",
        ),
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

    if iterations:
        check_plots()
    check_writable(report)
    photographs = read_some(data, count, max(sizes or EVALUATED))
    enlarged = {
        side: sum(min(photograph.shape[:2]) < side for photograph in photographs.values())
        for side in sizes or EVALUATED
    }
    for side, number in enlarged.items():
        if number:
            out.print(f"{number} of {len(photographs)} photographs are enlarged to {side} px.")
    with quiet_tensorflow():
        by_model = [_subjects(model, style or [], overrides or []) for model in models]
        from onestroke.machine import describe_gpus, describe_machine
        from onestroke.train.baseline import Baselines
        from onestroke.train.evaluation import evaluate as evaluate_subjects
        from onestroke.train.evaluation import measure_speed
        from onestroke.train.report import as_tables, write_report

        first = next(iter(photographs.values()))
        usual = (sizes or TIMED_SIDES) if iterations else []  # one asked for no optimisation at all
        sides = [side for side in timed or usual if side]
        speeds = measure_speed([styles[0] for styles in by_model], first, sides)
        subjects = [subject for styles in by_model for subject in styles]
        results = evaluate_subjects(
            subjects,
            photographs,
            Baselines(iterations, report / "baseline", until_overtaken=until_overtaken),
            sizes=sizes or EVALUATED,
            show=out.print,
        )
        about = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **describe_machine(("tensorflow", "keras", "scipy", "numpy")),
            "gpus": describe_gpus(),
            "photographs": data,
            "enlarged": enlarged,
            "baseline_iterations": iterations,
            "until_overtaken": until_overtaken,
            "models": [subject.describe() for subject in subjects],
        }
        write_report(report, results, speeds=speeds, about=about)
    for table in as_tables(results, speeds):
        out.print(table)
    out.print(f"Report: {report}")


def _paintings_given(
    given: "list[dict[str, float]]", trained: "list[dict[str, float]]", *, alone: bool
) -> "dict[int, dict[str, float]]":
    """Returns by the number of a network's style the painting that the command line names for it.

    Styles without one are left out.

    Args:
        given: on the command line.
        trained: what the network was trained for; files that travel keep the paintings' names.
        alone: the network holds one style, so whatever its painting is called now, it is that one.

    Raises:
        SettingsError: one is not called as any that the network was trained for, or as another.
    """
    if alone and len(given) == 1:
        return {0: given[0]}
    for name_of in (lambda path: str(Path(path).resolve()), lambda path: Path(path).name):
        names = ["+".join(sorted(map(name_of, blend))) for blend in given]
        wanted = ["+".join(sorted(map(name_of, blend))) for blend in trained]
        if names == wanted:
            return dict(enumerate(given))
        if all(names.count(name) == wanted.count(name) == 1 for name in names):
            by_name = dict(zip(names, given, strict=True))
            return {number: by_name[name] for number, name in enumerate(wanted) if name in by_name}
    raise SettingsError(
        f"expected the path of a painting in every --style, called {', '.join(wanted)}, each at "
        f"most once; got {', '.join(names)}"
    )


def _subjects(model: str, styles: list[str], overrides: list[str]) -> "list[Subject]":
    """Opens a model: each of its styles with its painting and what it was trained for."""
    from onestroke.models.style_file import painted_styles
    from onestroke.models.vgg19_weights import load_vgg19_weights
    from onestroke.stylize.loading import find_model, load, read_style_names, read_training
    from onestroke.train.ingredients import find_paintings, read_styles
    from onestroke.train.run import find_run
    from onestroke.train.settings import apply_overrides, check_settings, replace_styles

    run = find_run(model)
    # A run knows where its paintings are; files that travel keep their names alone.
    values = run.settings().model_dump(mode="json") if run else dict(read_training(model))
    trained: Settings = check_settings(values, origin=model)
    # Not the names of the styles that it began with.
    names = trained.style.all_names()[: len(trained.style.pictures)]
    if styles:
        pictures = replace_styles(find_paintings(styles))["pictures"]
        count = len(pictures) if isinstance(pictures, list) else 1
        # Two paintings may be called alike; the network knows the names of its styles.
        numbered = {"names": [f"style{i}" for i in range(count)], "captions": {}}
        values["style"] = {**values["style"], "pictures": pictures, **numbered}
    settings: Settings = check_settings(apply_overrides(values, overrides), origin=model)
    alone = len(painted_styles(read_style_names(model))) == 1
    blends = _paintings_given(settings.style.pictures, trained.style.pictures, alone=alone)
    for name in (name for blend in blends.values() for name in blend):
        if name != "bundled" and not Path(name).is_file():
            raise SettingsError(
                f"expected the painting that {model} was trained for; there is no file {name}; "
                "name it with --style PATH"
            )
    vgg19 = load_vgg19_weights(settings.loss.vgg19)
    measured = settings.style.model_copy(update={"pictures": list(blends.values())})
    paintings = zip(blends.items(), read_styles(measured), strict=True)
    from onestroke.train.evaluation import Subject  # starts TensorFlow

    stylizer, file = load(model), find_model(model)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    return [
        Subject(
            name=model if len(stylizer.style_names) == 1 else f"{model}:{names[number]}",
            paint=partial(stylizer, style=names[number]),
            loss=settings.loss,
            style=style,
            about={"pictures": blend, "size": settings.style.size},
            vgg19=vgg19,
            sha256=sha256,
        )
        for (number, blend), style in paintings
    ]
