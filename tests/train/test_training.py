"""Real tiny trainings: what a run leaves behind, how it resumes, how it stops."""

import errno
import functools
import math
import os
import re
import shutil
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import onestroke
from onestroke.data.paintings import Style, read_styles
from onestroke.errors import ModelError, OnestrokeError, SettingsError
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.model import open_model, training_settings
from onestroke.train.callbacks import StopWhenDiverged
from onestroke.train.checkpoint import DivergedError, save_checkpoint
from onestroke.train.learning_rate import Schedule
from onestroke.train.run_card import card_of_run
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import check_settings, read_recipe, resolve_settings
from onestroke.train.style_trainer import StyleTrainer
from onestroke.train.training import build_network, build_optimizer, build_trainer, train
from onestroke.train.training_inputs import read_validation


@pytest.fixture
def settings(tiny_recipe):
    return resolve_settings(read_recipe(tiny_recipe))


@pytest.fixture(scope="module")
def once(tiny_values, tmp_path_factory):
    """Trains with the recipe, changed, unless a test before has; gives what ``train`` gives."""

    @functools.cache
    def trained(**changes):
        settings = resolve_settings(check_settings(tiny_values))
        return train(changed(settings, **changes), tmp_path_factory.mktemp("once") / "run")

    return trained


def changed(settings, **changes):
    values = settings.model_dump()
    for key, value in changes.items():
        section, name = key.split("__")
        values[section][name] = list(value) if isinstance(value, tuple) else value
    return check_settings(values)


def final_arrays(folder):
    run = RunFolder(folder)
    with np.load(run.checkpoint_file(run.checkpoint_steps()[-1])) as arrays:
        return dict(arrays)


def test_a_run_leaves_all_that_the_design_names(settings, tmp_path):
    seen = []
    trained = train(settings, tmp_path / "run", show=seen.append)
    run = RunFolder(tmp_path / "run")

    assert run.settings() == settings
    assert run.checkpoint_steps() == [6, 8]
    assert [progress.step for progress in seen] == list(range(1, 9))
    assert "pictures_per_second" in seen[-1].figures

    entries = run.metrics()
    steps = [entry for entry in entries if "learning_rate" in entry]
    assert [entry["step"] for entry in steps] == list(range(1, 9))
    for name in ("loss", "content", "style", "variation", "pictures_per_second"):
        assert all(math.isfinite(entry[name]) for entry in steps)
    assert [e["step"] for e in entries if "validation_style" in e] == [4, 8]
    assert sorted(path.name for path in run.samples.iterdir()) == [
        "step_0000004.png",
        "step_0000008.png",
    ]
    shown = read_validation(settings.data)
    with Image.open(run.samples / "step_0000008.png") as sheet:
        assert sheet.width == sum(photograph.shape[1] for photograph in shown)
        assert sheet.height == 2 * max(photograph.shape[0] for photograph in shown)
    assert list(run.events.glob("events.out.tfevents.*"))
    assert not list(run.path.rglob(".unfinished*"))

    assert trained.photographs["content"] == 0
    assert trained.pictures["style"] == entries[-1]["validation_style"]


def test_tensorboard_has_every_term_and_the_samples(once):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(once(train__steps=2).style_file.parent / "events"))
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {"loss", "content", "style", "variation", "learning_rate", "pictures_per_second"} <= tags
    assert {"validation_style", "validation_content", "photographs_style", "validation"} <= tags


def test_the_loss_falls(settings, tmp_path):
    train(changed(settings, train__steps=60, train__checkpoint_every=60), tmp_path / "run")
    losses = [e["loss"] for e in RunFolder(tmp_path / "run").metrics() if "learning_rate" in e]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_the_style_file_describes_itself(once):
    trained = once(train__steps=2)
    network = keras.saving.load_model(trained.style_file)
    card = network.card
    assert card.style_names == ("bundled",)
    (painting,) = card.styles[0].paintings
    assert (painting.name, painting.share, len(painting.sha256)) == ("bundled", 1, 64)
    (training,) = card.trainings
    assert training.vgg19.model_dump() == {
        "name": "bundled",
        "sha256": load_vgg19_weights().sha256,
    }
    assert training.settings["train"]["steps"] == 2
    assert training.picture_losses["style"] == trained.pictures["style"]
    assert card.onestroke == onestroke.__version__
    private = str(trained.style_file.parent)
    assert private not in card.model_dump_json(), "a private folder is in the style file"


