"""Several styles in one network: trained together, added to a known one, given back unchanged."""

import hashlib
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.data.paintings import Style
from onestroke.data.photograph_sources import open_source
from onestroke.errors import OnestrokeError
from onestroke.evaluate.evaluate_models import EvaluationOptions, evaluate_models
from onestroke.losses.loss_settings import LossSettings
from onestroke.losses.objective import build_objective
from onestroke.losses.style_targets import measure_styles
from onestroke.models.card import Figures, untrained_card
from onestroke.models.style_file import load_network, read_card
from onestroke.models.style_rows import copy_network, extract_blend, join_networks
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.optimize.picture_job import open_start
from onestroke.pictures import resize, size_of_long_side
from onestroke.train.initial_rows import find_initial_blends
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import check_settings, resolve_settings
from onestroke.train.style_means import StyleMeans
from onestroke.train.training import train

LOSS = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1})


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


def values_of(network):
    return [np.asarray(variable) for variable in network.variables]


@pytest.fixture(scope="module")
def known(tiny_values, tmp_path_factory):
    """A run of two styles and the identity."""
    folder = tmp_path_factory.mktemp("known")
    settings = settings_of(tiny_values, style__pictures=paint(folder), style__identity=True)
    return train(settings, folder / "known").style_file


def evaluate(
    *, models, data, report, sizes, iterations, count, timed, style=(), overrides=()
) -> None:
    options = EvaluationOptions(sizes, iterations, count=count, timed_sizes=timed)
    evaluate_models(models, data, report, options, styles=style, overrides=overrides)


def test_each_style_has_its_losses(known):
    assert read_card(known).style_names == ("stripes", "noise", "photograph")
    steps = [e for e in RunFolder(known.parent).metrics() if "learning_rate" in e]
    seen = {key for entry in steps for key in entry if key.startswith("style/")}
    assert seen == {"style/stripes", "style/noise", "style/photograph"}
    # Two pictures a step take the three styles in turn: each step lacks one of them.
    assert all(sum(key.startswith("style/") for key in entry) == 2 for entry in steps)
    (training,) = read_card(known).trainings
    assert training.photograph_losses["style/photograph"] == 0
    assert training.picture_losses["style/noise"] > 0
    assert training.picture_losses["content/noise"] > 0


def test_rows_alone_leave_the_old_styles_as_they_are(known, tiny_values, tmp_path):
    settings = settings_of(
        tiny_values,
        network__init=str(known),
        network__learn="rows",
        style__pictures=["bundled"],
        train__learning_rate=0.03,
    )
    trained = train(settings, tmp_path / "more")
    unlearnt = settings.model_copy(
        update={"train": settings.train.model_copy(update={"learning_rate": 1e-12})}
    )
    begun = load_network(train(unlearnt, tmp_path / "begun").style_file)
    old, new = load_network(known), load_network(trained.style_file)
    assert "/" not in new.card.settings["network"]["init"]
    names = ["stripes", "noise", "photograph", "bundled"]
    assert new.card.style_names == tuple(names)
    assert new.card.default == 3, "the new style"
    (parent,) = new.card.trainings[-1].parents
    assert parent.sha256 == hashlib.sha256(known.read_bytes()).hexdigest()
    for before, after, first in zip(*map(values_of, (old, new, begun)), strict=True):
        if after.shape == before.shape:
            np.testing.assert_array_equal(before, after)
        else:
            np.testing.assert_array_equal(before, after[:3])
            assert not np.allclose(after[3], first[3], atol=1e-4)

    picture = np.random.default_rng(1).integers(0, 256, (40, 36, 3), dtype=np.uint8)
    for name in names[:3]:
        expected = onestroke.load(known)(picture, style={name: 1})
        np.testing.assert_array_equal(
            onestroke.load(trained.style_file)(picture, style={name: 1}), expected
        )


