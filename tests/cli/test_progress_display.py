"""The progress of a run on a terminal and in a log file."""

import io

import pytest
from rich.console import Console

from onestroke.cli.progress_display import (
    PlainLines,
    TerminalBar,
    format_duration,
    open_display,
)
from onestroke.progress import Progress

FIGURES = {"loss": 1.5, "content": 0.5, "style": 0.25, "variation": 0.1, "pictures_per_second": 6.0}
LINE = "loss 1.500  content 0.500  style 0.250  variation 0.100  6.0 pictures/s"


class Screen(io.StringIO):
    """A file that is a terminal."""

    def isatty(self) -> bool:
        return True


def console(terminal: bool) -> Console:
    file = Screen() if terminal else io.StringIO()
    return Console(file=file, width=160, soft_wrap=True)


def show(steps: int, terminal: bool, log_every: int = 1) -> str:
    """Shows a run whose figures change every ``log_every`` steps."""
    output = console(terminal)
    display = open_display(output)
    display.show_phase("preparing the styles")
    figures = {}
    for step in range(1, steps + 1):
        if step % log_every == 0 or step == steps:
            figures = {**FIGURES, "learning_rate": step}
        display(Progress(step, steps, figures))
    display.close()
    return output.file.getvalue()


def test_a_terminal_gets_a_bar_and_a_file_gets_lines():
    assert isinstance(open_display(console(terminal=False)), PlainLines)
    bar = open_display(console(terminal=True))
    assert isinstance(bar, TerminalBar)
    bar.close()


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_colours_in_a_log_file_bring_no_bar(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert isinstance(open_display(console(terminal=False)), PlainLines)


def test_a_long_run_gets_about_twenty_lines():
    phase, *lines = show(400, terminal=False).splitlines()
    assert phase.endswith(" s  preparing the styles")
    assert len(lines) == 21
    assert lines[0] == f"step 1/400  {LINE}"
    assert lines[1] == f"step 20/400  {LINE}"
    assert lines[-1] == f"step 400/400  {LINE}"


def test_a_short_run_gets_a_line_each_step():
    assert len(show(3, terminal=False).splitlines()) == 1 + 3


def test_a_line_is_printed_only_with_new_figures():
    lines = show(40, terminal=False, log_every=10).splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["10/40", "20/40", "30/40", "40/40"]


def test_the_bar_shows_losses_speed_and_time_left():
    shown = show(5, terminal=True)
    assert "preparing the styles" in shown
    assert "5/5" in shown
    assert LINE in shown
    assert "0:00:00" in shown


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(8.44, "8.4 s"), (192.4, "3 min 12 s"), (59.99, "60.0 s"), (7500, "2 h 5 min")],
)
def test_durations_are_readable(seconds, expected):
    assert format_duration(seconds) == expected
