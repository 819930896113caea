"""The command line: its commands, common options, and one line for every mistake of a user."""

import io
import logging
import os
import sys
import traceback
import warnings
from typing import Annotated, NoReturn

import typer

from onestroke import __version__
from onestroke.cli import (
    benchmark_command,
    doctor_command,
    dream_command,
    evaluate_command,
    export_command,
    gallery_command,
    info_command,
    optimize_command,
    serve_command,
    settings_command,
    styles_command,
    stylize_command,
    terminal,
    train_command,
    video_command,
)
from onestroke.cli.faces_command import faces
from onestroke.cli.options import format_examples
from onestroke.errors import OnestrokeError, is_full_disk, is_out_of_memory
from onestroke.extras import find_extra
from onestroke.models.keras_defaults import differs_from_defaults, set_defaults
from onestroke.printable import make_printable
from onestroke.train.processes import is_joined

app = typer.Typer(
    help="Train a painting into a network that repaints any picture in one forward pass.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
COMMANDS = (
    stylize_command,
    video_command,
    styles_command,
    gallery_command,
    train_command,
    optimize_command,
    dream_command,
    evaluate_command,
    export_command,
    serve_command,
    benchmark_command,
    info_command,
    settings_command,
    doctor_command,
)
# Those that build more than a network to paint with, for which the user's keras.json matters.
KERAS_COMMANDS = ("train", "optimize", "dream", "evaluate", "export", "benchmark", "faces")
for module in COMMANDS:
    name = module.__name__.rpartition(".")[2].removesuffix("_command")
    app.command(name, epilog=format_examples(module.EXAMPLES))(getattr(module, name))
app.add_typer(faces, name="faces", short_help="Recognise people by their faces.")


def main() -> None:
    """Runs the command. A mistake of the user ends in one line and exit status 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name with characters outside the terminal's encoding must not stop the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminal.interrupt_at_signals():
            status = app(prog_name="onestroke", standalone_mode=False)
        _end(terminal.exit_status(status))
    except OnestrokeError as error:
        _end(error.status, str(error))
    except typer.TyperException as error:
        _end(OnestrokeError.status, _in_one_line(error))
    except Exception as error:
        mistake = _describe_machine_error(error)
        if mistake is None:
            if is_joined():
                traceback.print_exc()
                _leave(1)
            raise
        _end(OnestrokeError.status, mistake)


def _describe_machine_error(error: Exception) -> str | None:
    """Returns a line for an error that the machine caused; None for a bug."""
    if is_full_disk(error):
        return "the disk is full; free some space and try again"
    if isinstance(error, PermissionError) and error.filename:
        return f"no permission for {error.filename}; allow it or choose another place"
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if extra := find_extra(package):
            return f"this command needs {package}; install it: pip install 'onestroke[{extra}]'"
    if is_out_of_memory(error):
        return "out of memory; choose smaller pictures"
    return None


def _end(status: int | None, mistake: str = "") -> NoReturn:
    """Ends the process, after a line for the mistake, if any."""
    if mistake:
        print(f"onestroke: {make_printable(mistake)}", file=sys.stderr)
    if not terminal.verbose:
        terminal.silence_exit()
    if mistake and is_joined():
        _leave(status)
    sys.exit(status)


def _leave(status: int | None) -> NoReturn:
    """Ends a process of several at once. JAX would wait for the others, which wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def _in_one_line(error: typer.TyperException) -> str:
    """Describes a mistake in the options of a command."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "onestroke"
    mistake = " ".join(error.format_message().split()).rstrip(".")
    return f"{mistake}; see `{command} --help`"


def _print_version(asked: bool) -> None:
    if asked:
        print(f"onestroke {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    show_everything: Annotated[
        bool, typer.Option("--verbose", help="Show all messages of TensorFlow and LiteRT.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Common options."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit
    # Only training runs with another backend.
    if context.invoked_subcommand != "train" or not os.environ.get("KERAS_BACKEND"):
        os.environ["KERAS_BACKEND"] = "tensorflow"
    terminal.verbose = show_everything
    logging.getLogger("onestroke").handlers = [terminal.LogLines()]
    # Users cannot act on what Pillow reports about damaged metadata.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # Otherwise TensorFlow reserves the whole memory of a GPU, and a second process gets none.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not show_everything:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if context.invoked_subcommand in KERAS_COMMANDS and differs_from_defaults():
        with terminal.filter_native_logs():
            set_defaults()
