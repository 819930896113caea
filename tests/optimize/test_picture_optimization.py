"""Optimising one picture: sizes, initial pictures, styles, resuming."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestroke.errors import ModelError, OnestrokeError, SettingsError
from onestroke.optimize import picture_optimization
from onestroke.optimize.optimization_state import save_state
from onestroke.optimize.picture_inputs import (
    check_optimization_memory,
    level_sizes,
    read_picture_inputs,
)
from onestroke.optimize.picture_optimization import Optimization, enlarge
from onestroke.optimize.picture_settings import OptimizeSettings, read_picture_settings
from onestroke.pictures import PictureError, to_uint8

TINY = [
    "loss.content={relu2_1: 1}",
    "loss.style={relu1_1: 1, relu2_1: 1}",
    "optimize.size=48",
    "optimize.coarsest=32",
    "optimize.iterations=6",
    "optimize.save_every=2",
]


@pytest.fixture
def content(tmp_path):
    ramp = np.linspace(0, 255, 60 * 40 * 3).reshape(40, 60, 3)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def settings(*overrides: str, styles=("bundled",)):
    return read_picture_settings(None, styles, [*TINY, *overrides])


def begin(content, *overrides, state_file=None, paint_start=None, styles=("bundled",)):
    chosen = settings(*overrides, styles=styles)
    ingredients = read_picture_inputs(content, chosen)
    return Optimization(ingredients, chosen, paint_start=paint_start, state_file=state_file)


def test_sizes_double_from_coarse_to_fine():
    def sizes(**how):
        return level_sizes((300, 400), OptimizeSettings(**how))

    assert sizes(size=512, coarsest=512) == [(384, 512)]
    assert sizes(size=1024, coarsest=300) == [(192, 256), (384, 512), (768, 1024)]
    assert sizes(size=75, coarsest=40) == [(28, 38), (56, 75)]
    assert level_sizes((60, 400), OptimizeSettings(size=150)) == [(22, 150)]  # no half of 11


def test_sizes_are_optimised_from_coarse_to_fine(content):
    seen = []
    result = begin(content).run(show=lambda *shown: seen.append(shown))
    assert result.finished
    assert result.iterations == 12
    assert [progress.step for progress, _ in seen] == list(range(1, 13))
    assert all(progress.steps == 12 for progress, _ in seen)
    coarse, fine = (16, 24, 3), (32, 48, 3)
    assert [picture.shape for _, picture in seen] == [coarse] * 6 + [fine] * 6
    np.testing.assert_array_equal(result.picture, to_uint8(seen[-1][1]))
    assert result.picture.dtype == np.uint8
    assert result.picture_terms["style"] < 0.7 * result.photograph_terms["style"]
    assert result.photograph_terms["content"] == 0


@pytest.mark.parametrize("method", ["l-bfgs", "adam"])
@pytest.mark.parametrize("saves", [1, 4])
def test_a_resumed_optimisation_equals_an_uninterrupted_one(content, tmp_path, method, saves):
    """Killed one iteration after a save, at the coarse size and at the fine one."""
    how = f"optimize.method={method}"
    whole = begin(content, how).run()

    def kill(progress, picture):
        if progress.step == 2 * saves + 1:
            raise KeyboardInterrupt

    state = tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        begin(content, how, state_file=state).run(show=kill)
    resumed = begin(content, how, state_file=state)
    assert resumed.iteration == 2 * saves
    result = resumed.run()
    np.testing.assert_array_equal(result.picture, whole.picture)
    assert result.picture_terms == whole.picture_terms
    resumed.delete_state()
    assert not state.exists()


def test_a_stop_saves_every_iteration(content, tmp_path):
    stop = threading.Event()
    state = tmp_path / "state.npz"
    first = begin(content, state_file=state)
    result = first.run(show=lambda now, _: stop.set() if now.step == 3 else None, stop=stop)
    assert not result.finished
    assert result.iterations == 3
    assert begin(content, state_file=state).iteration == 3


def test_a_state_of_other_settings_or_pictures_is_refused(content, tmp_path):
    state = tmp_path / "state.npz"
    begin(content, state_file=state).run()
    with pytest.raises(SettingsError, match="unfinished optimisation of other pictures or sett"):
        begin(content, "loss.style_weight=7", state_file=state)
    Image.fromarray(np.full((40, 60, 3), 9, np.uint8)).save(content)
    with pytest.raises(SettingsError, match="delete the file, or choose another output"):
        begin(content, state_file=state)
    state.write_bytes(b"PK no archive")
    with pytest.raises(ModelError, match=r"state\.npz is broken .* delete it to start again"):
        begin(content, state_file=state)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": np.array("[]")},
        {"header": np.array("[" * 5000)},
        {"header": np.array([{}], object)},
        {"level": 9},
        {"level": "0"},
        {"iteration": None},
        {"picture": np.zeros((9, 9, 3))},
        {"picture": np.array("x")},
    ],
    ids=range(8),
)
def test_states_of_strangers_are_checked(content, tmp_path, changes):
    state = tmp_path / "state.npz"
    fresh = begin(content)
    save_state(state, fresh.state, fresh.fingerprint)
    with np.load(state) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    header |= {key: value for key, value in changes.items() if key in header}
    arrays |= {"header": np.array(json.dumps(header))}
    arrays |= {key: value for key, value in changes.items() if key in arrays}
    np.savez(state, **arrays)
    with pytest.raises(ModelError, match=r"state\.npz is broken .* delete it to start again"):
        begin(content, state_file=state)


def test_initial_pictures(content):
    photograph = begin(content, "optimize.coarsest=48").state.descent.picture
    assert photograph.shape == (32, 48, 3)
    noise = begin(content, "optimize.start=noise", "optimize.coarsest=48").state.descent.picture
    other = begin(
        content, "optimize.start=noise", "optimize.coarsest=48", "optimize.seed=1"
    ).state.descent.picture
    assert noise.std() > 70
    assert not np.array_equal(noise, other)

    def begun(size):
        painted = []

        def paint(photograph):
            painted.append(photograph)
            return np.full((*size, 3), 200, np.uint8)

        begun = begin(content, "optimize.start=first.png", paint_start=paint)
        return painted, begun.state.descent.picture

    painted, given = begun((20, 30))
    assert [photograph.shape for photograph in painted] == [(16, 24, 3)]
    np.testing.assert_array_equal(given, np.full((16, 24, 3), 200.0))
    with pytest.raises(PictureError, match=r"first\.png is 30 x 10 .* 24 x 16; crop it"):
        begun((10, 30))


def test_an_early_end_is_logged(content, monkeypatch, caplog):
    """The method returns early if no step reduces the loss."""
    monkeypatch.setattr(picture_optimization, "descend_by_lbfgs", lambda *args, **step: None)
    seen = []
    result = begin(content).run(show=lambda progress, picture: seen.append(progress.step))
    assert result.finished
    assert seen == [6, 12]  # the display and the frames reach the end of each size
    assert "no step reduces the loss after iteration 0" in caplog.text


def test_enlarging_stays_in_the_range():
    checks = np.kron([[0.0, 255.0], [255.0, 0.0]], np.ones((4, 4)))
    larger = enlarge(np.repeat(checks[..., None], 3, -1), (16, 17))
    assert larger.shape == (16, 17, 3)
    assert larger.min() == 0
    assert larger.max() == 255


def test_strokes_keep_their_size_relative_to_the_picture(content, monkeypatch):
    """The painting is as long as the picture unless a size is set, and shrinks with it."""
    seen = []

    def note(loss, vgg19, styles):
        seen.append(styles[0].pictures[0].shape[:2])
        raise InterruptedError

    monkeypatch.setattr("onestroke.optimize.picture_optimization.build_objective", note)
    for override in ("optimize.size=64", "style.size=100"):
        with pytest.raises(InterruptedError):
            begin(content, override).run()
    assert [min(shape) for shape in seen] == [32, 50]


def test_several_paintings_are_blended_by_weight(content, tmp_path):
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    one, other = (str(tmp_path / f"{name}.png") for name in ("a", "b"))

    def gram(*styles):
        objective = begin(content, styles=styles).build_objective(1.0)
        return objective.targets.grams["relu1_1"]

    expected = 0.25 * gram(one) + 0.75 * gram(other)
    np.testing.assert_allclose(gram(f"{one}:1", f"{other}:3"), expected, rtol=1e-4)


def test_pooling_and_layers_are_the_settings(content):
    objective = begin(content, "loss.pooling=avg", "loss.style={relu3_1: 1}").build_objective(1.0)
    assert objective.loss_network.get_layer("pool1").__class__.__name__ == "AveragePooling2D"
    assert set(objective.targets.grams) == {"relu3_1"}


def test_pictures_too_narrow_for_the_first_size(tmp_path):
    Image.fromarray(np.zeros((20, 100, 3), np.uint8)).save(tmp_path / "thin.png")
    with pytest.raises(PictureError, match=r"would be 48 x 10 pixels; both sides need at least 16"):
        begin(tmp_path / "thin.png")


def test_settings_of_an_optimisation(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("style: {pictures: [bundled], size: 99}\noptimize: {iterations: 5}\n")
    read = read_picture_settings(recipe, [], ["optimize.start=noise"])
    assert (read.style.size, read.optimize.iterations, read.optimize.start) == (99, 5, "noise")
    weighted = read_picture_settings(recipe, ["a.jpg:2", "b:1e-1", "c:d"], [])
    names = {name.rpartition("/")[2]: share for name, share in weighted.style.pictures.items()}
    assert names == {"a.jpg": 2.0, "b": 0.1, "c:d": 1.0}
    assert weighted.style.size == 99
    with pytest.raises(SettingsError, match=r"--style a:0: the weight must be above 0"):
        read_picture_settings(None, ["a:0"], [])
    recipe.write_text("style: wave.jpg\n")
    with pytest.raises(
        SettingsError, match=r"section 'style' must contain keys; it contains 'wave\.jpg'"
    ):
        read_picture_settings(recipe, ["a.jpg"], [])
    with pytest.raises(SettingsError, match="add --style PATH"):
        read_picture_settings(None, [], [])
    with pytest.raises(SettingsError, match=r"did you mean optimize\.iterations\?"):
        read_picture_settings(None, ["a"], ["optimize.iteration=3"])


def test_too_large_a_picture_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onestroke.machine.available_memory", lambda: 10**9)
    monkeypatch.setattr("onestroke.optimize.picture_inputs.has_nvidia_gpu", lambda: False)
    check_optimization_memory((400, 500))
    with pytest.raises(OnestrokeError) as caught:
        check_optimization_memory((1000, 2000))
    # 4750 bytes * 2,000,000 pixels; 2000 * sqrt(1 / 9.5) = 648
    assert str(caught.value) == (
        "not enough memory to optimise 2000 x 1000 pixels: about 9.5 GB are needed, 1.0 GB are "
        "available; choose --size 648 or smaller"
    )