def test_equal_settings_give_equal_weights(settings, once, tmp_path):
    short = changed(settings, train__steps=2)
    train(short, tmp_path / "again")
    one = final_arrays(once(train__steps=2).style_file.parent)
    two = final_arrays(tmp_path / "again")
    assert all(np.array_equal(one[name], two[name]) for name in one)
    train(changed(short, train__seed=1), tmp_path / "three")
    three = final_arrays(tmp_path / "three")
    assert not np.array_equal(one["network.000"], three["network.000"])


# Six steps at 32 pixels are followed by two at 48: stopped before, at and after the change.
@pytest.mark.parametrize(
    ("crop", "last"), [((32,), 3), ((32, 48), 3), ((32, 48), 5), ((32, 48), 6)]
)
def test_stopped_and_resumed_equals_uninterrupted(settings, once, tmp_path, crop, last):
    settings = changed(settings, data__crop=crop)
    stop = threading.Event()
    stopped = train(
        settings,
        tmp_path / "stopped",
        stop=stop,
        show=lambda progress: stop.set() if progress.step == last else None,
    )
    assert (stopped.step, stopped.style_file) == (last + 1, None)
    trained = train(settings, tmp_path / "stopped")
    assert trained.step == 8
    whole = once(data__crop=crop).style_file.parent
    one, two = final_arrays(tmp_path / "stopped"), final_arrays(whole)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    steps = [e["step"] for e in RunFolder(tmp_path / "stopped").metrics() if "loss" in e]
    assert steps == list(range(1, 9))


def test_a_finished_run_is_not_trained_again(settings, once):
    first = once(train__steps=2)
    seen = []
    again = train(changed(settings, train__steps=2), first.style_file.parent, show=seen.append)
    assert again == first
    assert not seen


def test_a_finished_run_without_its_checkpoints_is_not_trained_again(settings, once, tmp_path):
    first = once(train__steps=2)
    folder = shutil.copytree(first.style_file.parent, tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    again = train(changed(settings, train__steps=2), folder)
    assert (again.step, again.photographs, again.pictures) == (2, first.photographs, first.pictures)
    assert RunFolder(folder).summary()["steps"] == "2 of 2"
    assert again.style_file.read_bytes() == first.style_file.read_bytes()


def test_too_little_memory_ends_in_one_line(settings, tmp_path, monkeypatch):
    def fill(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(StyleTrainer, "fit", fill)
    with pytest.raises(OnestrokeError, match="for batches of 2 pictures of 32 px; lower data"):
        train(settings, tmp_path / "run")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (
            "losses.style_targets._PaintingMeasure.measure",
            r"^not enough memory for a painting of \d+ x \d+; lower style\.size",
        ),
        (
            "train.validation._terms",
            r"^not enough memory for validation photographs of .*; lower data\.validation_size",
        ),
    ],
)
def test_too_little_memory_is_told_apart(settings, tmp_path, monkeypatch, place, expected):
    def fill(*_, **__):
        raise MemoryError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where no painting is measured yet
    monkeypatch.setattr(f"onestroke.{place}", fill)
    assert re.search(expected, message(train, settings, tmp_path / "run"))


def test_several_pictures_are_blended_by_weight(settings):
    """Grams are linear in the weights: a blend's equals the blend of the Grams."""
    weights = load_vgg19_weights()
    random = np.random.default_rng(0)
    one, two = random.uniform(0, 255, (2, 48, 60, 3)).astype(np.float32)

    def grams(pictures, shares):
        trainer = build_trainer(settings, weights, [Style(pictures, shares)])
        return trainer.objective.targets.grams["relu2_1"]

    blend = grams([one, two], [1.0, 3.0])
    expected = 0.25 * grams([one], [1.0]) + 0.75 * grams([two], [1.0])
    np.testing.assert_allclose(blend, expected, rtol=1e-4)


def test_the_painting_is_read_at_its_size_with_its_aspect(settings, tmp_path):
    Image.linear_gradient("L").resize((300, 200)).save(tmp_path / "wide.png")
    style = changed(settings, style__pictures={str(tmp_path / "wide.png"): 1.0}).style
    assert [p.shape for style in read_styles(style) for p in style.pictures] == [(48, 72, 3)]


