"""Every command and Python example in README.md and docs/ is run, on tiny pictures and networks.

``NOT_RUN`` lists the exceptions, each with its reason.
"""

import contextlib
import re
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from typer.testing import CliRunner

import onestroke
from onestroke import configs
from onestroke.cli.app import app
from onestroke.export import ready_page, web_page
from onestroke.export.page_server import PageServer
from onestroke.models.presets import PRESETS, Preset, Step
from onestroke.models.style_file import BUNDLED, read_card
from onestroke.optimize.dream_settings import DreamSettings
from onestroke.optimize.picture_settings import PictureSettings
from onestroke.stylize import litert_runner
from onestroke.stylize.ffmpeg import find_ffmpeg
from onestroke.stylize.runtime_file import runtime_file_of
from onestroke.train.settings import Settings

# `uncompiled` applies to the steps of a training; TensorFlow says that it does not to its data.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the:UserWarning")

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
SCHEMAS = {"optimize": PictureSettings, "dream": DreamSettings}

# Commands of other programs: the test checks what it can without running them.
OTHER_PROGRAMS = {
    "python3": "creates a virtual environment, or runs a script",
    "pip": "needs a package index; the extras are checked",
    "npm": "needs a package index",
    "make": "runs this test; the targets are checked",
    "pytest": "runs this test; the files are checked",
    "ffmpeg": "is not a dependency",
    "tensorboard": "does not end",
}
# Commands of onestroke that are parsed, but not run.
NOT_RUN = {
    "--config coco": "downloads COCO",
    "train --config base --data": "needs sixteen paintings",
    "benchmark --model": "starts processes; tests/export/test_model_benchmark.py runs it",
    "benchmark --config": "compiles many graphs; tests/cli/test_app.py runs it",
    "faces install": "needs the published weights; tests/cli/test_faces_command.py runs the others",
    "faces enroll Ada ada1.jpg ada2.jpg": "needs the published weights",
    "faces identify": "needs the published weights",
    "faces verify": "needs the published weights",
    "faces list": "needs the database of the commands above",
    "faces remove": "needs the database of the commands above",
    "--faces": "needs the published weights",
    "--votes": "needs votes on one sheet; tests/cli/test_evaluate_command.py counts some",
    "--flow": "needs true flow; tests/evaluate/test_video_stability.py measures it",
}

# Appended to every training: a few seconds of the smallest network. A command may set the preset.
TINY_LOSS = {"loss.content": "{relu1_2: 1}", "loss.style": "{relu1_1: 1}"}
TINY_TRAINING = {
    **TINY_LOSS,
    "network.preset": "mobile",
    "style.size": "32",
    "data.crop": "32",
    "data.validation_count": "1",
    "data.validation_size": "32",
    "train.steps": "1",
    "train.precision": "float32",
    "train.sample_every": "1",
}
TINY_OPTIMIZATION = {**TINY_LOSS, "optimize.size": "32", "optimize.iterations": "1"}
TINY_DREAM = {"dream.size": "128", "dream.octaves": "1", "dream.iterations": "1"}
TINY_FACES = {
    "faces.side": "32",
    "faces.width": "4",
    "faces.steps": "1",
    "faces.held_out": "0.4",
}
# Takes the place of the preset `mobile` and of the bundled networks, for speed.
TINY_NETWORK = Preset(
    down=(Step(8, 5, 2), Step(8, 3, 2)), blocks=1, up=(Step(8, 3, 2), Step(3, 3, 2))
)
PLACEHOLDERS = {
    "QUANTIZE": "dynamic",
    "SIZE": "64x64",
    "NAME": "great_wave",
    "MODEL": "runs/wave",
    "PAINTING": "paintings/great_wave_hokusai_1831.jpg",
}
PAINTINGS = (
    "wave",
    "scream",
    "great_wave_hokusai_1831",
    "composition_vii_kandinsky_1913",
    "the_scream_munch_1893",
    "starry_night_van_gogh_1889",
)
SMALLER = {"--size": "64", "--time-size": "64", "--count": "1", "--baseline-iterations": "1"}
STAGES = ("train", "export")  # what other commands need runs first