@pytest.mark.parametrize("learn", ["rows", "all"])
def test_many_styles_stopped_and_resumed_equal_uninterrupted(known, tiny_values, tmp_path, learn):
    settings = settings_of(
        tiny_values, network__init=str(known), network__learn=learn, style__identity=True
    )
    settings = settings.model_copy(
        update={"network": settings.network.model_copy(update={"keep": False})}
    )
    stop = threading.Event()
    stopped = train(
        settings,
        tmp_path / "stopped",
        stop=stop,
        show=lambda progress: stop.set() if progress.step == 3 else None,
    )
    assert stopped.step == 4
    one = load_network(train(settings, tmp_path / "stopped").style_file)
    two = load_network(train(settings, tmp_path / "whole").style_file)
    for mine, its in zip(values_of(one), values_of(two), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_each_style_is_evaluated_with_its_painting(known, tmp_path):
    evaluate(
        models=[str(known.parent)],
        data=["bundled"],
        report=tmp_path / "report",
        sizes=[64],
        iterations=1,
        count=1,
        timed=[0],
    )
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    names = [f"{known.parent}:{name}" for name in ("stripes", "noise")]
    assert [result["model"] for result in report["results"]] == names
    one, two = (result["mean"] for result in report["results"])
    assert one["style"] != two["style"]
    assert one["colour"] != two["colour"]


def test_paintings_are_told_by_their_names_in_any_order(known, tmp_path):
    model = str(shutil.copy(known, tmp_path / "moved.keras"))
    noise, stripes = sorted(paint(tmp_path))
    about = {"data": ["bundled"], "sizes": [64], "iterations": 1, "count": 1, "timed": [0]}
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


def test_an_optimisation_begins_with_one_style(known):
    with pytest.raises(OnestrokeError, match="has several styles; paint with one of them"):
        open_start(str(known))


def test_a_style_beside_older_ones_is_evaluated_with_its_own_painting(known, tiny_values, tmp_path):
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
        iterations=1,
        count=1,
        timed=[0],
    )
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [result["model"] for result in report["results"]] == [f"{model}:new"]
    with pytest.raises(
        OnestrokeError, match=r"noise\.png do not match .* named bundled, each at most"
    ):
        evaluate(  # which the model knows, but this training does not
            models=[model],
            data=["bundled"],
            report=tmp_path / "none",
            style=[paint(tmp_path)[1]],
            sizes=[64],
            iterations=1,
            count=1,
            timed=[0],
        )


def test_one_style_of_many_says_what_it_learnt(known, tiny_values, tmp_path):
    network = load_network(known)
    blend = extract_blend(network, {"stripes": 0.25, "noise": 0.75}).card
    assert blend.blend == {"stripes": 0.25, "noise": 0.75}
    assert blend.trainings[0].picture_losses == {}, "nothing measured the blend"
    style = blend.settings["style"]
    assert style["pictures"] == [[{"stripes.png": 0.25}, {"noise.png": 0.75}]]
    assert style["names"] == ["stripes+noise"]
    alone = extract_blend(network, {"noise": 1.0}).card
    losses = network.card.trainings[0].picture_losses
    assert alone.trainings[0].picture_losses == {
        term: losses[f"{term}/noise"] for term in ("style", "content")
    }

    settings = settings_of(tiny_values, network__init=str(known), network__learn="rows")
    joined = load_network(train(settings, tmp_path / "run").style_file)
    old, new = (extract_blend(joined, {name: 1.0}).card for name in ("noise", "bundled"))
    assert old.trainings == alone.trainings
    assert new.settings["style"]["pictures"] == [[{"bundled": 1.0}]]
    assert new.trainings[0].picture_losses == joined.card.trainings[1].picture_losses
    assert extract_blend(joined, {"noise": 0.5, "bundled": 0.5}).card.settings is None


def test_paintings_called_alike_are_told_apart(tiny_values, tmp_path):
    pictures = []
    for folder, painting in zip(("one", "two"), paint(tmp_path), strict=True):
        (tmp_path / folder).mkdir()
        pictures.append(str(shutil.copy(painting, tmp_path / folder / "same.png")))
    settings = settings_of(tiny_values, style__pictures=pictures, style__names=["a", "b"])
    run = train(settings, tmp_path / "run").style_file.parent
    moved = shutil.copy(run / "style.keras", tmp_path / "moved.keras")
    about = {"data": ["bundled"], "sizes": [64], "iterations": 1, "count": 1, "timed": [0]}
    for model, style, expected in ((run, pictures[1:], ["b"]), (moved, pictures, ["a", "b"])):
        report = tmp_path / f"report{len(style)}"
        evaluate(models=[str(model)], report=report, style=style, **about)
        results = json.loads((report / "report.json").read_text())["results"]
        assert [result["model"] for result in results] == [f"{model}:{name}" for name in expected]


def test_another_file_to_begin_with_is_another_run(known, tiny_values, tmp_path):
    copy = shutil.copy(known, tmp_path / "copy.keras")
    settings = settings_of(tiny_values, network__init=str(copy), network__learn="rows")
    stop = threading.Event()
    stop.set()
    train(settings, tmp_path / "more", stop=stop)
    copy.write_bytes(copy.read_bytes() + b"another")
    with pytest.raises(OnestrokeError, match=r"expected .*/copy\.keras as it was when"):
        train(settings, tmp_path / "more")


