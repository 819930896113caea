"""Networks compared with the optimisation they replace, for networks with known results."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from onestroke.cli.tables import evaluation_tables
from onestroke.data.paintings import Style
from onestroke.errors import ModelError
from onestroke.evaluate.baselines import Baselines, Curve
from onestroke.evaluate.evaluation import (
    Measured,
    Result,
    Speed,
    crop_middle_square,
    evaluate,
    measure_speed,
)
from onestroke.evaluate.picture_quality import Colours
from onestroke.evaluate.report import write_report
from onestroke.evaluate.subjects import Subject
from onestroke.losses.loss_settings import LossSettings
from onestroke.models.vgg19_weights import load_vgg19_weights


def picture(seed: int, height: int = 40, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def subject(name: str, paint) -> Subject:
    return Subject(
        name=name,
        paint=paint,
        loss=LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1, "relu2_1": 1}),
        style=Style([picture(7)]),
        about={"pictures": {"seven.jpg": 1.0}, "size": 40},
        vgg19=load_vgg19_weights(),
    )


PHOTOGRAPHS = {"one.jpg": picture(1), "two.jpg": picture(2, 40, 60)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("baselines")


@pytest.fixture(scope="module")
def results(folder):
    """A network that does nothing, and one that paints what twelve iterations reach."""
    baselines = Baselines(12, folder)
    (first,) = evaluate([subject("nothing", lambda x: x)], PHOTOGRAPHS, baselines, sizes=[32])
    reached = reached_by(first)
    perfect = subject("perfect", lambda x: reached[x.tobytes()])
    return [first, *evaluate([perfect], PHOTOGRAPHS, baselines, sizes=[32])]


def reached_by(result: Result) -> dict[bytes, np.ndarray]:
    """Returns by photograph what its optimisation ended with."""
    curves = result.curves["photograph"]
    pairs = zip(result.photographs, curves, strict=True)
    return {photograph.picture.tobytes(): curve.picture for photograph, curve in pairs}


def test_a_network_that_changes_nothing_is_equalled_at_once(results):
    nothing = results[0]
    assert nothing.overtaken("photograph") == [0, 0]
    assert nothing.median_overtaken("photograph") == 0
    assert nothing.mean("content") == 0
    assert nothing.style_share() == 1
    assert nothing.pictures[0].figures == nothing.photographs[0].figures


def test_a_network_equal_to_the_optimisation_replaces_its_iterations(results):
    perfect = results[1]
    # Rounding the picture to bytes changes the loss a little; None: it was never equalled.
    assert all((k or 12) >= 11 for k in perfect.overtaken("photograph"))
    for painted, curve in zip(perfect.pictures, perfect.curves["photograph"], strict=True):
        assert painted.figures["loss"] == pytest.approx(curve.terms[-1]["loss"], rel=0.02)
    assert perfect.style_share() < 0.5
    assert perfect.mean("loss") < results[0].mean("loss")


def test_curves_are_complete_and_fall(results):
    for start in ("noise", "photograph"):
        for curve in results[0].curves[start]:
            losses = [terms["loss"] for terms in curve.terms]
            assert curve.iterations == 12
            assert len(losses) == 13
            assert losses == sorted(losses, reverse=True)
            assert curve.picture.shape == (32, 32, 3)


def test_optimisations_are_cached_for_networks_with_the_same_loss(results, folder):
    assert len(list(folder.iterdir())) == 4  # two photographs from two starts
    assert results[0].curves["noise"][0].terms == results[1].curves["noise"][0].terms


def test_until_overtaken_gives_the_same_counts(results, folder, tmp_path):
    nothing = subject("nothing", lambda x: x)
    (halfway,) = evaluate([nothing], PHOTOGRAPHS, Baselines(6), sizes=[32])
    reached = reached_by(halfway)
    half = subject("half", lambda x: reached[x.tobytes()])
    stopping = Baselines(12, tmp_path, until_overtaken=True)
    # The cached optimisation of the first network is too short for the second.
    for network in (nothing, half):
        (whole,) = evaluate([network], PHOTOGRAPHS, Baselines(12, folder), sizes=[32])
        (stopped,) = evaluate([network], PHOTOGRAPHS, stopping, sizes=[32])
        for start in ("noise", "photograph"):
            assert stopped.overtaken(start) == whole.overtaken(start)
            for curve, k in zip(stopped.curves[start], stopped.overtaken(start), strict=True):
                assert curve.iterations == (12 if k is None else k)
    assert all(k in (6, 7) for k in stopped.overtaken("photograph"))


def test_a_broken_cache_file_is_replaced(tmp_path):
    baselines = Baselines(2, tmp_path)
    painted = evaluate([subject("a", lambda x: x)], PHOTOGRAPHS, baselines, sizes=[32])[0]
    for file in tmp_path.iterdir():
        file.write_bytes(b"PK cut off")
    again = evaluate([subject("a", lambda x: x)], PHOTOGRAPHS, baselines, sizes=[32])[0]
    assert again.curves["noise"][1].terms == painted.curves["noise"][1].terms


def test_another_loss_is_another_optimisation(tmp_path):
    baselines = Baselines(1, tmp_path)
    one = subject("a", lambda x: x)
    settings = LossSettings(content={"relu2_1": 1}, style={"relu1_1": 1}, style_weight=9)
    other = Subject(**{**vars(one), "loss": settings})
    evaluate([one, other], {"one.jpg": picture(1)}, baselines, sizes=[32])
    assert len(list(tmp_path.iterdir())) == 4


def result(picture_losses, curves) -> Result:
    def measured(losses):
        return [Measured(picture(0, 16, 16), {"loss": x, "style": x}) for x in losses]

    return Result(
        model="m",
        size=16,
        names=[str(i) for i in range(len(picture_losses))],
        painting={},
        paintings=[picture(0, 16, 16)],
        photographs=measured([4.0] * len(picture_losses)),
        pictures=measured(picture_losses),
        curves={"noise": [Curve([{"loss": x} for x in curve], picture(0)) for curve in curves]},
    )


def test_iterations_by_hand():
    falling = [3.0, 2.0, 1.5, 1.0]
    one = result([2.0, 1.2, 0.5], [falling] * 3)
    assert one.overtaken("noise") == [1, 3, None]
    assert one.median_overtaken("noise") == 3
    assert result([2.0, 0.5, 0.5], [falling] * 3).median_overtaken("noise") is None
    assert one.mean("loss") == pytest.approx(3.7 / 3)
    assert one.style_share() == pytest.approx(3.7 / 12)


def test_speed_by_hand():
    assert Speed("m", 16, passes=[0.1, 0.2, 0.3], iterations=[2.0, 1.0, 9.0]).ratio == 5000


def test_passes_and_iterations_are_timed_alternately(monkeypatch):
    """With a clock that every reading advances by 1, and every pass by 100."""
    now = 0.0

    def paint(photograph):
        nonlocal now
        now += 100
        return photograph

    def look():
        nonlocal now
        now += 1
        return now

    clock = SimpleNamespace(perf_counter=look)
    monkeypatch.setattr("onestroke.evaluate.evaluation.time", clock)
    (speed,) = measure_speed([subject("a", paint)], picture(1), [32])
    assert speed.passes == [101] * 5
    assert speed.iterations == [1] * 5


def test_the_middle_square_is_cropped():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (crop_middle_square(wide, 10) == 200).all()
    assert crop_middle_square(wide.transpose(1, 0, 2), 20).shape == (20, 20, 3)


def test_the_report(results, tmp_path):
    speeds = [Speed("nothing", 32, [0.1], [0.3])]
    write_report(tmp_path, results, speeds=speeds, about={"processor": "abacus"})
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["processor"] == "abacus"
    assert record["speeds"][0]["ratio"] == pytest.approx(1500)
    nothing = record["results"][0]
    assert nothing["overtaken"]["photograph"] == {"median": 0, "each": [0, 0]}
    one = nothing["photographs"][0]
    assert one["name"] == "one.jpg"
    assert len(one["optimised"]["noise"]) == 13
    assert math.isfinite(one["picture"]["style_relu2_1"])
    assert {"grid", "clipped", "border", "colour"} <= nothing["painting"].keys()
    assert nothing["curves"] == "curves_nothing_32.png"
    with Image.open(tmp_path / nothing["pictures"]) as sheet:
        assert sheet.size == (5 * 32, 2 * (22 + 32))
        places = [sheet.crop((32 * i, 22, 32 * i + 32, 54)) for i in range(5)]
    shown = results[0]
    painting, photograph, painted, from_noise, _ = (np.asarray(p, float) for p in places)
    for place, expected in (
        (painting, crop_middle_square(picture(7), 32)),
        (photograph, shown.photographs[0].picture),
        (painted, shown.photographs[0].picture),
        (from_noise, shown.curves["noise"][0].picture),
    ):
        assert np.abs(place - expected).mean() < 10  # JPEG, of noise


def test_the_plots(results, tmp_path, monkeypatch):
    drawn = []

    def keep(figure, path, **options):
        drawn.append(figure)
        path.touch()

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", keep)
    write_report(tmp_path, results, speeds=[], about={})
    nothing = drawn[0]
    assert [panel.get_title() for panel in nothing.axes] == ["loss", "content", "style"]
    for panel in nothing.axes:
        key = panel.get_title()
        lines = {line.get_label(): line.get_ydata() for line in panel.lines}
        curves = [[terms[key] for terms in c.terms] for c in results[0].curves["noise"]]
        np.testing.assert_allclose(lines["optimised, from noise"], np.mean(curves, axis=0))
        assert lines["one pass of nothing"][0] == results[0].mean(key)


def test_without_optimisations_there_is_no_curve(tmp_path):
    results = evaluate([subject("a", lambda x: x)], PHOTOGRAPHS, Baselines(0), sizes=[32])
    write_report(tmp_path, results, speeds=[], about={})
    (record,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert record["style_share"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pictures_a_32.jpg", "report.json"]
    with Image.open(tmp_path / record["pictures"]) as sheet:
        assert sheet.width == 3 * 32
    (losses, _) = evaluation_tables(results, [])
    assert [list(column.cells) for column in losses.columns][-2:] == [["-"], ["-"]]


def test_networks_with_equal_names_have_separate_files(results, tmp_path):
    models = ["a/style.keras", "b/style.keras", "."]
    write_report(
        tmp_path, [replace(results[0], model=model) for model in models], speeds=[], about={}
    )
    record = json.loads((tmp_path / "report.json").read_text())
    stems = [one["curves"].removeprefix("curves_") for one in record["results"]]
    assert stems == ["style.keras_32.png", "style.keras-2_32.png", "network_32.png"]
    assert len(list(tmp_path.glob("pictures_*.jpg"))) == 3


def test_an_unsupported_size_fails_before_any_optimisation(tmp_path):
    def paint(photograph):
        if len(photograph) > 32:
            raise ModelError("too large")
        return photograph

    with pytest.raises(ModelError, match="too large"):
        evaluate([subject("a", paint)], PHOTOGRAPHS, Baselines(1, tmp_path), sizes=[32, 48])
    assert not list(tmp_path.iterdir())


def test_a_blend_is_measured_with_its_weights():
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 200, np.uint8)
    black[::2] = 2
    assert Colours.of([black, white], [1, 3]).mean == pytest.approx(0.25 * 1 + 0.75 * 200)
    blended = replace(subject("a", lambda x: x), style=Style([black, white], [1, 3]))
    (result,) = evaluate([blended], {"one.jpg": picture(1)}, Baselines(1), sizes=[32])
    assert result.painting["clipped"] == pytest.approx(0.25 * 0.5)


def test_the_tables(results):
    losses, qualities, speed = evaluation_tables(results, [Speed("nothing", 32, [0.1], [0.3])])
    assert losses.row_count == qualities.row_count == 2
    rows = list(zip(*(column.cells for column in losses.columns), strict=True))
    assert rows[0][:2] == ("nothing", "32")
    assert rows[0][6] == "0"
    assert float(rows[1][5].lstrip("> ")) > 3
    assert list(speed.columns[4].cells) == ["1500"]
