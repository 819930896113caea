"""The progress of a training or an optimisation: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
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

LINES = 20  # lines of a long run, so that a log stays readable


class Display(Protocol):
    """Shows the phases and the progress of a run."""

    def show_phase(self, name: str) -> None:
        """Shows that a phase has begun."""

    def __call__(self, progress: Progress) -> None:
        """Shows a step."""

    def close(self) -> None:
        """Restores the terminal."""


def open_display(console: Console, noun: str = "step") -> "Display":
    """Returns a bar if the console is a terminal, and lines if it is a file or a pipe.

    Args:
        console: the output.
        noun: the unit that is counted.
    """
    # Rich takes a log file for a terminal if FORCE_COLOR or TTY_COMPATIBLE is set.
    live = console.is_terminal and console.file.isatty()
    return TerminalBar(console, noun) if live else PlainLines(console, noun)


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

    def show_phase(self, name: str) -> None:
        """Shows the phase beside the bar until the next step."""
        self.bar.update(self.task, description=name, refresh=True)

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
    """A line for each phase, then about twenty lines with new figures."""

    def __init__(self, console: Console, noun: str = "step") -> None:
        self.console = console
        self.noun = noun
        self.begun = time.perf_counter()
        self.next_step = 1
        self.printed: Mapping[str, float] = {}

    def show_phase(self, name: str) -> None:
        """Prints the phase with the time since the start."""
        seconds = time.perf_counter() - self.begun
        self._print(f"{seconds:6.1f} s  {name}")

    def __call__(self, progress: Progress) -> None:
        """Prints the step if a line is due and there are new figures."""
        figures = progress.figures
        due = progress.step >= self.next_step or progress.step == progress.steps
        if not due or not figures or figures == self.printed:
            return
        self.printed = dict(figures)
        interval = max(1, progress.steps // LINES)
        self.next_step = (progress.step // interval + 1) * interval
        self._print(f"{self.noun} {progress.step}/{progress.steps}  {format_progress(progress)}")

    def close(self) -> None:
        """Does nothing."""

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def format_progress(progress: Progress) -> str:
    """Formats the latest figures in one line."""
    figures = progress.figures
    terms = (*TERMS, "palette", "faces", "stability")
    losses = [f"{name} {figures[name]:.3f}" for name in terms if name in figures]
    styles = [k.removeprefix("style/") for k in figures if k.startswith("style/")]
    styles = [name for name in styles if name != IDENTITY]
    if styles:
        farthest = max(styles, key=lambda name: figures[f"style/{name}"])
        losses.append(f"farthest {farthest} {figures[f'style/{farthest}']:.3f}")
    if "pictures_per_second" in figures:
        losses.append(f"{figures['pictures_per_second']:.1f} pictures/s")
    if "frames_per_second" in figures:
        losses.append(f"{figures['frames_per_second']:.1f} frames/s")
    if "seconds_left" in figures:
        losses.append(f"{format_duration(figures['seconds_left'])} left")
    return "  ".join(losses)


def format_duration(seconds: float) -> str:
    """Formats a time: ``8.4 s``, ``3 min 12 s`` or ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
