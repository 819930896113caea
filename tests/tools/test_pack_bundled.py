"""The style files in the package: small, whole, described, and painting."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import onestroke
from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError
from onestroke.models.card import IDENTITY, Figures
from onestroke.models.style_file import BUNDLED, find_style_file, load_network, read_card
from onestroke.optimize.picture_settings import read_picture_settings
from onestroke.stylize.model import open_model
from onestroke.train.run_folder import find_run
from onestroke.train.settings import read_recipe, resolve_settings

GOLDEN = Path(__file__).parents[1] / "golden"
PACK_BUNDLED = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "pack_bundled.py"))
pack, NOTICE = PACK_BUNDLED["pack"], PACK_BUNDLED["NOTICE"]
LARGEST = {"base": 4e6, "base_mobile": 5e5}  # bytes


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    source = open_source("bundled", split="validation")
    return source.read(0)[:192, :256]


@pytest.mark.parametrize("name", BUNDLED)
def test_styles_of_the_bundled_networks(name: str) -> None:
    file = find_style_file(name)
    assert file.stat().st_size <= LARGEST[name]
    card = read_card(file)
    assert card.identity is not None
    assert len(card.painted_names) >= 12
    painted = [card.style(name) for name in card.painted_names]
    assert all(style.caption and style.paintings for style in painted)
    assert all("/" not in p.name for style in painted for p in style.paintings)
    (notice,) = card.notices
    assert "public domain" in notice
    assert all(style.figures.style_share < 0.2 for style in painted)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_style_paints_and_the_identity_does_not(name: str, photograph: np.ndarray) -> None:
    stylizer = onestroke.load(name)
    painted = {style: stylizer(photograph, style={style: 1}) for style in stylizer.style_names}
    own = painted.pop(IDENTITY)
    change = {style: _distance(picture, photograph) for style, picture in painted.items()}
    assert _distance(own, photograph) < 20
    assert min(change.values()) > 2 * _distance(own, photograph)
    pictures = list(painted.values())
    assert all(_distance(a, b) > 8 for i, a in enumerate(pictures) for b in pictures[:i])


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_networks_paint_the_golden_pictures(name: str) -> None:
    paint_coarsely = runpy.run_path(str(GOLDEN / "make.py"))["paint_coarsely"]
    with np.load(GOLDEN / "painted.npz") as before:
        np.testing.assert_allclose(paint_coarsely(name), before[name], atol=1)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """The root of the mean squared difference, in shades."""
    return float(np.sqrt(np.mean((a.astype(float) - b) ** 2)))


def test_names_of_bundled_networks_are_accepted_by_all_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    for left in ("saved_model.pb", "settings.yaml"):  # by an export, or a training
        (Path("base") / left).touch()
    assert find_style_file("base") == open_model("base").path == BUNDLED["base"]
    assert find_run("base") is None
    assert find_run("./base")
    with pytest.raises(ModelError, match="no model the_kiss; the_kiss is a style of base"):
        find_style_file("the_kiss")
    recipe = read_recipe(Path("new_style"), styles=["mine.jpg"])
    assert resolve_settings(recipe).network.init == "base"
    picture = read_picture_settings(None, ["mine.jpg"], ["optimize.start=base"])
    assert picture.optimize.start == "base"


def test_packing_halves_the_numbers_and_adds_a_notice_and_figures(
    tmp_path: Path, style_file: Path
) -> None:
    target = tmp_path / "packed.keras"
    mean = {"style": 0.0512345, "content": 0.6, "variation": 0.4}
    figures = {"size": 512, "mean": mean, "style_share": 0.05, "photographs": [{}, {}]}
    results = [{"model": f"runs/base:{name}", **figures} for name in ("scream", "wave")]
    for wrong in (results[:1], [*results, results[0]], [*results, {"model": "x", **figures}]):
        (tmp_path / "report.json").write_text(json.dumps({"results": wrong}))
        with pytest.raises(ValueError, match="expected figures of wave, scream; got scream"):
            pack(style_file, target, [tmp_path])
    assert not target.exists()
    (tmp_path / "report.json").write_text(json.dumps({"results": results}))
    pack(style_file, target, [tmp_path])
    assert target.stat().st_size < style_file.stat().st_size / 2
    before, after = read_card(style_file), read_card(target)
    assert after.style_names == before.style_names == ("wave", "scream")
    assert after.notices == (NOTICE,)
    figures = Figures(style=0.05123, style_share=0.05, content=0.6, photographs=2, size=512)
    assert [style.figures for style in after.styles] == [figures, figures]
    assert after.model_copy(update={"styles": before.styles}) == before
    for packed, own in zip(
        load_network(target).get_weights(), load_network(style_file).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(packed, own.astype(np.float16))


def test_weights_too_large_for_16_bits_are_refused(tmp_path: Path, style_file: Path) -> None:
    network = load_network(style_file)
    network.trainable_variables[0].assign(network.trainable_variables[0] + 1e6)
    network.save(tmp_path / "large.keras")
    with pytest.raises(OverflowError, match="beyond 65504"):
        pack(tmp_path / "large.keras", tmp_path / "packed.keras")
    assert not (tmp_path / "packed.keras").exists()
