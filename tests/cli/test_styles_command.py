"""``onestroke styles``: the list and the sheet."""

import os
import subprocess
import sys

from PIL import Image

from onestroke.models.card import StyleEntry
from onestroke.models.style_file import load_network


def test_bundled_styles_are_the_default(run, mistake, tmp_path):
    status, said, _ = run("styles")
    assert status == 0
    assert "the_kiss            The Kiss, Gustav Klimt, 1908\n" in said
    assert "paintings in the public" in said
    photo, output = tmp_path / "photo.png", tmp_path / "out.png"
    Image.new("RGB", (37, 21), (200, 30, 90)).save(photo)
    error = mistake("stylize", photo, "--style", "the_kis", "--output", output)
    assert "unknown style 'the_kis'; did you mean the_kiss?" in error
    assert run("stylize", photo, "--style", "the_kiss", "--output", output)[0] == 0
    with Image.open(output) as painted:
        assert painted.size == (37, 21)
    status, said, _ = run("info", "base", "--all")
    assert (status, "Café Terrace at Night" in said) == (0, True)


def test_characters_outside_the_encoding_are_escaped():
    done = subprocess.run(
        [sys.executable, "-m", "onestroke", "styles"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Caf\\xe9 Terrace at Night" in done.stdout
    assert len(done.stdout.splitlines()) == 16 + 1 + 1  # the identity and the notice


def test_the_default_and_the_identity_are_explained(run):
    _, printed, _ = run("styles")
    lines = {line.split()[0]: line for line in printed.splitlines()}
    assert lines["great_wave"].endswith("1831  (default)")
    assert lines["photograph"].endswith("the photograph, unchanged; --strength blends with it")


def test_a_sheet_has_a_sample_of_every_style(run, style_file, tmp_path):
    sheet = tmp_path / "styles.png"
    status, printed, error = run("styles", "--model", style_file, "--sheet", sheet)
    assert status == 0, error
    assert f"Sheet: {sheet}" in printed.replace("\n", "")
    with Image.open(sheet) as picture:
        assert picture.height > 256  # a label above each picture
        assert picture.width > 256


def test_a_sheet_of_an_unknown_format_is_refused(mistake, style_file, tmp_path):
    assert ".gif" in mistake("styles", "--model", style_file, "--sheet", tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


HOSTILE = "<script>\x1b]8;;file:///etc/passwd\x07[red]\n\u202e"


def test_names_and_captions_of_strangers_cannot_act(run, style_file, tmp_path):
    network = load_network(style_file)
    entry = StyleEntry(name=HOSTILE, caption=HOSTILE, notice=HOSTILE)
    styles = (entry, StyleEntry(name="plain"))
    network.card = network.card.model_copy(update={"styles": styles, "licence": HOSTILE})
    network.save(tmp_path / "named.keras")
    for command in (("styles", "--model"), ("info",)):
        status, printed, error = run(*command, tmp_path / "named.keras")
        assert status == 0, error
        assert "[red]" in printed
        assert all(character == "\n" or character.isprintable() for character in printed)
    options = ("--model", tmp_path / "named.keras", "--style", "x\x1b[31m")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    status, _, error = run("stylize", tmp_path / "a.png", *options, "--output", tmp_path / "b.png")
    assert status == 2
    assert r"unknown style 'x\x1b[31m'" in error
    assert all(character == "\n" or character.isprintable() for character in error)
