"""Real tiny trainings: the files of a run, resuming, stopping, mistakes."""

import errno
import gc
import math
import os
import random
import re
import shutil
import threading
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.summary.writer.record_writer import RecordWriter

import onestroke
from onestroke.data.paintings import Style, read_styles
from onestroke.errors import OnestrokeError, SettingsError
from onestroke.models.style_file import load_network
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.model import open_model, training_settings
from onestroke.train.callbacks import StopWhenDiverged
from onestroke.train.run_folder import RunFolder
from onestroke.train.style_trainer import StyleTrainer
from onestroke.train.training import (
    build_network,
    build_optimizer,
    build_trainer,
    open_batches,
    train,
)
from onestroke.train.training_inputs import read_validation


def final_arrays(folder):
    run = RunFolder(folder)
    with np.load(run.checkpoint_file(run.checkpoint_steps()[-1])) as arrays:
        return dict(arrays)


def test_a_run_leaves_all_its_files(settings, tmp_path):
    seen = []
    trained = train(settings, tmp_path / "run", show=seen.append)
    run = RunFolder(tmp_path / "run")

    recorded = run.settings()
    assert recorded.style.pictures_sha256
    assert (recorded.loss, recorded.train) == (settings.loss, settings.train)
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


def test_a_training_is_released_when_it_ends(settings, tmp_path, changed, monkeypatch):
    made: dict[str, weakref.ref] = {}

    def build(*arguments, **options):
        trainer = build_trainer(*arguments, **options)
        parts = {"loss network": trainer.loss_network, "network": trainer.network}
        parts |= {"trainer": trainer, "optimizer": trainer.optimizer}
        made.update((name, weakref.ref(part)) for name, part in parts.items())
        return trainer

    def read(*arguments):
        batches = open_batches(*arguments)
        made["batches"] = weakref.ref(batches)
        return batches

    monkeypatch.setattr("onestroke.train.training.build_trainer", build)
    monkeypatch.setattr("onestroke.train.training.open_batches", read)
    train(changed(settings, train__steps=2), tmp_path / "run")
    gc.collect()
    assert len(made) == 5
    assert [name for name, part in made.items() if part() is not None] == []


def test_the_loss_falls(settings, tmp_path, changed):
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


def test_equal_settings_give_equal_weights(settings, once, tmp_path, changed):
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
def test_stopped_and_resumed_equals_uninterrupted(settings, once, tmp_path, crop, last, changed):
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


def test_a_finished_run_is_not_trained_again(settings, once, changed):
    first = once(train__steps=2)
    before = first.style_file.read_bytes()
    seen = []
    again = train(changed(settings, train__steps=2), first.style_file.parent, show=seen.append)
    assert again == first
    assert not seen
    assert first.style_file.read_bytes() == before


def test_a_finished_run_without_its_checkpoints_is_not_trained_again(
    settings, once, tmp_path, changed
):
    first = once(train__steps=2)
    folder = shutil.copytree(first.style_file.parent, tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    again = train(changed(settings, train__steps=2), folder)
    assert (again.step, again.photographs, again.pictures) == (2, first.photographs, first.pictures)
    assert RunFolder(folder).summary()["steps"] == "2 of 2"
    assert again.style_file.read_bytes() == first.style_file.read_bytes()


def test_out_of_memory_ends_in_one_line(settings, tmp_path, monkeypatch):
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
            "train.validation._numbers",
            r"^not enough memory for validation photographs of .*; lower data\.validation_size",
        ),
    ],
)
def test_out_of_memory_names_its_purpose(settings, tmp_path, monkeypatch, place, expected):
    def fill(*_, **__):
        raise MemoryError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # without cached paintings
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


