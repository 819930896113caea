"""What the README tells users to type does what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import typer
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from onestroke.cli.app import app
from onestroke.models.transform_network import TransformNetwork
from onestroke.optimize.picture_settings import PictureSettings
from onestroke.stylize.litert_painter import FRUGAL_FLAGS
from onestroke.train.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the photograph and the runs that the README and the phones' guide speak of."""
    keras.utils.set_random_seed(0)  # of other weights, 8 bits may keep less than an export has to
    network = TransformNetwork("mobile")
    for run_name in ("wave", "phone"):
        (tmp_path / "runs" / run_name).mkdir(parents=True)
        network.save(tmp_path / "runs" / run_name / "style.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    return tmp_path


def test_exports_and_python_snippets_run_and_agree(place: Path) -> None:
    section = README[README.index("## Bring it to servers, phones and browsers") :].split("## ")[1]
    commands = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1].replace("\\\n", "")
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[0] == "onestroke"
        run(words, place)
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    assert code.count("\ntrain(") == 1
    code = code.replace("\ntrain(", "\nprint(")  # its settings, not its half hour
    save = (
        "phone, small = (onestroke.load(f)(photograph) for f in ('wave.tflite', "
        "'wave_384x512.tflite'))\n"
        "np.savez('painted', here=stylizer(photograph), server=painted[0].numpy(), phone=phone, "
        "small=small)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{save}"], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with np.load(place / "painted.npz") as painted, Image.open(place / "painted.jpg") as phone:
        here = painted["here"].astype(int)
        assert np.abs(here - painted["server"]).max() <= 1
        assert np.abs(here - painted["phone"]).max() <= 1
        assert np.abs(here - painted["small"]).mean() <= 2  # its kernels are stored in 8 bits
        assert phone.size == (512, 384)


def commands() -> list[str]:
    """Returns every command of README, guides and recipes, in one line each."""
    found = []
    for file in (ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("configs/*.yaml")):
        text = re.sub(r"^# ?", "", file.read_text(), flags=re.MULTILINE)  # a recipe's comments
        text = re.sub(r"\\\n\s*", "", text)
        found += re.findall(r"^ *(onestroke [a-z].*)", text, re.MULTILINE)
        in_a_sentence = re.findall(r"`(onestroke [a-z][^`]+ -[^`]+)`", text)
        found += [" ".join(one.split()) for one in in_a_sentence if not one.endswith("…")]
    return found


def test_commands_have_options_and_settings_that_exist() -> None:
    """Parses each as the command line does, without running it."""
    group = typer.main.get_command(app)
    schemas = {"optimize": PictureSettings}
    assert len(commands()) > 30
    for line in commands():
        _, name, *words = shlex.split(line, comments=True)
        context = group.commands[name].make_context(name, [w for w in words if w != "…"])
        for override in context.params.get("overrides") or ():
            key, _, value = override.partition("=")
            section, _, key = key.partition(".")
            sections = schemas.get(name, Settings).model_fields
            assert key in sections[section].annotation.model_fields, line
            assert value, line


def run(words: list[str], place: Path) -> None:
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pictures_and_files_that_it_names_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_phones_guide_uses_the_names_and_sizes_of_its_file(place: Path) -> None:
    guide = (ROOT / "docs" / "phones.md").read_text()
    command = re.search(r"^onestroke export.*?(?<!\\)$", guide, re.DOTALL | re.MULTILINE)[0]
    words = shlex.split(command.replace("\\\n", ""))
    run(words, place)
    file = place / words[-1]
    interpreter = Interpreter(str(file))
    assert interpreter.get_signature_list() == {
        "style": {"inputs": ["image"], "outputs": ["styled"]}
    }
    runner = interpreter.get_signature_runner("style")
    _, height, width, _ = runner.get_input_details()["image"]["shape"]
    kotlin = re.search(r"```kotlin\n(.*?)```", guide, re.DOTALL)[1]
    swift = re.search(r"```swift\n(.*?)```", guide, re.DOTALL)[1]
    for line in (f'FILE = "{file.name}"', f"HEIGHT = {height}", f"WIDTH = {width}"):
        assert line in kotlin
    for line in (f'file = "{file.stem}"', f"height = {height}", f"width = {width}"):
        assert line in swift
    for code in (kotlin, swift):
        assert set(re.findall(r'"(style|image|styled)"', code)) == {"style", "image", "styled"}
    assert f"xnnPackFlags = 0x{FRUGAL_FLAGS:X}" in kotlin
    assert f"(1, {height}, {width}, 3)" in guide
