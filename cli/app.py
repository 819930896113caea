"""The command line: parses, calls the library once, and turns the user's mistakes into one line."""

import errno
import io
import logging
import os
import sys
import warnings
from importlib.util import find_spec
from typing import Annotated, NoReturn

import typer

from onestroke import __version__
from onestroke.cli import terminal
from onestroke.cli.benchmark_command import benchmark
from onestroke.cli.evaluate_command import evaluate
from onestroke.cli.export_command import export
from onestroke.cli.faces_command import faces
from onestroke.cli.gallery_command import gallery
from onestroke.cli.info_command import info
from onestroke.cli.optimize_command import optimize
from onestroke.cli.serve_command import serve
from onestroke.cli.styles_command import styles
from onestroke.cli.stylize_command import stylize
from onestroke.cli.train_command import train
from onestroke.errors import OnestrokeError, SettingsError, is_out_of_memory
from onestroke.extras import check_tensorflow, find_extra
from onestroke.printable import make_printable

app = typer.Typer(
    help="Train a painting into a network that repaints any picture in one forward pass.",
    invoke_without_command=True,
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
app.add_typer(faces, name="faces")


def main() -> None:
    """Runs the command; a user's mistake ends in one line and exit status 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks does not stop what it is the name of.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _end(app(standalone_mode=False))
    except OnestrokeError as error:
        _end(error.status, str(error))
    except typer.TyperException as error:
        _end(OnestrokeError.status, _in_one_line(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mistake = "the disk is full; make room and try again"
        elif isinstance(error, PermissionError) and error.filename:
            mistake = f"no permission for {error.filename}; allow it or choose another place"
        else:
            raise
        _end(OnestrokeError.status, mistake)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = find_extra(package)
        if extra is None:
            raise
        remedy = f"pip install 'onestroke[{extra}]'"
        _end(OnestrokeError.status, f"this command needs {package}, not installed; {remedy}")
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _end(OnestrokeError.status, "too little memory; choose smaller pictures")


def _end(status: int | None, mistake: str = "") -> NoReturn:
    """Ends the process, after a line for the mistake if there is one."""
    if mistake:
        print(f"onestroke: {make_printable(mistake)}", file=sys.stderr)
    if not terminal.verbose:
        # Before the exception goes, and the LiteRT models that it holds say goodbye.
        terminal.end_in_silence()
    sys.exit(status)


def _in_one_line(error: typer.TyperException) -> str:
    """What is wrong with the options of a command, and where they are explained."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "onestroke"
    mistake = " ".join(error.format_message().split()).rstrip(".")
    return f"{mistake}; see `{command} --help`"


def _check_backend(command: str | None) -> None:
    """Settles which of Keras' backends computes: only training can do with JAX.

    Raises:
        SettingsError: it is unknown, or not installed.
    """
    if command != "train":
        os.environ["KERAS_BACKEND"] = "tensorflow"
        return
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend == "tensorflow":
        check_tensorflow("trainings")
    elif backend != "jax" or find_spec(backend) is None:
        raise SettingsError(
            f"expected KERAS_BACKEND to be tensorflow, or jax where that is installed; "
            f"got {backend}; unset it"
        )


def _say_version(asked: bool) -> None:
    if asked:
        print(f"onestroke {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    show_everything: Annotated[
        bool, typer.Option("--verbose", help="Show TensorFlow's own messages.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Options that stand before the command."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit
    _check_backend(context.invoked_subcommand)
    terminal.verbose = show_everything
    logging.getLogger("onestroke").handlers = [terminal.LogLines()]
    # What Pillow remarks about damaged metadata, no user can act on.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # Else TensorFlow takes the whole memory of a GPU, and a second process finds none.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not show_everything:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