# Loss scaling may skip its first steps in float16, until the scale fits.
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.15)]
)
def test_16_bit_training_is_close_and_ships_32_bits(once, precision, tolerance):
    exact = once(train__steps=4)
    mixed = once(train__steps=4, train__precision=precision)
    assert mixed.pictures["loss"] == pytest.approx(exact.pictures["loss"], rel=tolerance)
    network = keras.saving.load_model(mixed.style_file)
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}


def test_float16_steps_are_taken_not_skipped(settings):
    """Loss scaling skips a step whose gradient is not finite, and says nothing."""
    trainer = build_trainer(
        changed(settings, train__precision="mixed_float16"),
        load_vgg19_weights(),
        read_styles(settings.style),
    )
    photographs = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    for _ in range(4):
        trainer.train_on_batch({"image": photographs, "style": np.ones((1, 1), np.float32)})
    assert int(trainer.optimizer.iterations) >= 3


def test_bounded_layers_stay_in_32_bits():
    network = build_network("mobile", precision="mixed_float16")
    assert network.get_layer("down1").compute_dtype == "float16"
    assert network.output.dtype == "float32"


def test_divergence_stops_at_its_step_and_keeps_the_checkpoint(settings, tmp_path, monkeypatch):
    terms = StopWhenDiverged.after_step

    def diverge(self, step, logs):
        terms(self, step, {**logs, "loss": math.nan} if step == 4 else logs)

    monkeypatch.setattr(StopWhenDiverged, "after_step", diverge)
    text = message(train, settings, tmp_path / "run")
    assert text.startswith("expected a finite loss; the ")
    assert " at step 4" in text
    assert "train.learning_rate" in text
    run = RunFolder(tmp_path / "run")
    assert run.checkpoint_steps() == [2]
    with np.load(run.checkpoint_file(2)) as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def test_weights_that_are_not_finite_are_never_saved(settings, tmp_path):
    """The loss of a step is that of the weights before it, so the weights are looked at too."""
    trainer = build_trainer(settings, load_vgg19_weights(), read_styles(settings.style))
    trainer.network.colour.shift.assign([[np.nan, 0, 0]])
    with pytest.raises(DivergedError, match="expected finite weights; some are not after step 4"):
        save_checkpoint(tmp_path / "checkpoint.npz", trainer, 4)
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("trapezoid", [0.1, 0.55, 1, 1, 1, 0.5, 0.01]),
        ("cosine", [0.1, 0.55, 1, 0.5, 0.2061, 0.0545, 0.01]),
        ("constant", [0.1, 0.55, 1, 1, 1, 1, 1]),
    ],
)
def test_learning_rate_rises_and_keeps_its_shape(schedule, shares):
    rate = Schedule(3e-3, steps=100, warmup_steps=10, shape=schedule)
    rates = [float(rate(step)) for step in (0, 5, 10, 55, 73, 86.5, 100)]
    assert rates == pytest.approx([3e-3 * share for share in shares], rel=0.01)


def test_the_gradient_is_clipped_where_asked(settings):
    assert build_optimizer(settings.train).global_clipnorm is None
    assert build_optimizer(changed(settings, train__clip_norm=0.5).train).global_clipnorm == 0.5


