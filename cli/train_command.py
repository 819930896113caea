"""``onestroke train``: train a style, or resume a run."""

import os
import shlex
import statistics
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.backend import backend_title
from onestroke.cli.options import Overrides
from onestroke.cli.progress_display import Display, format_duration, open_display
from onestroke.cli.terminal import (
    INTERRUPTED,
    filter_native_logs,
    out,
    seconds_since_start,
    stop_at_interrupt,
)
from onestroke.errors import SettingsError
from onestroke.extras import check_training
from onestroke.onednn import choose_onednn
from onestroke.progress import Progress
from onestroke.slow_machine import explain_slow_training

if TYPE_CHECKING:
    from onestroke.train.prepared_run import PreparedRun
    from onestroke.train.settings import Settings
    from onestroke.train.training import Trained

EXAMPLES = (
    "onestroke train --config cpu --style wave.jpg --data ~/Pictures --run runs/wave",
    "onestroke train --init base --style wave.jpg --data ~/Pictures",
)
FEW_PHOTOGRAPHS = 100
SLOW_SECONDS = 600.0  # a training that takes longer is explained
# An end that moved by more than both is corrected: a share of the forecast, and a minute, because
# the line shows hours and minutes.
MOVED_SHARE, MOVED_SECONDS = 0.2, 60.0
LAGGING = 2.0  # times the median of the remaining shares of style loss
BACKENDS = ("tensorflow", "jax")