@dataclass(frozen=True)
class Command:
    """A command that a page shows, in one line."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)

    @property
    def program(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def commands_of(page: Path) -> list[Command]:
    """Returns the commands of a page: of its blocks, its tables and its sentences."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for inline in re.findall(r"`([^`]+)`", prose):
        inline = " ".join(inline.split())
        if re.match(
            r"onestroke [a-z]+ .*|pip install .*|pytest .*|make( PYTHON=\S+)? [a-z-]+$", inline
        ):
            lines.append(inline)
    lines = [line.removeprefix("/usr/bin/time -v ") for line in lines]  # not everywhere
    parts = [part.strip() for line in lines for part in line.split(" && ")]
    return [Command(page.name, part) for part in parts if part and not part.startswith("#")]


def commands_of_recipe(file: Path) -> list[Command]:
    text = re.sub(r"^# ?", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [Command(file.name, line) for line in re.findall(r"^ *(onestroke [a-z].*)", text, re.M)]


COMMANDS = [command for page in PAGES for command in commands_of(page)]
OURS = [command for command in COMMANDS if command.program == "onestroke"]
RECIPES = sorted(Path(configs.__file__).parent.glob("*.yaml"))


def is_run(command: Command) -> bool:
    return not any(part in command.line for part in NOT_RUN)


def to_run() -> list[Command]:
    """Returns every command that is run, once, trainings and exports first."""
    once = {shlex.join(command.words): command for command in reversed(OURS) if is_run(command)}

    def stage(command: Command) -> int:
        return min(STAGES.index(word) if word in STAGES else 9 for word in command.words[1:3])

    return sorted(reversed(once.values()), key=stage)


def shrink(words: list[str]) -> list[str]:
    """Returns the words of a command for tiny pictures, few steps and one measurement."""
    name = words[0]
    shrunk, seen = [name], set()
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("--") or word in ("--only", "--uint8"):
            shrunk.append(PLACEHOLDERS.get(word, word))
            continue
        if name == "evaluate" and word in SMALLER:
            value = SMALLER[word] if next(rest) != "0" else "0"
            shrunk += [] if word in seen else [word, value]
        else:
            shrunk.append(word)
        seen.add(word)
    sets: dict[str, str] = {}
    if name == "train" and {"--config", "--init"} & {*words}:
        sets = TINY_TRAINING
    elif words[:2] == ["faces", "train"]:
        sets = TINY_FACES
    elif name == "optimize":
        sets = TINY_OPTIMIZATION
    elif name == "dream":
        sets = TINY_DREAM
    elif name == "evaluate":
        sets = TINY_LOSS
        missing = {key: value for key, value in SMALLER.items() if key not in seen}
        shrunk += [word for option in missing.items() for word in option]
    for key, value in sets.items():
        if key != "network.preset" or not any(word.startswith(f"{key}=") for word in words):
            shrunk += ["--set", f"{key}={value}"]
    return [*shrunk, "--port", "0"] if name == "serve" else shrunk


def clear(words: list[str]) -> None:
    """Deletes what a command is about to write."""
    places = [words[words.index("--output") + 1]] if "--output" in words else []
    places += [str(Path(place).with_suffix(".png")) for place in places if words[0] == "gallery"]
    if words[0] == "train" and ("--config" in words or "--init" in words):
        recipe = Path(words[words.index("--config") + 1]).stem if "--config" in words else ""
        run = words[words.index("--run") + 1] if "--run" in words else f"runs/{recipe}"
        places.append(run)
    for place in (*places, *(f"{place}.json" for place in places)):
        shutil.rmtree(place, ignore_errors=True)
        Path(place).unlink(missing_ok=True)


def write_files(folder: Path) -> None:
    """Writes the pictures that the pages name."""
    rng = np.random.default_rng(0)

    def picture(name: str, size: tuple[int, int] = (64, 96)) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize(size[::-1]).save(path)

    picture("photo.jpg", (384, 512))
    picture("ada1.jpg", (64, 64))
    for person in range(10):
        for number in range(2):
            picture(f"people/{person}/{number}.jpg", (32, 32))
    picture("data/photographs/validation/colosseum.jpg")
    for name in ("wave", "mine", "scream", "a", "b"):
        picture(f"{name}.jpg", (64, 64))
    picture("flowers.jpg", (128, 128))
    for name in PAINTINGS:
        picture(f"paintings/{name}.jpg", (64, 64))
    for name in ("Pictures", "photos", "PHOTOGRAPHS", "THEIRS", "HELDOUT", "frames"):
        for number in range(2):
            picture(f"{name}/{number}.jpg")
    choices = (ROOT / "docs" / "choices.md").read_text()
    for name, recipe in re.findall(r"```yaml\n# (\S+)\n(.*?)```", choices, re.DOTALL):
        (folder / name).write_text(recipe)
    clip = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=0.6", str(folder / "clip.mp4")]
    subprocess.run([find_ffmpeg(), "-v", "error", *clip], check=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with everything that the pages name, in which the commands are run."""
    import keras

    from onestroke.losses import style_targets
    from onestroke.models.transform_network import TransformNetwork
    from onestroke.train import initial_rows, training

    folder = tmp_path_factory.mktemp("docs")
    write_files(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        card = read_card(BUNDLED["base_mobile"])
        patch.setitem(PRESETS, "mobile", TINY_NETWORK)
        keras.utils.set_random_seed(0)
        network = TransformNetwork("mobile", len(card.styles), identity=card.identity, card=card)
        network.save(folder / "bundled.keras")
        shutil.copy(runtime_file_of(BUNDLED["base_mobile"]), folder / "bundled.tflite")
        for name in BUNDLED:
            patch.setitem(BUNDLED, name, folder / "bundled.keras")
        for module in (ready_page, web_page):
            patch.setattr(module, "find_runtime", lambda: folder)  # instead of a download
        patch.setattr(web_page, "copy_runtime", lambda runtime, target: None)
        tiny = np.asarray(Image.open(folder / "photos" / "0.jpg"))
        trials = tiny[None].astype(np.float32)
        patch.setattr(initial_rows, "trial_photographs", lambda: trials)  # four of 160 px else
        patch.setattr(style_targets, "typical_photographs", lambda: [tiny])  # of 256 px else
        write = training.write_runtime_file
        patch.setattr(  # of one run only; the others are painted by Keras
            training, "write_runtime_file", lambda file: write(file) if "wave" in str(file) else 0
        )
        patch.setattr(PageServer, "serve_forever", stop_serving)
        yield folder


@contextlib.contextmanager
def uncompiled(name: str) -> Iterator[None]:
    """Runs the steps of a training as they are: compiling them takes longer than one step."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(name == "train")
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def stop_serving(server: PageServer) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def failures(place: Path) -> list[str]:
    """Runs all commands, and returns what went wrong."""
    found = []
    for command in to_run():
        words = shrink(command.words[1:])
        clear(words)
        begin = time.process_time()
        with uncompiled(words[0]):
            result = CliRunner().invoke(app, words, standalone_mode=False)
        print(f"{time.process_time() - begin:.1f} s  {command}")
        if result.exit_code or result.exception:
            found.append(f"{command}\n  {result.exception!r}\n  {result.output[-500:]}")
    return found


def test_commands_run(failures: list[str]) -> None:
    assert not failures, "\n".join(failures)
    assert len(to_run()) > 40


def test_python_examples_run(failures: list[str], place: Path) -> None:
    for file in RECIPES:  # a file in this folder is found before the recipe of the same name
        recipe = yaml.safe_load(file.read_text())
        for key, value in TINY_TRAINING.items():
            section, name = key.split(".")
            recipe.setdefault(section, {})[name] = yaml.safe_load(value)
        Path(file.stem).write_text(yaml.safe_dump(recipe))
    examples = [
        (page, code)
        for page in PAGES
        for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    assert len(examples) > 3
    for page, code in examples:
        with uncompiled("train"):
            exec(compile(code, str(page), "exec"), {})


def test_exports_paint_what_the_network_paints(failures: list[str], place: Path) -> None:
    import tensorflow as tf

    photograph = np.asarray(Image.open("photo.jpg").convert("RGB"))
    network = onestroke.load("runs/wave")(photograph).astype(int)
    serve = tf.saved_model.load("wave_saved_model").signatures["serving_default"]
    server = serve(image=tf.constant(photograph[None]))["styled"][0].numpy()
    assert np.abs(network - server).max() <= 1
    assert np.abs(network - onestroke.load("wave.tflite")(photograph)).max() <= 1
    # The kernels of this file have 8 bits.
    assert np.abs(network - onestroke.load("wave_384x512.tflite")(photograph)).mean() <= 2


def test_phones_guide_names_what_its_file_has(failures: list[str], place: Path) -> None:
    guide = (ROOT / "docs" / "phones.md").read_text()
    exports = [c for c in commands_of(ROOT / "docs" / "phones.md") if " export " in c.line]
    file = Path(exports[0].words[-1])
    interpreter = Interpreter(str(file))
    assert interpreter.get_signature_list() == {
        "style": {"inputs": ["image"], "outputs": ["styled"]}
    }
    runner = interpreter.get_signature_runner("style")
    _, height, width, _ = runner.get_input_details()["image"]["shape"]
    kotlin = re.search(r"```kotlin\n(.*?)```", guide, re.DOTALL)[1]
    swift = re.search(r"```swift\n(.*?)```", guide, re.DOTALL)[1]
    for line in (f'FILE = "{file.name}"', f"HEIGHT = {height}", f"WIDTH = {width}"):
        assert f"const val {line}\n" in kotlin
    for line in (f'file = "{file.stem}"', f"height = {height}", f"width = {width}"):
        assert line in swift
    for code in (kotlin, swift):
        assert set(re.findall(r'"(style|image|styled)"', code)) == {"style", "image", "styled"}
    flags = dict(re.findall(r"const val (\w+) = (0x\w+)", kotlin))
    assert {name: int(value, 16) for name, value in flags.items()} == {
        name: getattr(litert_runner, name) for name in flags
    }
    assert f"xnnPackFlags = {' or '.join(flags)}\n" in kotlin
    assert sum(int(value, 16) for value in flags.values()) == litert_runner.FRUGAL_FLAGS
    assert f"(1, {height}, {width}, 3)" in guide
    assert f"({file.name})" in guide


def test_file_for_phones_paints_as_the_bundled_network() -> None:
    lake = Image.open(ROOT / "data" / "photographs" / "validation" / "mountain-lake.jpg")
    photograph = np.asarray(lake.convert("RGB").resize((384, 512)))
    attached = onestroke.load(ROOT / "docs" / "wave_512x384.tflite")
    assert attached.style_names == ("great_wave",)
    bundled = onestroke.load(ROOT / "models" / "base_mobile.tflite")
    expected = bundled(photograph, style="great_wave").astype(int)
    assert np.abs(attached(photograph) - expected).mean() <= 0.1


def test_phones_guide_paints_tiles_with_the_tensors_of_the_file() -> None:
    guide = (ROOT / "docs" / "phones.md").read_text()
    blocks = re.findall(r"```kotlin\n(.*?)```", guide, re.DOTALL)
    (kotlin,) = (block for block in blocks if "class TilePainter" in block)
    interpreter = Interpreter(str(ROOT / "models" / "base_mobile.tflite"))
    runner = interpreter.get_signature_runner("style")
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    channels = inputs["moments"]["shape"][-1]
    assert f"const val CHANNELS = {channels} " in kotlin
    assert set(re.findall(r'createInputBuffer\("(\w+)"', kotlin)) == {*inputs}
    assert set(re.findall(r'createOutputBuffer\("(\w+)"', kotlin)) == {*outputs}


@pytest.mark.parametrize(
    "command", [*OURS, *(c for file in RECIPES for c in commands_of_recipe(file))], ids=str
)
def test_command_has_options_and_settings_that_exist(command: Command) -> None:
    name, *words = (word for word in command.words[1:] if word != "…")
    group = typer.main.get_command(app).commands[name]
    if hasattr(group, "commands"):  # as `onestroke faces enroll`
        subname, *words = words
        context = group.commands[subname].make_context(subname, words)
    else:
        context = group.make_context(name, words)
    for override in context.params.get("overrides") or ():
        key, _, value = override.partition("=")
        section, _, key = key.partition(".")
        sections = SCHEMAS.get(name, Settings).model_fields
        assert key in sections[section].annotation.model_fields
        assert value


def test_other_commands_name_what_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for command in COMMANDS:
        if command.program == "onestroke":
            continue
        assert command.program in {*OTHER_PROGRAMS, "source"}, command
        if command.program == "make":
            assert re.search(rf"^{command.words[-1]}:", makefile, re.MULTILINE), command
        for extras in re.findall(r"\'?\.\[(.*?)\]", command.line):
            assert set(extras.split(",")) <= project["optional-dependencies"].keys(), command
        for file in re.findall(r"tests/\S+\.py", command.line):
            assert (ROOT / file).is_file(), command


def test_exceptions_are_in_use() -> None:
    programs = {command.program for command in COMMANDS}
    assert OTHER_PROGRAMS.keys() <= programs
    for part in NOT_RUN:
        assert any(part in command.line for command in OURS), part


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        if anchor:
            assert anchor in map(slug, re.findall(r"^#+ (.*)", path.read_text(), re.M)), target


def test_code_files_named_exist() -> None:
    """The tour of the README and the tables of the architecture name real files."""
    for page in (ROOT / "README.md", ROOT / "docs" / "architecture.md"):
        for name in re.findall(r"`([a-z_0-9]+/[a-z_0-9/.]*)`", page.read_text()):
            assert (ROOT / name).exists() or name.startswith(("runs/", "build/")), name


def test_readme_fits_into_200_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