def message(call, *arguments) -> str:
    with pytest.raises(OnestrokeError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_written_when_something_is_missing(settings, tmp_path):
    for change in (
        {"style__pictures": {str(tmp_path / "absent.jpg"): 1.0}},
        {"data__source": [str(tmp_path / "absent")]},
        {"data__validation": [str(tmp_path / "absent")]},
        {"loss__vgg19": str(tmp_path / "absent.h5")},
    ):
        assert "absent" in message(train, changed(settings, **change), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_folder_of_other_things_is_left_alone(settings, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    text = message(train, settings, tmp_path / "taken")
    assert text.startswith("expected a new or empty --run folder; ")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["letter.txt"]


def test_other_settings_do_not_resume(settings, tmp_path):
    train(changed(settings, train__steps=1), tmp_path / "run")
    with pytest.raises(SettingsError, match=r"train\.seed was 0 and is now 5"):
        train(changed(settings, train__steps=1, train__seed=5), tmp_path / "run")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"expected a run folder with settings\.yaml"):
        RunFolder(tmp_path).settings()


def stop_at(step: int, settings, folder) -> RunFolder:
    stop = threading.Event()
    train(
        settings, folder, stop=stop, show=lambda now: stop.set() if now.step == step - 1 else None
    )
    return RunFolder(folder)


def test_a_broken_checkpoint_falls_back_to_the_one_before(settings, once, tmp_path, caplog):
    run = stop_at(5, settings, tmp_path / "run")
    assert run.checkpoint_steps() == [4, 5]
    run.checkpoint_file(5).write_bytes(b"PK")
    assert train(settings, tmp_path / "run").step == 8
    assert "skipped a checkpoint: " in caplog.text
    whole = once(data__crop=(32,)).style_file.parent
    one, two = final_arrays(tmp_path / "run"), final_arrays(whole)
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive"])
def test_without_any_good_checkpoint_the_file_is_named(settings, tmp_path, content):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    run.checkpoint_file(4).write_bytes(content)
    text = message(train, settings, tmp_path / "run")
    assert text.startswith("expected a checkpoint of this run; ")
    assert "step_0000004.npz is broken or of another network" in text


def test_a_run_folder_that_cannot_be_made_is_named(settings, tmp_path):
    (tmp_path / "file").touch()
    text = message(RunFolder(tmp_path / "file" / "run").begin, settings)
    assert text.startswith("expected a --run folder that can be written; ")


def test_a_model_without_settings_cannot_be_evaluated(style_file):
    text = message(training_settings, open_model(style_file))
    assert "does not record the settings of its training" in text


@pytest.mark.parametrize("left", [[], ["folder"], ["folder", ".unfinished.k3x/settings.yaml"]])
def test_a_kill_while_the_folder_is_made_leaves_one_that_can_begin(settings, tmp_path, left):
    for name in left:
        path = tmp_path / "run" / ("" if name == "folder" else name)
        path.mkdir() if name == "folder" else path.parent.mkdir() or path.write_text("half")
    RunFolder(tmp_path / "run").begin(settings)
    assert RunFolder(tmp_path / "run").settings() == settings


def test_deleted_sub_folders_are_made_again(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    run.samples.rmdir()
    run.begin(settings)
    assert run.samples.is_dir()


def test_two_trainings_in_one_folder_are_refused(settings, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    with run.locked():
        text = message(train, settings, tmp_path / "run")
    assert text.startswith(f"{tmp_path / 'run'} is already being trained by another process; ")


def test_a_drive_that_knows_no_locks_goes_without(settings, tmp_path, monkeypatch):
    def answer(number):
        def acquire(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("filelock.FileLock._acquire", acquire)

    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    answer(errno.ENOLCK)
    with run.locked():
        assert run.exists
    answer(errno.EIO)
    with pytest.raises(OSError, match="Input/output"), run.locked():
        pass


def test_validation_photographs_are_limited_and_large_enough(settings, tmp_path):
    data = changed(settings, data__validation_count=2).data
    assert len(read_validation(data)) == 2
    Image.new("RGB", (400, 40)).save(tmp_path / "ribbon.png")
    small = changed(settings, data__validation=[str(tmp_path)]).data
    assert "expected validation photographs of 16 pixels a side" in message(read_validation, small)


def test_the_style_file_keeps_names_and_no_folders(settings):
    pictures = {"/home/me/a/sea.jpg": 1.0, "/home/me/b/sea.jpg": 3.0}
    sources = ["tfds:coco/2017:train", "/home/me/photos"]
    style = Style([np.zeros((4, 4, 3), np.uint8)] * 2, (1.0, 3.0), ("a" * 64, "b" * 64))
    card = card_of_run(
        changed(settings, style__pictures=pictures, data__source=sources),
        [style],
        load_vgg19_weights(),
        photographs={},
        pictures={},
    )
    assert card.settings["style"]["pictures"] == [[{"sea.jpg": 1.0}, {"sea.jpg": 3.0}]]
    assert card.settings["data"]["source"] == ["tfds:coco/2017:train", "photos"]
    assert [p.model_dump() for p in card.styles[0].paintings] == [
        {"name": "sea.jpg", "sha256": "a" * 64, "share": 0.25},
        {"name": "sea.jpg", "sha256": "b" * 64, "share": 0.75},
    ]


def test_a_cut_off_line_of_metrics_is_dropped(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics({"step": 1, "loss": 2.0})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 2, "lo')
    assert run.metrics() == [{"step": 1, "loss": 2.0}]
    run.drop_after(1)
    assert run.metrics_file.read_text() == '{"step": 1, "loss": 2.0}\n'


def test_an_interrupted_save_keeps_the_old_style_file(settings, tmp_path, monkeypatch):
    trained = train(changed(settings, train__steps=1), tmp_path / "run")
    before = trained.style_file.read_bytes()

    def fail(self, path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(TransformNetwork, "save", fail)
    text = message(train, changed(settings, train__steps=1), tmp_path / "run")
    assert text.startswith(f"cannot write into {tmp_path / 'run'}: disk full; ")
    assert trained.style_file.read_bytes() == before
    assert not list(trained.style_file.parent.glob(".unfinished*"))


def test_broken_photographs_are_skipped_counted_and_named(settings, tmp_path, caplog):
    for index in range(11):
        Image.new("RGB", (40, 40), (index * 20, 90, 60)).save(tmp_path / f"{index:02}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    few = changed(settings, data__source=[str(tmp_path)], data__crop=(32, 48), train__steps=30)
    trained = train(few, tmp_path / "run")
    assert trained.step == 30
    assert trained.skipped == 1
    assert caplog.text.count("broken.png") == 1  # at either size, it is met


def test_too_many_broken_photographs_end_in_one_line(settings, tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "good.png")
    for index in range(3):
        (tmp_path / f"broken{index}.png").write_bytes(b"no picture")
    text = message(train, changed(settings, data__source=[str(tmp_path)]), tmp_path / "run")
    assert "cannot be read" in text


def test_leftovers_of_a_kill_while_writing_are_removed(settings, tmp_path):
    short = changed(settings, train__steps=1)
    train(short, tmp_path / "run")
    leftover = tmp_path / "run" / "checkpoints" / ".unfinished.k3x" / "step_0000001.npz"
    of_the_run = tmp_path / "run" / ".unfinished.k3y" / "style.keras"
    of_an_export = tmp_path / "run" / ".unfinished.k3z" / "wave.tflite"
    of_another = tmp_path / "run" / ".unfinished.optimized.png.npz"
    for path in (leftover, of_the_run, of_an_export, of_another):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    train(short, tmp_path / "run")
    assert not leftover.parent.exists()
    assert not of_the_run.parent.exists()
    assert of_an_export.exists()
    assert of_another.exists()


def test_faces_are_kept_with_an_identity_weight(settings, tmp_path, monkeypatch, face_weights):
    from onestroke.train import training, training_inputs

    for module in (training, training_inputs):
        monkeypatch.setattr(module, "load_face_weights", lambda: face_weights)
    run = tmp_path / "run"
    train(changed(settings, loss__identity_weight=0.5, train__steps=2), run)
    entries = RunFolder(run).metrics()
    assert all(entry["faces"] >= 0 for entry in entries if entry["step"] and "faces" in entry)
    last = {key: value for entry in entries for key, value in entry.items()}
    terms = {name: last[name] for name in ("content", "style", "variation", "faces")}
    weights = {**settings.loss.model_dump(), "faces_weight": 0.5}
    total = sum(weights[f"{name}_weight"] * value for name, value in terms.items())
    assert last["loss"] == pytest.approx(total, rel=1e-3)
    assert last["validation_faces"] >= 0


def test_without_face_weights_nothing_is_written(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm there
    said = message(train, changed(settings, loss__identity_weight=0.5), tmp_path / "run")
    assert "onestroke faces install" in said
    assert not (tmp_path / "run").exists()


def test_a_finished_run_paints_with_its_runtime_file(settings, tmp_path, runtime_files):
    trained = train(settings, tmp_path / "run")
    stylizer = onestroke.load(tmp_path / "run")
    assert isinstance(stylizer.painter, LiteRtPainter)
    card = stylizer.painter.card.model_copy(update={"export": None})
    assert card == open_model(trained.style_file).card
    # A run whose runtime file was deleted gets it back when it is resumed.
    RunFolder(tmp_path / "run").runtime_file.unlink()
    train(settings, tmp_path / "run")
    assert isinstance(onestroke.load(tmp_path / "run").painter, LiteRtPainter)