def train(
    config: Annotated[
        Path | None,
        typer.Option(
            help="Recipe: a file, or the name of a bundled one such as cpu. Default with --init: "
            "new_style; with --learn-all: cpu."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Run folder; default: runs/RECIPE. An existing run is resumed."),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[:WEIGHT]",
            help="A painting, or a folder of paintings. Each is one style; with weights they are "
            "one blend.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Photographs: a folder, a glob, a video, tfds:NAME[:SPLIT] or bundled. With --run "
            "alone, as --style: where those of the run are now."
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Start from a style file, a run or base, and add new styles to it."),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Drop the styles of --init from the result.")
    ] = False,
    learn_all: Annotated[
        bool,
        typer.Option("--learn-all", help="Train every layer of --init; drops its styles."),
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Train a style, or resume a run."""
    _check_backend()
    moved = config is None and init is None
    if moved:
        if only or learn_all:
            raise SettingsError("--only and --learn-all need --init, the network to start from")
        recipe = _recipe_of_run(run, styles=style, sources=data, overrides=overrides)
    else:
        recipe, name = _compose_recipe(
            config, init, only, learn_all, styles=style, sources=data, overrides=overrides
        )
        run = run or Path("runs") / name
    display = open_display(out)
    try:
        prepared = _prepare(recipe, run or Path(), display, moved=moved)
        trained = _train(prepared, display)
    finally:
        display.close()
    _report(prepared, trained)
    out.print(f"Finished in {format_duration(seconds_since_start())}.")


def _check_backend() -> None:
    """Checks the backend of Keras.

    Raises:
        SettingsError: the backend is not supported or not installed.
    """
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise SettingsError(
            f"KERAS_BACKEND={backend} is not supported; unset it, or set it to tensorflow or jax"
        )
    check_training(backend)


def _recipe_of_run(
    run: Path | None,
    *,
    styles: list[str] | None,
    sources: list[str] | None,
    overrides: list[str] | None,
) -> "Settings":
    """Returns the settings of a run to resume, with the new places of inputs that have moved."""
    from onestroke.data.paintings import find_paintings
    from onestroke.train.moved_inputs import check_places, point_to_moved
    from onestroke.train.run_folder import RunFolder

    if run is None:
        raise SettingsError(
            "nothing to train; give --config RECIPE to start a run, --init MODEL to add a style to "
            "a model, or --run DIR to resume a run"
        )
    settings = point_to_moved(
        RunFolder(run).settings(),
        styles=find_paintings(styles or []),
        sources=sources or [],
        overrides=overrides or [],
    )
    check_places(settings)
    return settings


def _compose_recipe(
    config: Path | None,
    init: str | None,
    only: bool,
    learn_all: bool,
    *,
    styles: list[str] | None,
    sources: list[str] | None,
    overrides: list[str] | None,
) -> "tuple[Settings, str]":
    from onestroke.data.paintings import find_paintings
    from onestroke.train.settings import compose_recipe

    return compose_recipe(
        config,
        init=init,
        only=only,
        learn_all=learn_all,
        styles=find_paintings(styles or []),
        sources=sources or [],
        overrides=overrides or [],
    )


def _prepare(recipe: "Settings", run: Path, display: Display, *, moved: bool) -> "PreparedRun":
    """Reads the inputs, creates the run folder and announces the training."""
    choose_onednn(recipe.data.batch)
    with filter_native_logs():  # TensorFlow is asked for a GPU if the machine has NVIDIA's driver
        from onestroke.train.prepared_run import prepare_run
        from onestroke.train.processes import find_place

        prepared = prepare_run(recipe, run, moved=moved, on_phase=display.show_phase)
        out.quiet = find_place().number > 0  # process 0 of several speaks for all
    settings, count = prepared.settings, len(prepared.inputs.photographs)
    if done := prepared.run.steps_done():
        out.print(f"Resuming {run} at step {done} of {settings.train.steps}.")
        return prepared
    names = ", ".join(settings.style.all_names())
    out.print(f"Training {names} on {count} photographs in {run}.")
    if settings.data.source == ["bundled"]:
        out.print("Your own photographs make a better style; add --data FOLDER with some hundreds.")
    elif count < FEW_PHOTOGRAPHS:
        out.print(f"{count} photographs are few; some hundreds make a better style.")
    return prepared


def _train(prepared: "PreparedRun", display: Display) -> "Trained":
    """Trains; Ctrl-C saves and stops."""
    display.show_phase(f"starting {backend_title()}")
    with filter_native_logs(), stop_at_interrupt() as stop:
        from onestroke.train.training import train_prepared

        show = TrainingLines(display, prepared.settings.train.precision)
        return train_prepared(prepared, show=show, on_phase=display.show_phase, stop=stop)


class TrainingLines:
    """Prints when a training will end, why the machine makes it slow, and where the samples are.

    The end is printed at the first forecast. Half of the steps later it is printed once more if it
    has moved: validations, checkpoints and other programs take time that the first steps do not
    show.

    Args:
        display: shows the steps.
        precision: the resolved ``train.precision``.
    """

    def __init__(self, display: Display, precision: str) -> None:
        self.display = display
        self.precision = precision
        self.expected: datetime | None = None
        self.seconds = 0.0  # that the first forecast gave
        self.check_step = 0
        self.named_sheet = False

    def __call__(self, progress: Progress) -> None:
        """Prints the lines that are due, and passes the step on."""
        left = progress.seconds_left
        if left is not None and self.expected is None:
            self._begin(progress, left)
        elif left is not None and self.expected and progress.step == self.check_step:
            end = datetime.now() + timedelta(seconds=left)
            moved = abs((end - self.expected).total_seconds())
            if moved > max(MOVED_SHARE * self.seconds, MOVED_SECONDS):
                self._print("Corrected expected end", end, left)
        if progress.sheet and not self.named_sheet:
            self.named_sheet = True
            out.print(f"Sample sheet: {progress.sheet}")
        self.display(progress)

    def _begin(self, progress: Progress, seconds: float) -> None:
        self.seconds = seconds
        self.expected = datetime.now() + timedelta(seconds=seconds)
        self.check_step = (progress.step + progress.steps + 1) // 2
        self._print("Expected end", self.expected, seconds)
        if seconds > SLOW_SECONDS:
            for reason in explain_slow_training(self.precision):
                out.print(f"  slow because: {reason}")

    def _print(self, title: str, end: datetime, seconds: float) -> None:
        day = "" if end.date() == datetime.now().date() else f"{end:%A} "
        out.print(f"{title}: {day}{end:%H:%M}, in {format_duration(seconds)}.")


def _report(prepared: "PreparedRun", trained: "Trained") -> None:
    folder = prepared.run.path
    if trained.skipped:
        out.print(f"Skipped {trained.skipped} photographs that could not be read; see above.")
    if trained.style_file is None:
        out.print(f"Stopped and saved at step {trained.step}. Resume with:")
        out.print(f"  onestroke train --run {shlex.quote(str(folder))}")
        raise typer.Exit(INTERRUPTED)
    before, after = trained.photographs, trained.pictures
    if before and after:  # empty if the metrics were deleted
        out.print(
            f"On photographs not trained on: style loss {before['style']:.3f} -> "
            f"{after['style']:.3f} ({after['style'] / before['style']:.0%}), "
            f"content loss {after['content']:.3f}."
        )
        for line in losses_of_styles(before, after):
            out.print(line)
    out.print(f"Style file: {trained.style_file}")
    name = prepared.settings.style.all_names()[0]
    choice = shlex.join(["--model", str(folder), "--style", name])
    out.print("Paint with it:")
    out.print(f"  onestroke stylize PHOTO {choice} --output painted.jpg")


def losses_of_styles(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Returns a line per style of several; styles far above the median are marked."""
    from onestroke.models.card import IDENTITY

    measured = [key for key in after if key.startswith("style/") and key in before]
    names = [key.removeprefix("style/") for key in measured if key != f"style/{IDENTITY}"]
    shares = {name: after[f"style/{name}"] / before[f"style/{name}"] for name in names}
    width = max(map(len, names), default=0)
    median = statistics.median(shares.values()) if shares else 0.0
    return [
        f"  {name:{width}}  {before[f'style/{name}']:.3f} -> {after[f'style/{name}']:.3f} "
        f"({share:.0%}){_content_loss(after.get(f'content/{name}'))}"
        f"{', below the others' if share > LAGGING * median else ''}"
        for name, share in shares.items()
    ]


def _content_loss(loss: float | None) -> str:
    return "" if loss is None else f", content {loss:.3f}"  # missing in runs of older versions
