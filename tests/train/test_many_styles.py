"""Several styles in one network: trained together, added to a model, the identity."""

import hashlib
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.errors import OnestrokeError
from onestroke.models.card import Figures
from onestroke.models.derived_cards import blend_card
from onestroke.models.style_file import load_network, read_card
from onestroke.models.style_rows import extract_blend
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import check_settings, resolve_settings
from onestroke.train.training import train


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


def test_training_rows_leaves_the_old_styles_unchanged(known, tiny_values, tmp_path):
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
        # Not every file has a runtime file here; LiteRT and Keras round differently.
        expected = onestroke.load(known, runtime="keras")(picture, style={name: 1})
        actual = onestroke.load(trained.style_file, runtime="keras")(picture, style={name: 1})
        np.testing.assert_array_equal(actual, expected)


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


def test_an_extracted_style_keeps_its_own_size_and_weight_alone(known):
    card = load_network(known).card
    training = card.trainings[0]
    by_name = {"sizes": {"noise": 32, "stripes": 64}, "weights": {"stripes": 2.0}}
    settings = {**training.settings, "style": {**training.settings["style"], **by_name}}
    changed = training.model_copy(update={"settings": settings})
    alone = blend_card(card.model_copy(update={"trainings": (changed,)}), {"noise": 1.0})
    style = check_settings(alone.settings, origin="card").style
    assert (style.sizes, style.weights) == ({"noise": 32}, {})


def test_an_extracted_style_records_its_training(known, tiny_values, tmp_path):
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


def test_a_changed_init_file_is_another_run(known, tiny_values, tmp_path):
    copy = shutil.copy(known, tmp_path / "copy.keras")
    settings = settings_of(tiny_values, network__init=str(copy), network__learn="rows")
    stop = threading.Event()
    stop.set()
    train(settings, tmp_path / "more", stop=stop)
    copy.write_bytes(copy.read_bytes() + b"another")
    with pytest.raises(OnestrokeError, match=r"copy\.keras has changed since the run in"):
        train(settings, tmp_path / "more")


def test_notices_stay_with_their_styles(known, tiny_values, tmp_path):
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
    assert (own.notice, own.figures) == (None, None), "they belong to the older styles"
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
            r"preset mobile, the recipe has half; choose a model of that preset with --init$",
        ),
        (
            {"network__preset": "half", "network__learn": "all"},
            "set network.preset=mobile, or network.init=null for random weights",
        ),
        (
            {"style__names": ["noise"]},
            "already contains a style noise; choose another name with",
        ),
        ({"style__identity": True}, "already contains an identity; set style.identity=false"),
    ],
)
def test_settings_that_contradict_the_model_are_refused(
    known, tiny_values, tmp_path, changes, expected
):
    changes = {"network__init": str(known), "network__learn": "rows", **changes}
    with pytest.raises(OnestrokeError, match=expected):
        train(settings_of(tiny_values, **changes), tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_a_missing_init_file_is_named(tiny_values):
    with pytest.raises(OnestrokeError, match=r"no model /none\.keras"):
        settings_of(tiny_values, network__init="/none.keras", network__learn="rows")


def test_a_style_that_is_trained_further_starts_where_it_ended(known, tiny_values, tmp_path):
    settings = settings_of(
        tiny_values,
        network__init=str(known.parent),
        style__pictures=paint(tmp_path)[1:],
        train__learning_rate=1e-12,
    )
    further = load_network(train(settings, tmp_path / "further").style_file)
    assert further.card.style_names == ("noise",), "layers changed, so others are left out"
    alone = extract_blend(load_network(known), {"noise": 1.0})
    for mine, its in zip(values_of(further), values_of(alone), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6)
    assert further.card.trainings[0].parents[0].name == "known/style.keras"
    # The first training learned styles of both names, but this network does not contain them.
    beside = settings_of(
        tiny_values,
        network__init=str(tmp_path / "further"),
        network__learn="rows",
        style__names=["stripes"],
    )
    joined = load_network(train(beside, tmp_path / "beside").style_file)
    assert extract_blend(joined, {"noise": 0.5, "stripes": 0.5}).card.settings is None


def test_training_a_finished_run_again_keeps_the_runs_that_started_from_it(
    known, tiny_values, tmp_path
):
    """A changed file would be another init, with which an unfinished run cannot be resumed."""
    parent = shutil.copytree(known.parent, tmp_path / "parent")
    child = settings_of(tiny_values, network__init=str(parent), network__learn="rows")
    stop = threading.Event()
    stop.set()
    assert train(child, tmp_path / "child", stop=stop).style_file is None
    before = (parent / "style.keras").read_bytes()
    assert train(RunFolder(parent).settings(), parent).style_file is not None
    assert (parent / "style.keras").read_bytes() == before
    assert train(child, tmp_path / "child").step == child.train.steps
