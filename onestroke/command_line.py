"""The command line: parses, calls the library once, and turns the user's mistakes into one line."""

import atexit
import errno
import os
import sys
from typing import Annotated

import typer

from onestroke import terminal
from onestroke.errors import OnestrokeError
from onestroke.learning_commands import evaluate, optimize, train
from onestroke.using_commands import (
    benchmark,
    export,
    gallery,
    info,
    serve,
    styles,
    stylize,
)

app = typer.Typer(
    help="Train a painting into a network that repaints any picture in one forward pass.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    train,
    stylize,
    optimize,
    evaluate,
    export,
    serve,
    benchmark,
    styles,
    gallery,
    info,
)
for command in COMMANDS:
    app.command()(command)


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
    terminal.verbose = show_everything
    if not show_everything:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        atexit.register(terminal.end_in_silence)