def test_a_notice_travels_with_the_styles_it_speaks_of(known, tiny_values, tmp_path):
    noted = load_network(known)
    notice = "In the public domain."
    figures = Figures(style=0.5, style_share=0.1, content=0.6, photographs=2, size=64)
    added = {"notice": notice, "figures": figures}
    styles = tuple(style.model_copy(update=added) for style in noted.card.styles[:2])
    noted.card = noted.card.model_copy(update={"styles": (*styles, noted.card.styles[2])})
    noted.save(tmp_path / "noted.keras")
    init = str(tmp_path / "noted.keras")
    settings = settings_of(tiny_values, network__init=init, network__learn="rows")
    joined = load_network(train(settings, tmp_path / "joined").style_file)
    assert joined.card.notices == (notice,)
    assert joined.card.styles[:3] == noted.card.styles
    (alone,) = extract_blend(joined, {"noise": 1.0}).card.styles
    assert (alone.notice, alone.figures) == (notice, figures)
    (own,) = extract_blend(joined, {"bundled": 1.0}).card.styles
    assert (own.notice, own.figures) == (None, None), "those belong to the older styles"
    (both,) = extract_blend(joined, {"noise": 0.5, "bundled": 0.5}).card.styles
    assert (both.notice, both.figures) == (notice, None)


