"""What a user sees of a training, on a terminal and in a log."""

import io

from rich.console import Console

from onestroke.cli.progress_display import PlainLines, TerminalBar, open_display
from onestroke.progress import Progress

FIGURES = {"loss": 1.5, "content": 0.5, "style": 0.25, "variation": 0.1, "pictures_per_second": 6.0}
LINE = "loss 1.500  content 0.500  style 0.250  variation 0.100  6.0 pictures/s"


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=160, soft_wrap=True)


def show(steps: int, terminal: bool) -> str:
    output = console(terminal)
    shown = open_display(output)
    for step in range(1, steps + 1):
        shown(Progress(step, steps, FIGURES))
    shown.close()
    return output.file.getvalue()


def test_a_terminal_gets_a_bar_and_a_file_gets_lines():
    assert isinstance(open_display(console(terminal=False)), PlainLines)
    bar = open_display(console(terminal=True))
    assert isinstance(bar, TerminalBar)
    bar.close()


def test_plain_lines_are_few_and_end_with_the_last_step():
    lines = show(400, terminal=False).splitlines()
    assert len(lines) == 20
    assert lines[0] == f"step 20/400  {LINE}"
    assert lines[-1] == f"step 400/400  {LINE}"


def test_a_short_run_gets_a_line_each_step():
    assert len(show(3, terminal=False).splitlines()) == 3


def test_the_bar_shows_losses_pace_and_time_left():
    shown = show(5, terminal=True)
    assert "5/5" in shown
    assert LINE in shown
    assert "0:00:00" in shown
