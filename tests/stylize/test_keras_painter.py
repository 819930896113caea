"""Tiles: how a picture is cut, and that no seam and no size limit shows."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from onestroke.models.presets import PRESETS
from onestroke.models.transform_network import TransformNetwork
from onestroke.pictures import resize
from onestroke.stylize.keras_painter import TILE_SIDE, WHOLE_PIXELS, KerasPainter
from onestroke.stylize.tiles import TileSpan, kept_side, plan_tiles, split_length

ONE_STYLE = np.ones(1, np.float32)


def picture(height: int, width: int) -> np.ndarray:
    """Noise that is bright on one side, so that moments differ from tile to tile."""
    noise = np.random.default_rng(0).integers(0, 128, (height, width, 3))
    return (noise + np.linspace(0, 127, width)[None, :, None]).astype(np.uint8)


def joined(pieces, like: np.ndarray) -> np.ndarray:
    """Puts pieces together; fails unless they cover the picture exactly once."""
    result, times = np.zeros(like.shape, np.float32), np.zeros(like.shape[:2], int)
    for region, painted in pieces:
        result[region] = painted
        times[region] += 1
    assert (times == 1).all()
    return result


def test_split_by_hand():
    assert split_length(30, side=8, margin=3, stride=4) == [
        TileSpan(read=slice(0, 16), kept=slice(0, 8)),
        TileSpan(read=slice(4, 20), kept=slice(8, 16)),
        TileSpan(read=slice(12, 28), kept=slice(16, 24)),
        TileSpan(read=slice(16, 30), kept=slice(24, 30)),
    ]
    assert split_length(30, side=8, margin=3, stride=4)[1].kept_of_read == slice(4, 12)


def test_tiles_are_of_nearly_the_same_size():
    kept = [span.kept for span in split_length(1001, side=1000, margin=60, stride=4)]
    assert kept == [slice(0, 504), slice(504, 1001)]


@pytest.mark.parametrize("length", [*range(16, 60), 1103, 1105])
def test_split_covers_every_length_once(length):
    spans = split_length(length, side=12, margin=9, stride=4)
    assert [i for span in spans for i in range(length)[span.kept]] == list(range(length))
    for span in spans:
        assert span.read.start % 4 == 0
        assert span.kept.stop - span.kept.start <= 12
        assert span.read.start <= max(0, span.kept.start - 12)
        assert span.read.stop >= min(length, span.kept.stop + 12)
    sizes = [span.read.stop - span.read.start for span in spans]
    assert len(set(sizes)) <= 2  # each costs a runtime the preparation of its memory
    assert max(sizes) <= min(length, 12 + 2 * 12)


def test_tiles_of_one_size_follow_each_other():
    tiles = plan_tiles((1001, 1003), side=100, margin=9, stride=4)
    assert len(tiles) == 11 * 11
    sizes = [
        (rows.read.stop - rows.read.start, columns.read.stop - columns.read.start)
        for rows, columns in tiles
    ]
    changes = sum(a != b for a, b in itertools.pairwise(sizes))
    assert changes == len(set(sizes)) - 1 == 3


def test_the_side_of_a_tile_by_hand():
    # 1,024 x 1,024 pixels read, 68 of them margin on either side.
    assert kept_side(2**20, margin=66, stride=4) == 1024 - 2 * 68
    assert kept_side(2**20 - 1, margin=66, stride=4) == 1020 - 2 * 68


def test_a_tile_with_its_margins_is_no_larger_than_a_whole_picture():
    margin = max(preset.reach for preset in PRESETS.values())
    assert (TILE_SIDE + 2 * margin) ** 2 <= WHOLE_PIXELS
    assert TILE_SIDE % max(preset.stride for preset in PRESETS.values()) == 0


def test_reach_by_hand():
    # Down 4 + 1 + 2, ten kernels of three at quarter size, up 8 + 1 * 2, 4 + 1, and 4.
    assert PRESETS["johnson"].reach == 7 + 40 + 10 + 5 + 4
    # Down 2 + 2, sixteen kernels of three at quarter size, up 8 + 1 * 2, and 2 + 2.
    assert PRESETS["mobile"].reach == 4 + 64 + 10 + 4


@pytest.mark.parametrize(
    ("preset", "size"), [("mobile", (151, 102)), ("mobile", (17, 203)), ("johnson", (18, 222))]
)
def test_tiles_with_the_moments_of_the_whole_equal_the_whole(preset, size):
    network = TransformNetwork(preset)
    painter = KerasPainter(network, tile_side=36)
    whole = picture(*size)
    moments = painter.moments(whole, ONE_STYLE)
    expected = network(whole[None].astype(np.float32)).numpy()[0]
    tiled = joined(painter.tiles(whole, ONE_STYLE, moments), whole)
    np.testing.assert_allclose(tiled, expected, atol=0.01)


def test_a_narrower_margin_would_show(monkeypatch):
    painter = KerasPainter(TransformNetwork("mobile"), tile_side=36)
    whole = picture(32, 150)
    moments = painter.moments(whole, ONE_STYLE)
    monkeypatch.setattr("onestroke.models.presets.Preset.reach", 40)  # where 82 are seen
    tiled = joined(painter.tiles(whole, ONE_STYLE, moments), whole)
    assert np.abs(tiled - joined(painter.pieces(whole, ONE_STYLE), whole)).max() > 0.01


def test_small_pictures_are_painted_whole():
    network = TransformNetwork("mobile")
    whole = picture(33, 47)
    painted = joined(KerasPainter(network, whole_pixels=33 * 47).pieces(whole, ONE_STYLE), whole)
    expected = network(whole[None].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(painted, expected, atol=0.01)


def test_large_pictures_are_painted_with_the_moments_of_a_thumbnail():
    painter = KerasPainter(TransformNetwork("mobile"), whole_pixels=2000, tile_side=36)
    large = resize(picture(9, 12), (90, 120))  # smooth: shrunk noise would be another picture
    pieces = list(painter.pieces(large, ONE_STYLE))
    assert len(pieces) == 3 * 4
    moments = painter.moments(resize(large, (38, 51)), ONE_STYLE)  # 1,938 of 2,000 pixels
    expected = joined(painter.tiles(large, ONE_STYLE, moments), large)
    np.testing.assert_allclose(joined(pieces, large), expected, atol=0.01)
    whole = joined(KerasPainter(painter.network).pieces(large, ONE_STYLE), large)
    assert np.abs(expected - whole).max() > 1  # of a smaller copy, not of the picture itself


def test_a_ribbon_keeps_a_side_that_the_network_can_see():
    ribbon = picture(17, 800)
    painter = KerasPainter(TransformNetwork("mobile"), whole_pixels=2000, tile_side=400)
    assert joined(painter.pieces(ribbon, ONE_STYLE), ribbon).shape == (17, 800, 3)


def test_every_size_runs_the_same_graph():
    painter = KerasPainter(TransformNetwork("mobile"), whole_pixels=2000, tile_side=36)
    for size in ((20, 30), (33, 17), (90, 120), (71, 64)):
        list(painter.pieces(picture(*size), ONE_STYLE))
    graphs = (painter._paint_whole, painter._moments, painter._paint_tile)
    assert [graph.experimental_get_tracing_count() for graph in graphs] == [1, 1, 1]


@pytest.mark.slow
def test_twelve_megapixels_stay_below_two_and_a_half_gigabytes():
    code = (
        "import resource, numpy as np\n"
        "from onestroke.models.transform_network import TransformNetwork\n"
        "from onestroke.stylize.keras_painter import KerasPainter\n"
        "from onestroke.stylize.stylizer import Stylizer\n"
        "stylizer = Stylizer(KerasPainter(TransformNetwork('johnson')))\n"
        "stylizer(np.zeros((3000, 4000, 3), np.uint8))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout.split()[-1]) < 2.5 * 2**20  # in kilobytes
