"""The paintings of the styles that are evaluated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import OnestrokeError
from onestroke.evaluate.evaluate_models import EvaluationOptions, evaluate_models
from onestroke.evaluate.subjects import build_subjects, plan_subjects
from onestroke.train.settings import check_settings, resolve_settings
from onestroke.train.training import train


@pytest.fixture(autouse=True)
def small_work(monkeypatch):
    """Leaves out the conversion of trained networks, and measures small whole photographs."""
    monkeypatch.setattr("onestroke.train.training.write_runtime_file", lambda style_file: None)
    monkeypatch.setattr("onestroke.evaluate.evaluate_models.WHOLE_SIDE", 96)


def paint(folder):
    """Makes two paintings: stripes and noise."""
    stripes = np.zeros((48, 48, 3), np.uint8)
    stripes[:, ::4] = (250, 40, 10)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for name, pixels in (("stripes", stripes), ("noise", noise)):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return [str(folder / "stripes.png"), str(folder / "noise.png")]


def settings_of(tiny_values, **changes):
    values = {section: dict(keys) for section, keys in tiny_values.items()}
    for key, value in changes.items():
        section, name = key.split("__")
        values[section][name] = value
    return resolve_settings(check_settings(values))


def evaluate(
    *, models, data, report, sizes, iterations, count, timed, style=(), overrides=()
) -> None:
    options = EvaluationOptions(sizes, iterations, count=count, timed_sizes=timed)
    evaluate_models(models, data, report, options, styles=style, overrides=overrides)


def test_each_style_is_evaluated_with_its_painting(known, tmp_path):
    evaluate(
        models=[str(known.parent)],
        data=["bundled"],
        report=tmp_path / "report",
        sizes=[64],
        iterations=0,
        count=1,
        timed=[0],
    )
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    names = [f"{known.parent}:{name}" for name in ("stripes", "noise")]
    assert [result["model"] for result in report["results"]] == names
    one, two = (result["mean"] for result in report["results"])
    assert one["style"] != two["style"]
    assert one["colour"] != two["colour"]


def test_paintings_are_matched_by_name_in_any_order(known, tmp_path):
    model = str(shutil.copy(known, tmp_path / "moved.keras"))
    noise, stripes = sorted(paint(tmp_path))
    about = {"data": ["bundled"], "sizes": [64], "iterations": 0, "count": 1, "timed": [0]}
    evaluate(models=[model], report=tmp_path / "report", style=[noise, stripes], **about)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    paintings = {entry["name"]: entry["style"]["pictures"] for entry in report["models"]}
    assert paintings == {f"{model}:stripes": {stripes: 1}, f"{model}:noise": {noise: 1}}
    evaluate(models=[model], report=tmp_path / "one", style=[noise], **about)
    (alone,) = json.loads((tmp_path / "one" / "report.json").read_text())["results"]
    assert alone == report["results"][1]
    other = str(shutil.copy(noise, tmp_path / "other.png"))
    (tmp_path / "copies").mkdir()
    copy = str(shutil.copy(noise, tmp_path / "copies"))
    for wrong in ([other], [stripes, other], [noise, copy]):
        names = json.dumps([f"painting_{number}" for number, _ in enumerate(wrong)])
        got = ", ".join(Path(painting).name for painting in wrong)
        with pytest.raises(
            OnestrokeError,
            match=f"the paintings {got} do not match .* named stripes.png, noise.png, each at most",
        ):
            evaluate(
                models=[model],
                report=tmp_path / "none",
                style=wrong,
                overrides=[f"style.names={names}"],
                **about,
            )
    assert not (tmp_path / "none").exists()


def test_each_painting_is_measured_at_the_size_and_weight_it_was_learned_at(tiny_values, tmp_path):
    paintings = paint(tmp_path)
    settings = settings_of(
        tiny_values,
        style__pictures=paintings,
        style__size=48,
        style__sizes={"noise": 32},
        style__weights={"noise": 0.5},
    )
    train(settings, tmp_path / "run")
    for given in ([], paintings):
        subjects = build_subjects(plan_subjects(str(tmp_path / "run"), given))
        assert [subject.style.pictures[0].shape[0] for subject in subjects] == [48, 32]
        weights = [subject.loss.style_weight for subject in subjects]
        assert weights == [settings.loss.style_weight, settings.loss.style_weight / 2]


def test_an_added_style_is_evaluated_with_its_own_painting(known, tiny_values, tmp_path):
    settings = settings_of(
        tiny_values, network__init=str(known), network__learn="rows", style__names=["new"]
    )
    model = str(shutil.copy(train(settings, tmp_path / "run").style_file, tmp_path / "alone.keras"))
    evaluate(
        models=[model],
        data=["bundled"],
        report=tmp_path / "report",
        style=["bundled"],
        sizes=[64],
        iterations=0,
        count=1,
        timed=[0],
    )
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [result["model"] for result in report["results"]] == [f"{model}:new"]
    with pytest.raises(
        OnestrokeError, match=r"noise\.png do not match .* named bundled, each at most"
    ):
        evaluate(  # a painting of the model, but not of its newest training
            models=[model],
            data=["bundled"],
            report=tmp_path / "none",
            style=[paint(tmp_path)[1]],
            sizes=[64],
            iterations=0,
            count=1,
            timed=[0],
        )


def test_paintings_with_equal_names_are_told_apart_by_path(tiny_values, tmp_path):
    pictures = []
    for folder, painting in zip(("one", "two"), paint(tmp_path), strict=True):
        (tmp_path / folder).mkdir()
        pictures.append(str(shutil.copy(painting, tmp_path / folder / "same.png")))
    settings = settings_of(tiny_values, style__pictures=pictures, style__names=["a", "b"])
    run = train(settings, tmp_path / "run").style_file.parent
    moved = shutil.copy(run / "style.keras", tmp_path / "moved.keras")
    about = {"data": ["bundled"], "sizes": [64], "iterations": 0, "count": 1, "timed": [0]}
    for model, style, expected in ((run, pictures[1:], ["b"]), (moved, pictures, ["a", "b"])):
        report = tmp_path / f"report{len(style)}"
        evaluate(models=[str(model)], report=report, style=style, **about)
        results = json.loads((report / "report.json").read_text())["results"]
        assert [result["model"] for result in results] == [f"{model}:{name}" for name in expected]
