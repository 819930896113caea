"""Shows the progress of a training or an optimisation: a bar on a terminal, else plain lines."""

from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

from onestroke.losses.loss_settings import TERMS
from onestroke.models.card import IDENTITY
from onestroke.progress import Progress

LINES = 20  # plain lines for a long run, so that a log stays readable


class Display(Protocol):
    """Takes the progress of a training and closes at its end."""

    def __call__(self, progress: Progress) -> None:
        """Shows a step."""

    def close(self) -> None:
        """Leaves the terminal as it was."""


def open_display(console: Console, noun: str = "step") -> "Display":
    """Returns a bar where the console is a terminal, lines where it is a file or a pipe.

    Args:
        console: where to show.
        noun: what is counted.
    """
    return TerminalBar(console, noun) if console.is_terminal else PlainLines(console, noun)


class TerminalBar:
    """A progress bar with losses, pictures per second and the time left."""

    def __init__(self, console: Console, noun: str = "step") -> None:
        self.bar = Bar(
            TextColumn(noun),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
        )
        self.task = self.bar.add_task("", total=None)
        self.bar.start()

    def __call__(self, progress: Progress) -> None:
        """Moves the bar."""
        self.bar.update(
            self.task,
            total=progress.steps,
            completed=progress.step,
            description=format_progress(progress),
        )

    def close(self) -> None:
        """Leaves the last state of the bar on the terminal."""
        self.bar.stop()


class PlainLines:
    """About twenty lines a run, or one at every step of a short one."""

    def __init__(self, console: Console, noun: str = "step") -> None:
        self.console = console
        self.noun = noun

    def __call__(self, progress: Progress) -> None:
        """Prints the step where one is due."""
        due = progress.step % max(1, progress.steps // LINES) == 0
        if (due and progress.figures) or progress.step == progress.steps:
            text = f"{self.noun} {progress.step}/{progress.steps}  {format_progress(progress)}"
            self.console.print(text, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Has nothing to leave."""


def format_progress(progress: Progress) -> str:
    """Says the latest figures in one line."""
    figures = progress.figures
    losses = [f"{k} {figures[k]:.3f}" for k in (*TERMS, "faces") if k in figures]
    styles = [k.removeprefix("style/") for k in figures if k.startswith("style/")]
    styles = [name for name in styles if name != IDENTITY]
    if styles:
        farthest = max(styles, key=lambda name: figures[f"style/{name}"])
        losses.append(f"farthest {farthest} {figures[f'style/{farthest}']:.3f}")
    if "pictures_per_second" in figures:
        losses.append(f"{figures['pictures_per_second']:.1f} pictures/s")
    return "  ".join(losses)
