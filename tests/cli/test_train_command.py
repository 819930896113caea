"""``onestroke train``: what it prints, how it resumes, its mistakes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from onestroke import extras
from onestroke.cli import train_command
from onestroke.cli.progress_display import format_duration
from onestroke.cli.train_command import TrainingLines, losses_of_styles
from onestroke.progress import Progress


def test_a_log_file_gets_phases_steps_and_the_time(trained):
    printed = (trained.parent / "printed.txt").read_text()
    assert f"Training bundled on 14 photographs in {trained}." in printed
    assert "Your own photographs make a better style; " in printed
    for phase in (
        "reading paintings and photographs",
        "preparing the styles",
        "compiling the step",
    ):
        assert f" s  {phase}" in printed
    assert "step 3/3  loss " in printed
    assert "Expected end: " in printed
    assert "On photographs not trained on: style loss " in printed
    assert f"Style file: {trained / 'style.keras'}" in printed
    assert f"onestroke stylize PHOTO --model {trained} --style bundled --output" in printed
    assert printed.splitlines()[-1].startswith("Finished in ")


def test_a_slow_training_says_why_once(monkeypatch, capsys):
    monkeypatch.setattr(train_command, "explain_slow_training", lambda precision: [precision])
    shown = []
    show = TrainingLines(shown.append, "float32")
    steps = [Progress(i, 9, {}, left) for i, left in enumerate([None, 4000.0, 3000.0])]
    for progress in steps:
        show(progress)
    assert shown == steps
    said = capsys.readouterr().out
    assert said.count("Expected end: ") == said.count("slow because: float32") == 1
    assert "in 1 h 6 min" in said
    TrainingLines(shown.append, "float32")(Progress(1, 9, {}, 20.0))
    said = capsys.readouterr().out
    assert "in 20.0 s" in said
    assert "slow" not in said


@pytest.mark.parametrize(
    ("left", "corrected"), [(1000.0, False), (1150.0, False), (1250.0, True), (750.0, True)]
)
def test_the_end_is_corrected_after_half_of_the_steps(capsys, left, corrected):
    """No time passes in the test, so the end has not moved if 1000 seconds are still left."""
    show = TrainingLines(lambda progress: None, "float32")
    for step in (2, 3, 50, 51, 52, 99):
        show(Progress(step, 100, {}, 1000.0 if step < 51 else left))
    said = capsys.readouterr().out
    assert said.count("Expected end: ") == 1
    assert said.count("Corrected expected end: ") == int(corrected)
    if corrected:
        assert f"in {format_duration(left)}." in said


def test_the_end_of_a_short_training_is_not_corrected(capsys):
    show = TrainingLines(lambda progress: None, "float32")
    for step, left in ((2, 10.0), (6, 40.0)):
        show(Progress(step, 9, {}, left))
    assert "Corrected" not in capsys.readouterr().out


def test_the_first_sample_sheet_is_named(capsys, trained):
    show = TrainingLines(lambda progress: None, "float32")
    for step, sheet in ((1, None), (2, Path("a/step_2.png")), (4, Path("a/step_4.png"))):
        show(Progress(step, 9, {}, None, sheet))
    assert capsys.readouterr().out == "Sample sheet: a/step_2.png\n"
    (sheet,) = (trained / "samples").glob("*.png")
    assert f"Sample sheet: {sheet}\n" in (trained.parent / "printed.txt").read_text()


def test_a_finished_run_is_announced(run, trained):
    status, said, _ = run("train", "--run", trained)
    assert status == 0
    assert f"Resuming {trained} at step 3 of 3." in said


@pytest.mark.parametrize("only", [False, True])
def test_a_folder_of_paintings_is_added_to_a_model(run, style_file, tiny_values, tmp_path, only):
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
    names = [line.split()[0] for line in said.splitlines()]
    assert names == ([] if only else ["wave", "scream"]) + ["night", "sea"]
    assert said.splitlines()[0 if only else 2].endswith("  (default)"), "the first new style"


def test_styles_that_learned_less_are_marked():
    before = {"style": 1.0, "style/sea": 1.0, "style/night": 1.0, "style/photograph": 1.0}
    after = {"style": 0.3, "style/sea": 0.1, "style/night": 0.5, "style/photograph": 0.0}
    after |= {"content/sea": 0.7, "content/night": 0.6, "content/photograph": 0.0}
    assert losses_of_styles(before, after) == [
        "  sea    1.000 -> 0.100 (10%), content 0.700",
        "  night  1.000 -> 0.500 (50%), content 0.600",
    ]
    before["style/storm"], after["style/storm"], after["content/storm"] = 1.0, 0.12, 0.8
    assert losses_of_styles(before, after)[1].endswith("content 0.600, below the others")
    del after["content/night"]  # as in runs of older versions
    assert losses_of_styles(before, after)[1].endswith("(50%), below the others")


def test_damaged_run_files_end_in_one_line(run, mistake, trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "metrics.jsonl").unlink()
    assert run("train", "--run", copy)[0] == 0
    (copy / "settings.yaml").write_text("train: {steps")
    error = mistake("train", "--run", copy)
    assert "is not valid YAML" in error


def test_only_training_computes_with_another_backend(run, mistake, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert mistake("train", "--config", "cpu") == (
        "onestroke: KERAS_BACKEND=torch is not supported; unset it, or set it to tensorflow or "
        "jax\n"
    )
    assert run("train", "--help")[0] == 0
    assert run("styles")[0] == 0
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "nothing to train; give --config RECIPE to start a run, --init MODEL to add a style"),
        (["--run", "absent"], "absent is not a run folder: it has no settings.yaml"),
        (["--run", "x", "--style", "a"], "x is not a run folder: it has no settings.yaml"),
        (["--run", "x", "--only"], "--only and --learn-all need --init"),
        (["--config", "absent.yaml"], "cannot read the recipe absent.yaml"),
        (["--nope"], "No such option: --nope; see `onestroke train --help`"),
        (["--config", "CONFIG", "--set", "train.step=3"], "did you mean train.steps?"),
        (["--config", "CONFIG", "--style", "absent.jpg"], "absent.jpg"),
        (["--config", "CONFIG", "--data", "absent"], "absent"),
        (["--config", "CONFIG", "--style", ""], "--style is empty"),
        (["--config", "CONFIG", "--init", ""], "no style.keras in ."),
        (["--config", "CONFIG", "--run", "base"], "choose runs/base"),
        (["--config", "cpu", "--only"], "use it with --init MODEL or --config new_style"),
        (["--config", "cpu", "--learn-all"], "--learn-all needs --init MODEL"),
        (["--init", "base", "--learn-all", "--only"], "--only and --learn-all cannot be combined"),
        (
            ["--init", "base", "--learn-all", "--set", "network.learn=rows"],
            "--learn-all and --set network.learn=rows cannot be combined",
        ),
    ],
)
def test_mistakes_end_in_one_line(mistake, tiny_recipe, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    places = {"CONFIG": str(tiny_recipe)}
    assert expected in mistake("train", *(places.get(a, a) for a in arguments))
    assert list(tmp_path.iterdir()) == [tiny_recipe]


@pytest.mark.parametrize(
    ("count", "expected"), [(25, "25 photographs are few"), (100, "Training bundled on 100")]
)
def test_few_photographs_are_mentioned_once(run, tiny_recipe, tmp_path, count, expected):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for i in range(count):
        picture = Image.linear_gradient("L").resize((40, 40 + i)).convert("RGB")
        picture.save(photographs / f"{i}.png")
    folder = tmp_path / "run"
    _, printed, _ = run(
        *("train", "--config", tiny_recipe, "--data", photographs, "--run", folder),
        *("--set", "train.steps=1"),
    )
    assert expected in printed
    assert ("are few" in printed) == (count == 25)
    assert "are few" not in run("train", "--run", folder)[1]


def test_a_missing_jax_is_named(mistake, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "jax" else name)
    error = mistake("train", "--config", "cpu")
    assert error == ("onestroke: trainings on jax need jax; pip install 'onestroke[train,jax]'\n")


def test_a_missing_tensorflow_is_named(run, mistake, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    error = mistake("train", "--config", "cpu")
    assert error.startswith("onestroke: trainings need tensorflow and keras; ")
    assert "pip install 'onestroke[train]'" in error
    assert run("train", "--help")[0] == 0
