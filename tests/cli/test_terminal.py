"""The filter of native messages: harmless lines are dropped, nothing else is lost."""

import signal
import subprocess
import sys

import pytest

from onestroke.cli.terminal import LOST_ADVICE

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795657686.375073    2965 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795657686.375073    2965 cuda_platform.cc:52] failed call to cuInit: INTERNAL\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    b"WARNING: [npu_registry.cc:34] NPU accelerator could not be loaded and registered.\n"
    b"WARNING: [compiler_plugin.cc:312] Failed to load plugin at: /lib/plugin.so with error:\n"
    b"FaxNDecode: Bad code word at line 3 of strip 0 (x 40).\n"
    b"tempfile.tif: Using code not yet in table.\n"
    b"\xe2\x94\x94 Could not load shared library /lib/plugin.so: libopenvino.so: no such file\n"
)


def printed_by(body: str) -> tuple[int, str]:
    """Runs lines of Python inside the filter; returns the exit status and the error stream."""
    code = (
        "import logging, os, signal\n"
        "from onestroke.cli import terminal\n"
        f"CHATTER = {CHATTER!r}\n"
        "with terminal.filter_native_logs():\n"
        "    os.write(2, CHATTER)\n"
    ) + "".join(f"    {line}\n" for line in body.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,  # with a process group of its own
    )
    return done.returncode, done.stderr


def test_harmless_lines_are_dropped():
    assert printed_by("pass") == (0, "")


def test_the_end_of_a_process_by_jax_is_one_line():
    lines = (
        b"[Gloo] Rank 1 is connected to 1 peer ranks. Expected number of connected peer ranks is\n"
        b"E1126 15:06:13.735724   10450 coordination_service_agent.cc:289] Polled an error\n"
        b"F1126 15:06:13.735749   10450 client.h:80] Terminating process because the JAX "
        b"distributed service detected fatal errors. This most likely indicates\n"
        b":UNKNOWN:Error received from peer\n"
        b"*** Check failure stack trace: ***\n"
    )
    status, error = printed_by(f"os.write(2, {lines!r}); os.abort()")
    assert status == -signal.SIGABRT
    assert error == LOST_ADVICE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
@pytest.mark.parametrize(
    ("name", "saves"),
    [("SIGINT", True), ("SIGTERM", True), ("SIGHUP", True), ("SIGTERM", False)],
)
def test_signals_end_a_command_as_ctrl_c_does(name, saves):
    number = getattr(signal, name)
    body = (
        "with terminal.stop_at_interrupt() as stop:\n"
        "        end()\n"
        "        print('saved', stop.is_set())\n"
        "    raise typer.Exit(terminal.INTERRUPTED)\n"
    )
    code = (
        "import os, signal, sys, typer\n"
        "from onestroke.cli import app, terminal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # tests may run under nohup
        f"def end(): os.kill(os.getpid(), signal.{name})\n"
        f"def one():\n    {body if saves else 'end()'}\n"
        "app.app = typer.Typer()\n"
        "app.app.command()(one)\n"
        "sys.argv[1:] = []\n"
        "app.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (128 + number, "")
    assert ("saved True" in done.stdout) is saves


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups of processes")
def test_a_signal_to_the_whole_group_loses_no_line():
    status, error = printed_by(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.killpg(0, signal.SIGTERM)\n"
        "os.write(2, b'still here\\n')"
    )
    assert (status, error) == (0, "still here\n")


def test_warnings_of_loggers_are_shown():
    status, error = printed_by("logging.getLogger('onestroke.train').warning('skipped one')")
    assert (status, error) == (0, "skipped one\n")


@pytest.mark.parametrize(
    ("end", "status"),
    [("os.abort()", -signal.SIGABRT), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
)
def test_the_last_words_of_a_crash_are_shown(end, status):
    assert printed_by(f"os.write(2, b'out of registers\\n')\n{end}") == (
        status,
        "out of registers\n",
    )


def test_errors_keep_their_traceback():
    status, error = printed_by("raise ValueError('a bug')")
    assert status == 1
    assert error.startswith("Traceback")
    assert error.endswith("ValueError: a bug\n")


def test_verbose_shows_everything():
    code = (
        "import os\nfrom onestroke.cli import terminal\nterminal.verbose = True\n"
        f"with terminal.filter_native_logs():\n    os.write(2, {CHATTER!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.stderr == CHATTER