def test_float16_steps_are_taken_not_skipped(settings, changed):
    """Loss scaling silently skips a step whose gradient is not finite."""
    trainer = build_trainer(
        changed(settings, train__precision="mixed_float16"),
        load_vgg19_weights(),
        read_styles(settings.style.pictures, settings.style.short_sides()),
    )
    photographs = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    taken = []
    for _ in range(8):
        trainer.train_on_batch({"image": photographs, "style": np.ones((1, 1), np.float32)})
        taken.append(int(trainer.optimizer.iterations))
    # The first steps find a scale at which the gradient is finite; how many depends on the
    # processor. All later steps are taken.
    assert taken[-1] - taken[3] == 4


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
    assert text.startswith("the training diverged at step 4 (loss nan); ")
    assert "train.learning_rate" in text
    run = RunFolder(tmp_path / "run")
    assert run.checkpoint_steps() == [2]
    with np.load(run.checkpoint_file(2)) as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def test_the_gradient_is_clipped_on_request(settings, changed):
    assert build_optimizer(settings.train).global_clipnorm is None
    assert build_optimizer(changed(settings, train__clip_norm=0.5).train).global_clipnorm == 0.5


def message(call, *arguments) -> str:
    with pytest.raises(OnestrokeError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_written_when_something_is_missing(settings, tmp_path, changed):
    for change in (
        {"style__pictures": {str(tmp_path / "absent.jpg"): 1.0}},
        {"data__source": [str(tmp_path / "absent")]},
        {"data__validation": [str(tmp_path / "absent")]},
        {"loss__vgg19": str(tmp_path / "absent.h5")},
    ):
        assert "absent" in message(train, changed(settings, **change), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_folder_with_other_files_is_not_used(settings, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    text = message(train, settings, tmp_path / "taken")
    assert text.endswith("/taken contains other files; choose a new or empty --run folder")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["letter.txt"]


def test_other_settings_do_not_resume(settings, tmp_path, changed):
    train(changed(settings, train__steps=1), tmp_path / "run")
    with pytest.raises(SettingsError, match=r"train\.seed was 0 and is now 5"):
        train(changed(settings, train__steps=1, train__seed=5), tmp_path / "run")


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
    assert run.steps_done() == 4, "the step that is announced"
    assert train(settings, tmp_path / "run").step == 8
    assert "skipped a checkpoint: " in caplog.text
    whole = once(data__crop=(32,)).style_file.parent
    one, two = final_arrays(tmp_path / "run"), final_arrays(whole)
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_model_without_settings_cannot_be_evaluated(style_file):
    text = message(training_settings, open_model(style_file))
    assert "does not record the settings of its training" in text


def test_a_failed_save_keeps_the_old_style_file(settings, tmp_path, monkeypatch, changed):
    short = changed(settings, train__steps=1)
    run = tmp_path / "run"
    checkpoint = RunFolder(run).checkpoint_file(1)
    train(short, run)
    RunFolder(run).style_file.write_bytes(b"old")
    checkpoint.rename(checkpoint.with_name("step_0000000.npz"))  # as if it stopped before its end

    def fail(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(TransformNetwork, "save", fail)
    text = message(train, short, run)
    assert text.startswith(f"cannot write into {run}: Input/output error; ")
    assert text.endswith(f"resume with: onestroke train --run {run}")
    assert RunFolder(run).style_file.read_bytes() == b"old"
    assert not list(run.glob(".unfinished*"))


@pytest.mark.parametrize(
    "full",
    [
        tf.errors.ResourceExhaustedError(None, None, "events; No space left on device"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    ],
    ids=["tensorflow", "python"],
)
def test_a_full_disk_is_not_a_lack_of_memory(settings, tmp_path, monkeypatch, full):
    def fill(*_, **__):
        raise full

    monkeypatch.setattr(RecordWriter, "write", fill)
    text = message(train, settings, tmp_path / "run")
    assert text.startswith(f"cannot write into {tmp_path / 'run'}: the disk is full; ")


def test_errors_of_reading_are_not_reported_as_errors_of_writing(settings, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "photo.jpg")

    monkeypatch.setattr("onestroke.train.training.build_trainer", fail)
    with pytest.raises(OSError, match=r"photo\.jpg"):
        train(settings, tmp_path / "run")


def test_random_numbers_of_the_caller_are_not_reseeded(settings, tmp_path, changed):
    random.seed(5)
    np.random.seed(5)
    expected = random.Random(5).random(), np.random.RandomState(5).random()
    train(changed(settings, train__steps=1), tmp_path / "run")
    assert (random.random(), np.random.random()) == expected


def test_phases_are_announced_in_order(settings, tmp_path, changed):
    phases = []
    few = changed(settings, train__steps=2, data__crop=(32, 48))
    train(few, tmp_path / "run", on_phase=phases.append)
    assert phases == [
        "reading paintings and photographs",
        "preparing the styles",
        "compiling the step for crops of 32 px",
        "compiling the step for crops of 48 px",
        "writing the style file",
    ]


def test_the_first_step_of_the_identity_logs_no_style_loss(settings, tmp_path, changed):
    """With a batch of 1, the second step has only a picture of the identity."""
    few = changed(settings, style__identity=True, data__batch=1, train__steps=4)
    train(few, tmp_path / "run")
    steps = [e for e in RunFolder(tmp_path / "run").metrics() if "learning_rate" in e]
    assert ["style" in entry for entry in steps] == [True, False, True, False]
    assert all(entry["style"] > 0 for entry in steps if "style" in entry)
    assert all(entry["loss"] > 0 for entry in steps)


def test_broken_photographs_are_skipped_counted_and_named(settings, tmp_path, caplog, changed):
    for index in range(11):
        picture = Image.linear_gradient("L").resize((40, 40 + index)).convert("RGB")
        picture.save(tmp_path / f"{index:02}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    few = changed(settings, data__source=[str(tmp_path)], data__crop=(32, 48), train__steps=30)
    trained = train(few, tmp_path / "run")
    assert trained.step == 30
    assert trained.skipped == 1
    assert caplog.text.count("broken.png") == 1  # although both sizes read it


def test_too_many_broken_photographs_end_in_one_line(settings, tmp_path, changed):
    Image.new("RGB", (40, 40)).save(tmp_path / "good.png")
    for index in range(3):
        (tmp_path / f"broken{index}.png").write_bytes(b"no picture")
    text = message(train, changed(settings, data__source=[str(tmp_path)]), tmp_path / "run")
    assert "cannot be read" in text


def test_leftovers_of_a_kill_while_writing_are_removed(settings, tmp_path, changed):
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


def test_faces_are_kept_with_an_identity_weight(
    settings, tmp_path, monkeypatch, face_weights, changed
):
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


def test_the_palette_is_part_of_the_loss_and_logged(settings, tmp_path, changed):
    colourful = changed(settings, loss__palette_weight=2.0, train__steps=4)
    train(colourful, tmp_path / "run")
    last = {
        k: value for entry in RunFolder(tmp_path / "run").metrics() for k, value in entry.items()
    }
    weights = colourful.loss.model_dump()
    terms = ("content", "style", "variation", "palette")
    total = sum(weights[f"{name}_weight"] * last[name] for name in terms)
    assert last["palette"] > 0
    assert last["loss"] == pytest.approx(total, rel=1e-3)


def test_stability_is_trained_and_resumed_bit_by_bit(settings, tmp_path, changed):
    steady = changed(settings, loss__stability_weight=2.0, train__steps=4)
    train(steady, tmp_path / "whole")
    stop_at(2, steady, tmp_path / "parts")
    train(steady, tmp_path / "parts")
    weights = [
        load_network(tmp_path / name / "style.keras").get_weights() for name in ("whole", "parts")
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    entries = RunFolder(tmp_path / "whole").metrics()
    found = [entry["stability"] for entry in entries if "stability" in entry]
    assert found
    assert min(found) > 0


def test_without_face_weights_nothing_is_written(settings, tmp_path, monkeypatch, changed):
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