def test_the_new_style_alone(known, tiny_values, tmp_path):
    settings = settings_of(
        tiny_values, network__init=str(known), network__learn="rows", network__keep=False
    )
    new = load_network(train(settings, tmp_path / "alone").style_file)
    assert new.styles == 1
    assert new.card.style_names == ("bundled",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"network__preset": "half"},
            r"preset half; .* is mobile; name one of that preset with --init$",
        ),
        (
            {"network__preset": "half", "network__learn": "all"},
            "set network.preset=mobile, or network.init=null for random weights",
        ),
        ({"style__names": ["noise"]}, "noise is there already; set style.names"),
        ({"style__identity": True}, "gives photographs back already; set style.identity=false"),
    ],
)
def test_what_does_not_fit_the_known_network(known, tiny_values, tmp_path, changes, expected):
    changes = {"network__init": str(known), "network__learn": "rows", **changes}
    with pytest.raises(OnestrokeError, match=expected):
        train(settings_of(tiny_values, **changes), tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_there_is_no_file_to_begin_with(tiny_values):
    with pytest.raises(OnestrokeError, match=r"no model /none\.keras"):
        settings_of(tiny_values, network__init="/none.keras", network__learn="rows")


def two_styles():
    random = np.random.default_rng(0)
    network = TransformNetwork("mobile", 2)
    for variable in network.variables:
        if variable.name in ("scale", "shift"):
            variable.assign(random.normal(1, 0.3, variable.shape))
    return network


def nearest_of(style):
    """Paints a photograph in a blend of two styles; returns those that come nearest to it."""
    network = two_styles()
    photograph = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    inputs = {"image": photograph[None].astype(np.float32), "style": np.float32([style])}
    painting = np.asarray(network(inputs))[0]
    objective = build_objective(LOSS, load_vgg19_weights(), [Style([painting])])
    return find_initial_blends(network, objective, [photograph])


def test_the_nearest_style_is_the_one_that_painted_the_painting():
    np.testing.assert_allclose(nearest_of([0, 1]), [[0, 1]], atol=0.01)


def test_a_blend_that_paints_nearer_than_any_style_is_the_nearest():
    [blend] = nearest_of([0.5, 0.5])
    assert blend.min() > 0.1
    assert blend.sum() == pytest.approx(1)


def test_a_known_style_that_is_learnt_further_begins_where_it_was(known, tiny_values, tmp_path):
    settings = settings_of(
        tiny_values,
        network__init=str(known.parent),
        style__pictures=paint(tmp_path)[1:],
        train__learning_rate=1e-12,
    )
    further = load_network(train(settings, tmp_path / "further").style_file)
    assert further.card.style_names == ("noise",), "layers changed, so the others are left out"
    alone = extract_blend(load_network(known), {"noise": 1.0})
    for mine, its in zip(values_of(further), values_of(alone), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6)
    assert further.card.trainings[0].parents[0].name == "known/style.keras"
    # The first training learnt styles of both names, but this network does not hold those.
    beside = settings_of(
        tiny_values,
        network__init=str(tmp_path / "further"),
        network__learn="rows",
        style__names=["stripes"],
    )
    joined = load_network(train(beside, tmp_path / "beside").style_file)
    assert extract_blend(joined, {"noise": 0.5, "stripes": 0.5}).card.settings is None


def test_rows_are_copied_blended_and_joined():
    source, target = two_styles(), TransformNetwork("mobile", 3)
    copy_network(source, target, np.array([[0, 1], [1, 0], [0.25, 0.75]]))
    for its, mine in zip(values_of(source), values_of(target), strict=True):
        if its.shape == mine.shape:
            np.testing.assert_array_equal(its, mine)
        else:
            np.testing.assert_array_equal(mine[:2], its[::-1])
            np.testing.assert_allclose(mine[2], 0.25 * its[0] + 0.75 * its[1], rtol=1e-5)
    target.card = untrained_card("mobile", ["a", "b", "c"])
    joined = join_networks(source, target)
    assert joined.styles == 5
    with pytest.raises(ValueError, match="expected networks of the same layers"):
        join_networks(source, two_styles_with_other_layers())


def test_the_moving_moments_travel_with_the_identity():
    known = TransformNetwork("mobile", 2, identity=1)
    for variable in known.variables:
        variable.assign(np.random.default_rng(0).normal(1, 0.3, variable.shape))
    new = TransformNetwork("mobile", 1)
    copy_network(known, new, np.array([[1, 0]]))
    new.card = untrained_card("mobile", ["new"])
    joined = join_networks(known, new)
    assert (joined.styles, joined.identity) == (3, 1)
    photograph = np.random.default_rng(2).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    for weights in ([1, 0], [0, 1], [0.5, 0.5]):
        ours, theirs = (
            network({"image": photograph, "style": np.float32([style])})
            for network, style in ((known, weights), (joined, [*weights, 0]))
        )
        np.testing.assert_array_equal(ours, theirs)
    first = TransformNetwork("mobile", 2, identity=1)
    copy_network(new, first, np.ones((2, 1)))
    assert join_networks(new, first).identity == 2


def two_styles_with_other_layers():
    network = two_styles()
    network.variables[0].assign(network.variables[0] + 1)
    return network


def test_the_identity_is_measured_by_the_photograph():
    random = np.random.default_rng(3)
    photographs = random.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    pictures = photographs + random.normal(0, 9, photographs.shape).astype(np.float32)
    objective = build_objective(
        LOSS, load_vgg19_weights(), [Style([photographs[0]])], identity=True
    )
    wanted = objective.content_network(photographs)
    terms = objective.terms(wanted, pictures, np.float32([[0, 1], [1, 0]]), photographs)
    expected = 81 / photographs[0].var(axis=(0, 1)).mean()
    assert float(terms["style"][0]) == pytest.approx(expected, rel=0.1)
    content = LOSS.content_weight * float(terms["content"][0])
    assert float(terms["loss"][0]) == pytest.approx(content + float(terms["style"][0]), rel=1e-4)
    assert float(terms["variation"][0]) == 0
    assert float(terms["variation"][1]) > 0
    mean_of_layers = (terms["style_relu1_1"][1] + terms["style_relu2_1"][1]) / 2
    assert float(terms["style"][1]) == pytest.approx(float(mean_of_layers), rel=1e-5)


def test_a_photograph_has_a_style_loss_of_1_whatever_the_painting():
    """The package's photographs tell how far a painting is; a pale one is no farther."""
    source = open_source(["bundled"], split="train")
    photographs = [source.read(i, 256) for i in range(len(source))]
    photographs = [resize(p, size_of_long_side(p.shape[:2], 256)) for p in photographs]
    strokes = np.random.default_rng(6).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    pale = (200 + strokes // 16).astype(np.uint8)
    objective = build_objective(LOSS, load_vgg19_weights(), [Style([strokes]), Style([pale])])
    for i in range(2):
        style = np.eye(2, dtype=np.float32)[[i]]
        losses = []
        for photograph in photographs:
            batch = photograph[None].astype(np.float32)
            terms = objective.terms(objective.content_network(batch), batch, style)
            losses.append(float(terms["style"][0]))
        assert np.median(losses) == pytest.approx(1, rel=1e-3)


def test_paintings_are_measured_once(tmp_path, monkeypatch):
    style = Style([np.random.default_rng(5).integers(0, 256, (48, 40, 3), dtype=np.uint8)])
    measured = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    [file] = tmp_path.iterdir()
    monkeypatch.setattr(
        "onestroke.losses.style_targets._PaintingMeasure.measure", lambda *_: pytest.fail("again")
    )
    again = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    for name in LOSS.style:
        np.testing.assert_array_equal(again.grams[name], measured.grams[name])
    assert again.variation == measured.variation
    monkeypatch.undo()
    file.write_bytes(b"PK cut off")
    mended = measure_styles(LOSS, load_vgg19_weights(), [style], folder=tmp_path)
    np.testing.assert_array_equal(mended.grams["relu1_1"], measured.grams["relu1_1"])
    other = Style([255 - style.pictures[0]])
    measure_styles(LOSS, load_vgg19_weights(), [other], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_means_of_each_style():
    means = StyleMeans(["a", "b"])
    means.update_state(np.float32([1, 3]), np.float32([[1, 0], [0, 1]]))
    means.update_state(np.float32([2, 4]), np.float32([[1, 0], [1, 0]]))
    assert {k: float(v) for k, v in means.result().items()} == {
        "style/a": pytest.approx(7 / 3),
        "style/b": 3,
    }
