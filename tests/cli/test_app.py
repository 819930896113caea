"""The command line as users meet it: what it prints, its exit status, its mistakes in one line."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from PIL import Image

import onestroke
from onestroke.cli import terminal
from onestroke.cli.app import main
from onestroke.cli.train_command import losses_of_styles
from onestroke.pictures import read_picture, resize
from onestroke.stylize.model import load
from onestroke.train.settings import compose_recipe


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns exit status, standard output and error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["onestroke", *map(str, arguments)])
        monkeypatch.setattr(terminal, "end_in_silence", lambda: None)  # this process goes on
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished run of three steps."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = {
        "network": {"preset": "mobile"},
        "style": {"size": 48},
        "loss": {"content": {"relu2_1": 1}, "style": {"relu1_1": 1}},
        "data": {"crop": 32, "batch": 1, "validation_size": 48},
        "train": {"steps": 3, "precision": "float32", "log_every": 1},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    where = ["--config", str(folder / "recipe.yaml"), "--run", str(folder / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "onestroke", "train", *where], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (folder / "printed.txt").write_text(done.stdout + done.stderr)
    return folder / "run"


EXPORT = ["export", "--model", "m", "--output", "out", "--format"]


def is_one_line(error: str) -> bool:
    return error.startswith("onestroke: ") and error.count("\n") == 1


def test_help_names_every_command_and_starts_no_tensorflow():
    code = (
        "import sys; from onestroke.cli.app import main; sys.argv = ['onestroke', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('heavy:', sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "heavy: []" in done.stdout
    for command in (
        "train",
        "stylize",
        "optimize",
        "evaluate",
        "export",
        "serve",
        "benchmark",
        "styles",
        "gallery",
        "info",
    ):
        assert f"  {command} " in done.stdout


def test_training_prints_plain_lines_where_there_is_no_terminal(trained):
    printed = (trained.parent / "printed.txt").read_text()
    assert f"Training bundled on 14 photographs in {trained}." in printed
    assert "More photographs make a better style: " in printed
    assert "step 3/3  loss " in printed
    assert "On photographs not trained on: style loss " in printed
    assert f"Style file: {trained / 'style.keras'}" in printed
    assert f"onestroke stylize PHOTO --model {trained} --style bundled --output" in printed
    assert "oneDNN" not in printed, "TensorFlow's own messages are not silent"


def test_a_finished_run_says_so(run, trained):
    status, said, _ = run("train", "--run", trained)
    assert status == 0
    assert f"Resuming {trained} at step 3 of 3." in said


def test_stylize_paints_a_picture_at_its_size(run, trained, tmp_path):
    Image.new("RGB", (37, 21), (200, 30, 90)).save(tmp_path / "photo.png")
    status, said, _ = run(
        "stylize", tmp_path / "photo.png", "--model", trained, "--output", tmp_path / "out.png"
    )
    assert status == 0
    assert "1/1" in said
    with Image.open(tmp_path / "out.png") as painted:
        assert painted.size == (37, 21)


def test_styles_are_listed_and_chosen(run, style_file, tmp_path):
    status, said, _ = run("styles", "--model", style_file)
    assert (status, said.split()) == (0, ["wave", "scream"])
    Image.new("RGB", (37, 21), (200, 30, 90)).save(tmp_path / "photo.png")

    def painted(*styles):
        given = [part for style in styles for part in ("--style", style)]
        output = tmp_path / "out.png"
        run("stylize", tmp_path / "photo.png", "--model", style_file, "--output", output, *given)
        return np.asarray(Image.open(output)).astype(int)

    wave, scream = painted("wave"), painted("scream:0.5")
    assert np.abs(wave - scream).max() > 3
    np.testing.assert_array_equal(painted(), wave)
    np.testing.assert_array_equal(painted("wave:2", "scream:0"), wave)
    status, _, error = run(
        *("stylize", tmp_path / "photo.png", "--model", style_file),
        *("--output", tmp_path / "no.png", "--style", "wawe:0.4"),
    )
    assert (status, is_one_line(error)) == (2, True)
    assert "received 'wawe'; did you mean wave?" in error
    assert not (tmp_path / "no.png").exists()


def test_the_styles_of_the_package_need_no_model(run, tmp_path):
    status, said, _ = run("styles")
    assert status == 0
    assert "the_kiss            The Kiss, Gustav Klimt, 1908\n" in said
    assert "paintings in the public" in said
    photo, output = tmp_path / "photo.png", tmp_path / "out.png"
    Image.new("RGB", (37, 21), (200, 30, 90)).save(photo)
    status, _, error = run("stylize", photo, "--style", "the_kis", "--output", output)
    assert (status, is_one_line(error)) == (2, True)
    assert "received 'the_kis'; did you mean the_kiss?" in error
    assert run("stylize", photo, "--style", "the_kiss", "--output", output)[0] == 0
    with Image.open(output) as painted:
        assert painted.size == (37, 21)
    status, said, _ = run("info", "base")
    assert (status, "Café Terrace at Night" in said) == (0, True)


@pytest.mark.parametrize("only", [False, True])
def test_a_folder_of_paintings_is_added_to_a_known_network(
    run, style_file, tiny_values, tmp_path, only
):
    tiny_values["network"] = {"preset": "johnson"}  # the known network is smaller
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tiny_values))
    paintings = tmp_path / "paintings"
    paintings.mkdir()
    for name in ("sea", "night"):
        noise = np.random.default_rng(len(name)).integers(0, 256, (60, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(paintings / f"{name}.png")
    status, said, error = run(
        *("train", "--config", recipe, "--init", style_file, "--style", paintings),
        *("--run", tmp_path / "run", "--set", "train.steps=2", *(["--only"] if only else [])),
    )
    assert status == 0, error
    assert "Training night, sea on 14 photographs in " in said
    assert "  night  " in said
    _, said, _ = run("styles", "--model", tmp_path / "run")
    assert said.split() == ([] if only else ["wave", "scream"]) + ["night", "sea"]


def test_default_recipes_with_init_and_with_learn_all():
    rows, rows_name = compose_recipe(None, init="base", styles=["sea.png"])
    whole, whole_name = compose_recipe(
        None,
        init="base_mobile",
        learn_all=True,
        styles=["sea.png"],
        overrides=["train.steps=2"],
    )
    assert (rows_name, whole_name) == ("new_style", "cpu")
    assert (rows.network.init, rows.network.learn, rows.network.joins) == ("base", "rows", True)
    network = whole.network
    assert (network.init, network.preset, network.learn) == ("base_mobile", "mobile", "all")
    assert (whole.train.learning_rate, whole.train.steps) == (0.003, 2), "cpu.yaml's, not rows'"


def test_a_style_that_lags_is_seen():
    before = {"style": 1.0, "style/sea": 1.0, "style/night": 1.0, "style/photograph": 1.0}
    after = {"style": 0.3, "style/sea": 0.1, "style/night": 0.5, "style/photograph": 0.0}
    after |= {"content/sea": 0.7, "content/night": 0.6, "content/photograph": 0.0}
    assert losses_of_styles(before, after) == [
        "  sea    1.000 -> 0.100 (10%), content 0.700",
        "  night  1.000 -> 0.500 (50%), content 0.600",
    ]
    before["style/storm"], after["style/storm"], after["content/storm"] = 1.0, 0.12, 0.8
    assert losses_of_styles(before, after)[1].endswith("content 0.600, lags behind")
    del after["content/night"]  # as in runs of older versions
    assert losses_of_styles(before, after)[1].endswith("(50%), lags behind")


def test_gallery(run, style_file, tmp_path):
    Image.new("RGB", (64, 64), (200, 30, 90)).save(tmp_path / "photo.png")
    page = tmp_path / "page.html"
    status, said, _ = run(
        "gallery", tmp_path / "photo.png", "--model", style_file, "--output", page
    )
    assert status == 0
    assert f"Gallery: {page}, {page.with_suffix('.png')}" in said.replace("\n", "")
    assert page.is_file()


def test_brackets_in_a_name_are_printed_as_they_are(run, trained, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "photo [raw] :star:.png")
    source = tmp_path / "photo [raw] :star:.png"
    _, said, _ = run("stylize", source, "--model", trained, "--output", tmp_path / "out [/y].png")
    assert "out [/y].png" in said


def test_damaged_run_files_end_in_one_line(run, trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "metrics.jsonl").unlink()
    assert run("train", "--run", copy)[0] == 0
    (copy / "settings.yaml").write_text("train: {steps")
    status, _, error = run("train", "--run", copy)
    assert status == 2
    assert is_one_line(error)
    assert "expected YAML in" in error


def test_strength_zero_gives_the_photograph_back(run, trained, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    arguments = ("stylize", tmp_path / "photo.png", "--model", trained / "style.keras")
    assert run(*arguments, "--output", tmp_path / "same.png", "--strength", 0)[0] == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "same.png")), pixels)


def test_a_broken_picture_does_not_stop_the_others(run, trained, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"no picture")
    Image.new("RGB", (20, 20)).save(photos / "b.jpg")
    status, said, error = run("stylize", photos, "--model", trained, "--output", tmp_path / "out")
    assert status == 2
    assert is_one_line(error)
    assert "1 of 2 pictures could not be painted, for the reasons above: " in error
    assert "a.jpg" in error
    assert (tmp_path / "out" / "b.jpg").is_file()
    assert "1/2" in said


def test_info_of_a_style_file_and_a_run(run, trained):
    said = yaml.safe_load(run("info", trained / "style.keras")[1])
    assert said["trainings"][0]["vgg19"]["name"] == "bundled"
    assert said["preset"] == "mobile"
    said = yaml.safe_load(run("info", trained)[1])
    assert said["steps"] == "3 of 3"
    assert said["settings"]["train"]["steps"] == 3


def test_benchmark_shows_pipeline_and_shares(run, tiny_recipe, monkeypatch):
    from onestroke.train import step_benchmark

    monkeypatch.setattr(step_benchmark, "PIPELINE_SECONDS", 0.1)
    status, said, _ = run("benchmark", "--config", tiny_recipe, "--size", 32, "--runs", 1)
    assert status == 0
    for words in ("pipeline", "VGG19", "network", "input"):
        assert words in said
    row = next(line for line in said.splitlines() if "float32" in line)
    crop, _, steps, pictures, pipeline, *shares = row.replace("│", " ").split()
    assert crop == "32"
    assert float(pictures) == pytest.approx(2 * float(steps), abs=0.2)  # a batch of two
    assert float(pipeline) > 0
    assert sum(int(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [
        ((1.0, 0.9, 0.4), {"VGG19": 0.5, "network": 0.4, "input": 0.1}),
        ((1.0, 1.1, 0.4), {"VGG19": 0.6, "network": 0.4, "input": 0.0}),  # noise in the times
        ((1.0, 1.0, 1.2), {"VGG19": 0.0, "network": 1.0, "input": 0.0}),
        ((1.0, 0.6, 0.8), {"VGG19": 0.0, "network": 0.6, "input": 0.4}),
    ],
)
def test_shares_of_a_step(seconds, shares):
    from onestroke.train.step_benchmark import StepTiming

    step, without_input, without_loss = seconds
    timing = StepTiming(128, "float32", 500.0, step, without_input, without_loss, batch=4)
    assert timing.shares() == pytest.approx(shares)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train"], "expected --config RECIPE to begin a run, --init MODEL to learn a style"),
        (["train", "--run", "absent"], "expected a run folder with settings.yaml; absent has none"),
        (["train", "--run", "x", "--style", "a"], "expected --run alone to resume"),
        (["train", "--config", "absent.yaml"], "cannot read absent.yaml"),
        (["train", "--nope"], "No such option: --nope; see `onestroke train --help`"),
        (["nope"], "No such command 'nope'; see `onestroke --help`"),
        (["stylize", "PHOTO"], "Missing option '--output'; see `onestroke stylize --help`"),
        (
            ["stylize", "PHOTO", "--output", "b.jpg", "--strength", "2"],
            "expected a strength from 0 (the photograph) to 1 (the full style); received 2",
        ),
        (["stylize", "PHOTO", "--output", "b.jpg", "--style", "nope"], "received 'nope'"),
        (["export", *EXPORT[3:], "tflite", "--model", "a.tflite"], "a.tflite is an export"),
        (["train", "--config", "CONFIG", "--set", "train.step=3"], "did you mean train.steps?"),
        (["train", "--config", "CONFIG", "--style", "absent.jpg"], "absent.jpg"),
        (["train", "--config", "CONFIG", "--data", "absent"], "absent"),
        (
            ["train", "--config", "CONFIG", "--style", ""],
            "expected --style PATH; received an empty",
        ),
        (["train", "--config", "CONFIG", "--init", ""], "no style.keras in .; expected"),
        (["train", "--config", "CONFIG", "--run", "base"], "package; choose runs/base"),
        (["stylize", "", "--output", "b.jpg"], "a folder or a glob; received an empty name"),
        (["gallery", "", "--output", "b.html"], "a folder or a glob; received an empty name"),
        (["info", "absent.keras"], "no model absent.keras"),
        (["info", "CONFIG"], "tiny.yaml is no style file"),
        (["stylize", "a.jpg", "--model", "m.keras", "--output", "b.jpg"], "a.jpg"),
        (["benchmark"], "expected --model MODEL to time painting, or --config RECIPE"),
        (["benchmark", "--model", "absent.tflite"], "cannot open absent.tflite"),
        (["benchmark", "--model", "m", "--config", "CONFIG"], "expected --model MODEL to time"),
        (["benchmark", "--config", "CONFIG", "--threads", "1"], "--threads, --json and --plot"),
        (
            ["benchmark", "--config", "CONFIG", "--size", "4x4"],
            "expected --size N for square crops",
        ),
        (["benchmark", "--model", "m", "--precision", "float32"], "--precision and --set belong"),
        (["benchmark", "--model", "m", "--plot", "a.bmp"], "ends in .png, .svg or .pdf"),
        ([*EXPORT, "tflite", "--model", "other"], "expected one --model for tflite; received 2"),
        (
            ["train", "--config", "cpu", "--only"],
            "where rows are learnt beside them: with --init MODEL or --config new_style",
        ),
        (["train", "--config", "cpu", "--learn-all"], "expected --init MODEL with --learn-all"),
        (["train", "--init", "base", "--learn-all", "--only"], "expected --only or --learn-all"),
        (
            ["train", "--init", "base", "--learn-all", "--set", "network.learn=rows"],
            "expected --learn-all or --set network.learn=rows; got both",
        ),
        ([*EXPORT, "tflite", "--data", "photos"], "--data belongs to --quantize int8"),
        ([*EXPORT, "tflite", "--quantize", "int8"], "expected a size for int8"),
        ([*EXPORT, "tflite", "--size", "8"], "expected a size of at least 16x16 pixels"),
        ([*EXPORT, "web", "--quantize", "int8"], "expected photographs for int8"),
        ([*EXPORT, "web"], "no model m"),
        (["serve", "."], "expected a page that `onestroke export --format web` wrote"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(
    run, tiny_recipe, photograph, tmp_path, monkeypatch, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    places = {"CONFIG": str(tiny_recipe), "PHOTO": str(photograph)}
    arguments = [places.get(a, a) for a in arguments]
    before = sorted(tmp_path.rglob("*"))
    status, _, error = run(*arguments)
    assert status == 2
    assert is_one_line(error), error
    assert expected in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert (status, error) == (2, "onestroke: the disk is full; make room and try again\n")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_too_little_memory_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def fill(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(os, "fsync", fill)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert (status, error) == (2, "onestroke: too little memory; choose smaller pictures\n")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_name_that_the_terminal_cannot_write_stops_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "onestroke", "styles"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Caf\\xe9 Terrace at Night" in done.stdout
    assert len(done.stdout.splitlines()) == 12 + 1  # the notice


def test_a_missing_permission_ends_in_one_line(run, trained, tmp_path, monkeypatch):
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    target = tmp_path / "style.tflite"
    status, _, error = run("export", "--model", trained, "--format", "tflite", "--output", target)
    assert status == 2
    assert error.startswith(f"onestroke: no permission for {tmp_path}")
    assert error.endswith("; allow it or choose another place\n")


def test_only_training_may_compute_with_another_backend(run, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    status, _, error = run("train", "--config", "cpu")
    assert status == 2
    assert error == (
        "onestroke: expected KERAS_BACKEND to be tensorflow, or jax where that is installed; "
        "got torch; unset it\n"
    )
    assert run("styles")[0] == 0
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_what_keras_json_says_changes_nothing(trained, tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    photograph = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)).save(
        photograph
    )
    painted = []
    for name, home in (("one", {}), ("two", {"KERAS_HOME": str(tmp_path)})):
        output = tmp_path / f"{name}.png"
        options = ["--model", str(trained), "--output", str(output)]
        subprocess.run(
            [sys.executable, "-m", "onestroke", "stylize", str(photograph), *options],
            env={**os.environ, **home},
            check=True,
        )
        painted.append(output.read_bytes())
    assert painted[0] == painted[1]


def test_no_command_shows_what_there_is(run):
    status, said, error = run()
    assert (status, error) == (0, "")
    assert "stylize" in said


def test_version(run):
    assert run("--version") == (0, f"onestroke {onestroke.__version__}\n", "")


def test_models_are_timed_on_the_command_line(run, trained, tmp_path):
    kept, drawn = tmp_path / "times.json", tmp_path / "times.png"
    where = ["--json", kept, "--plot", drawn]
    status, said, error = run(
        "benchmark", "--model", trained, "--size", "32x40", "--threads", 1, "--runs", 2, *where
    )
    assert status == 0, error
    for words in ("32x40", "quartiles", "peak MB", str(trained)):
        assert words in said
    (timing,) = json.loads(kept.read_text())["timings"]
    assert (timing["model"], timing["threads"], len(timing["seconds"])) == (str(trained), 1, 2)
    with Image.open(drawn) as picture:
        assert picture.format == "PNG"


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


TINY_LOSS = ["--set", "loss.content={relu2_1: 1}", "--set", "loss.style={relu1_1: 1}"]


@pytest.fixture
def photograph(tmp_path) -> Path:
    ramp = np.linspace(0, 255, 30 * 40 * 3).reshape(30, 40, 3)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_optimize_writes_one_picture_and_the_way_to_it(run, photograph, tmp_path):
    goal, frames = tmp_path / "out" / "painted.jpg", tmp_path / "frames"
    status, said, error = run(
        "optimize", photograph, "--style", "bundled", "--output", goal, "--size", 48,
        "--frames", frames, "--frame-every", 3, "--set", "optimize.iterations=4", *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    assert "iteration 4/4  loss " in said
    assert "Style loss " in said
    assert f"Picture: {goal}" in said
    with Image.open(goal) as picture:
        assert picture.size == (48, 36)
    assert [file.name for file in goal.parent.iterdir()] == ["painted.jpg"]
    pictures = ["iteration_000003.png", "iteration_000004.png"]
    assert sorted(file.name for file in frames.iterdir()) == [
        *pictures, "losses.jsonl", "optimization.txt",
    ]  # fmt: skip
    losses = [json.loads(line) for line in (frames / "losses.jsonl").read_text().splitlines()]
    assert [entry["iteration"] for entry in losses] == [1, 2, 3, 4]
    assert losses[-1]["style"] < losses[0]["style"]


HARDLY = [  # moves a pixel by less than rounding does
    "--set", "optimize.iterations=1", "--set", "optimize.method=adam",
    "--set", "optimize.learning_rate=0.001",
]  # fmt: skip


@pytest.mark.parametrize("start", ["noise", "picture", "model"])
def test_optimize_begins_where_it_is_told(run, photograph, trained, tmp_path, start):
    green = np.full((48, 64, 3), (20, 200, 30), np.uint8)
    Image.fromarray(green).save(tmp_path / "green.png")
    place = {"picture": tmp_path / "green.png", "model": trained}.get(start, start)
    goal = tmp_path / "painted.png"
    status, _, error = run(
        "optimize", photograph, "--style", "bundled", "--output", goal, "--start", place,
        "--size", 32, *HARDLY, *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    painted = read_picture(goal).pixels
    assert painted.shape == (24, 32, 3)
    if start == "noise":
        assert painted.std() > 65
    else:
        content = resize(read_picture(photograph).pixels, (24, 32))
        expected = green[:24, :32] if start == "picture" else load(trained)(content)
        assert np.abs(painted.astype(int) - expected).max() <= 1


def test_optimize_keeps_colours_and_transparency(run, tmp_path):
    gray = np.linspace(0, 255, 30 * 40).reshape(30, 40, 1).repeat(4, -1).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "photo.png")
    status, _, error = run(
        "optimize", tmp_path / "photo.png", "--style", "bundled", "--preserve-color",
        "--output", tmp_path / "painted.png", "--size", 40, "--start", "noise",
        *HARDLY, *TINY_LOSS,
    )  # fmt: skip
    assert (status, error) == (0, "")
    painted = read_picture(tmp_path / "painted.png")
    assert np.ptp(painted.pixels.astype(int), axis=-1).max() <= 1  # gray, as the photograph is
    np.testing.assert_array_equal(painted.alpha, gray[..., 3])


def test_an_interrupted_optimisation_goes_on(photograph, tmp_path):
    goal = tmp_path / "painted.png"
    command = [
        sys.executable, "-m", "onestroke", "optimize", photograph, "--style", "bundled",
        "--output", goal, "--size", "32", "--set", "optimize.iterations=400", *TINY_LOSS,
    ]  # fmt: skip
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line.startswith("iteration 20/"):
                break
        first.send_signal(signal.SIGINT)
        rest = first.stdout.read()
    assert first.returncode == 130
    assert "The same command goes on." in rest
    assert not goal.exists()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Resuming at iteration ")
    assert goal.exists()
    assert len(list(tmp_path.iterdir())) == 2  # the photograph and the picture


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.png", "--style", "bundled"], "no picture none.png; check the path"),
        (["photo.png"], "expected a painting; name it with --style PATH"),
        (["photo.png", "--config", "cpu"], "expected the file of a recipe; cannot read cpu ("),
        (["photo.png", "--style", "none.jpg"], "none.jpg; check the path"),
        (["photo.png", "--style", "bundled:0"], "with a weight above 0; got bundled:0"),
        (["photo.png", "--style", "bundled", "--size", "9"], "optimize.size: input should be"),
        (["photo.png", "--style", "bundled", "--start", "no.png"], "no.png; check the path"),
        (["photo.png", "--style", "bundled", "--start", "none"], "no model "),
    ],
)
def test_mistakes_of_optimize(run, photograph, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    status, _, error = run("optimize", *arguments, "--output", "painted.png")
    assert status == 2
    assert is_one_line(error)
    assert expected in error
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photo.png"]


def test_optimize_wants_a_name_that_it_can_write(run, photograph):
    status, _, error = run("optimize", photograph, "--style", "bundled", "--output", "painted.gif")
    assert status == 2
    assert is_one_line(error)
    assert "expected a name that ends in one of .jpg" in error


@pytest.mark.parametrize("read", ["content", "style", "start"])
def test_optimize_does_not_overwrite_what_it_reads(run, photograph, tmp_path, read):
    given = {"content": "photo.png", "style": "bundled", "start": "noise"}
    other = tmp_path / "other.png"
    shutil.copy(photograph, other)
    given[read] = other
    before = other.read_bytes()
    status, _, error = run(
        "optimize", tmp_path / given["content"], "--style", given["style"],
        "--start", given["start"], "--output", other,
    )  # fmt: skip
    assert status == 2
    assert is_one_line(error)
    assert "expected another --output than a picture that is read" in error
    assert other.read_bytes() == before


def test_optimize_does_not_begin_what_it_cannot_write(run, photograph, tmp_path):
    (tmp_path / "taken.png").mkdir()
    status, _, error = run(
        "optimize", photograph, "--style", "bundled", "--output", tmp_path / "taken.png"
    )
    assert status == 2
    assert error.startswith(f"onestroke: expected a file to write; {tmp_path}/taken.png is a fold")


def test_evaluate_leaves_a_report(run, trained, tmp_path):
    report = tmp_path / "report"
    arguments = ["--size", 64, "--baseline-iterations", 2, "--count", 2, "--time-size", 64]
    status, said, error = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *arguments
    )
    assert (status, error) == (0, "")
    assert "from the photograph" in said
    assert f"Report: {report}" in said
    record = json.loads((report / "report.json").read_text())
    assert len(record["results"]) == len(record["speeds"]) == 1
    assert record["models"][0]["vgg19"]["source"] == "bundled"
    assert {"processor", "cores", "versions"} <= record.keys()
    assert {file.name for file in report.iterdir()} == {
        "baseline", "curves_run_64.png", "pictures_run_64.jpg", "report.json",
    }  # fmt: skip


def test_evaluate_without_optimisations_measures_only_the_pictures(run, trained, tmp_path):
    report = tmp_path / "new" / "report"
    options = ["--size", 64, "--baseline-iterations", 0, "--count", 1]
    status, said, error = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *options
    )
    assert (status, error) == (0, "")
    assert "colour distance" in said
    record = json.loads((report / "report.json").read_text())
    assert len(record["results"]) == 1
    assert record["speeds"] == []


def test_evaluate_reports_what_became_of_faces(run, trained, tmp_path, monkeypatch):
    from onestroke.models import face_reader
    from onestroke.models.face_detector import middle_square

    class Reader:
        """Takes the middle of every photograph for a face, and its mean colour for its encoding."""

        encoder = SimpleNamespace(name="colours", side=16, threshold=0.5)

        def find(self, picture):
            return [middle_square(picture)]

        def encode(self, picture, squares):
            return picture.mean(axis=(0, 1))[None] / 255

    monkeypatch.setattr(face_reader, "open_face_reader", Reader)
    options = ["--size", 64, "--baseline-iterations", 0, "--count", 2, "--faces"]
    report = tmp_path / "report"
    status, said, _ = run(
        "evaluate", "--model", trained, "--data", "bundled", "--report", report, *options
    )
    assert status == 0
    assert "faces kept" in said
    faces = json.loads((report / "report.json").read_text())["faces"]
    assert faces["count"] == 2
    assert len(faces["models"][0]["distances"]) == 2
    assert (report / "faces.jpg").is_file()


def test_evaluate_needs_the_painting(run, trained, tmp_path):
    moved = tmp_path / "style.keras"
    shutil.copy(trained / "style.keras", moved)
    options = ["--data", "bundled", "--report", tmp_path / "report", "--style", "none.jpg"]
    status, _, error = run("evaluate", "--model", moved, *options)
    assert status == 2
    assert is_one_line(error)
    assert "there is no file none.jpg; name it with --style PATH" in error
    assert not (tmp_path / "report").exists()
