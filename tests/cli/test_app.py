"""The command line as a whole: help, versions, mistakes in one line."""

import os
import shlex
import subprocess
import sys

import pytest
import typer

import onestroke
from onestroke.cli.app import COMMANDS, app
from onestroke.cli.faces_command import EXAMPLES as FACES_EXAMPLES


def test_help_names_every_command_and_starts_no_tensorflow():
    code = (
        "import sys; from onestroke.cli.app import main; sys.argv = ['onestroke', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('heavy:', sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "heavy: []" in done.stdout
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2].removesuffix("_command")
        [line] = [line for line in done.stdout.splitlines() if line.startswith(f"│ {name} ")]
        assert line.rstrip(" │").endswith("."), "the first sentence is cut off"


def test_no_command_prints_the_help(run):
    status, said, error = run()
    assert (status, error) == (0, "")
    assert "stylize" in said


def test_version(run):
    assert run("--version") == (0, f"onestroke {onestroke.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        "train --config RECIPE --data absent",
        "train --config cpu --data absent",  # whose precision the GPU decides
        "optimize PHOTO --style bundled --output painted.png --start absent.png",
        "optimize PHOTO --style bundled --output painted.png --start absent",
        "evaluate --model base --data bundled --report report --style bundled --set loss.absent=1",
        "evaluate --model base --data bundled --report report",  # and no paintings
    ],
)
def test_paths_and_settings_are_checked_before_tensorflow_starts(tiny_recipe, photograph, words):
    smi = photograph.with_name("nvidia-smi")
    smi.touch(0o755)
    places = {"RECIPE": str(tiny_recipe), "PHOTO": str(photograph)}
    arguments = ["onestroke", *(places.get(word, word) for word in words.split())]
    code = (
        "import sys; from onestroke.cli.app import main\n"
        f"sys.argv = {arguments!r}\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 2\n"
        "print('heavy:', sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=photograph.parent,
        env={**os.environ, "PATH": f"{smi.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert "heavy: []" in done.stdout, done.stderr


def test_unknown_commands_end_in_one_line(mistake):
    assert "No such command 'nope'; see `onestroke --help`" in mistake("nope")


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__)
def test_help_of_a_command_ends_with_two_examples(run, module, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    name = module.__name__.rpartition(".")[2].removesuffix("_command")
    status, printed, _ = run(name, "--help")
    assert status == 0
    examples = [line.strip() for line in printed.partition("Examples:")[2].splitlines()]
    assert [line for line in examples if line] == list(module.EXAMPLES)
    assert len(module.EXAMPLES) == 2
    ungrouped = printed.partition("─ Options ")[2].partition("╰")[0]
    assert sum("│ " in line and " --" in line for line in ungrouped.splitlines()) <= 9, "group them"


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__)
def test_examples_are_valid(module):
    """Every option of the examples exists."""
    for example in module.EXAMPLES:
        program, name, *arguments = shlex.split(example.partition(" > ")[0])
        assert program == "onestroke"
        command = typer.main.get_command(app).commands[name]
        command.make_context(name, arguments)


@pytest.mark.parametrize("name", FACES_EXAMPLES)
def test_help_of_faces_ends_with_valid_examples(run, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, printed, _ = run("faces", name, "--help")
    assert status == 0
    examples = [line.strip() for line in printed.partition("Examples:")[2].splitlines()]
    assert [line for line in examples if line] == list(FACES_EXAMPLES[name])
    command = typer.main.get_command(app).commands["faces"].commands[name]
    for example in FACES_EXAMPLES[name]:
        assert example.startswith(f"onestroke faces {name}")
        command.make_context(name, shlex.split(example)[3:])


def test_every_command_of_faces_has_examples():
    assert set(FACES_EXAMPLES) == set(typer.main.get_command(app).commands["faces"].commands)
