"""Runtime files paint pictures of any size as their networks do, for one caller at a time."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest

from onestroke.models.style_file import load_network
from onestroke.stylize import litert_painter
from onestroke.stylize.keras_painter import KerasPainter
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.stylizer import Stylizer

STYLE = np.float32([0.25, 0.75])


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise that is bright on one side, so that moments differ from tile to tile."""
    noise = np.random.default_rng(seed).integers(0, 128, (height, width, 3))
    return (noise + np.linspace(0, 127, width)[None, :, None]).astype(np.uint8)


def joined(pieces, like: np.ndarray) -> np.ndarray:
    """Puts pieces together; fails unless they cover the picture exactly once."""
    result, times = np.zeros(like.shape, np.float32), np.zeros(like.shape[:2], int)
    for region, painted in pieces:
        result[region] = painted
        times[region] += 1
    assert (times == 1).all()
    return result


@pytest.fixture(scope="module")
def network(style_file: Path):
    return load_network(style_file)


@pytest.fixture(params=["plain", "frugal"])
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to run a file, chosen by their limit."""
    monkeypatch.setattr(litert_painter, "PLAIN_UP_TO", {"plain": 10**9, "frugal": 0}[request.param])
    return request.param


@pytest.mark.parametrize("size", [(16, 16), (17, 203), (64, 48), (151, 102)])
def test_pictures_equal_the_network(size, network, runtime_file: Path, runner) -> None:
    photograph = picture(*size)
    expected = joined(KerasPainter(network).pieces(photograph, STYLE), photograph)
    actual = joined(LiteRtPainter(runtime_file).pieces(photograph, STYLE), photograph)
    np.testing.assert_allclose(actual, expected, atol=0.05)


@pytest.mark.parametrize("size", [(405, 302), (230, 617)])
def test_tiles_with_the_moments_of_the_whole_equal_the_whole(size, runtime_file, runner) -> None:
    photograph = picture(*size)
    whole = LiteRtPainter(runtime_file)
    expected = joined(whole.pieces(photograph, STYLE), photograph)
    tiled = LiteRtPainter(runtime_file, whole_pixels=240 * 240)
    pieces = list(tiled.tiles(photograph, STYLE, whole.moments(photograph, STYLE)))
    assert len(pieces) > 10
    np.testing.assert_allclose(joined(pieces, photograph), expected, atol=0.01)


def test_large_pictures_equal_those_of_the_network_in_tiles(network, runtime_file: Path) -> None:
    photograph = picture(405, 302)
    limits = {"whole_pixels": 240 * 240}
    expected = KerasPainter(network, **limits, tile_side=72).pieces(photograph, STYLE)
    pieces = list(LiteRtPainter(runtime_file, **limits).pieces(photograph, STYLE))
    assert len(pieces) > 10
    actual = joined(pieces, photograph)
    np.testing.assert_allclose(actual, joined(expected, photograph), atol=0.05)


def test_a_tile_is_not_larger_than_a_whole_picture(runtime_file: Path, monkeypatch) -> None:
    painter, seen = LiteRtPainter(runtime_file, whole_pixels=240 * 240), []
    run = painter._run
    monkeypatch.setattr(
        painter, "_run", lambda part, *rest: seen.append(part.shape[:2]) or run(part, *rest)
    )
    list(painter.pieces(picture(405, 302), STYLE))
    assert max(height * width for height, width in seen) <= 240 * 240
    tiles = seen[1:]  # after the thumbnail
    assert sum(a != b for a, b in itertools.pairwise(tiles)) <= 3


def test_threads_of_one_stylizer_each_get_their_own_picture(runtime_file: Path) -> None:
    """Eight threads with three sizes, in two styles and with different strengths."""
    stylizer = Stylizer(LiteRtPainter(runtime_file))
    sizes = [(40, 56), (97, 31), (64, 64)]
    calls = [
        (picture(*sizes[i % 3], seed=i), {"wave": 1 + i % 2, "scream": 1}, 0.5 + i / 20)
        for i in range(8)
    ]
    expected = [stylizer(p, style=style, strength=s) for p, style, s in calls]
    start, results = threading.Barrier(8), [[] for _ in calls]

    def paint(index: int) -> None:
        photograph, style, strength = calls[index]
        start.wait()
        for _ in range(5):
            results[index].append(stylizer(photograph, style=style, strength=strength))

    threads = [threading.Thread(target=paint, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own, first in zip(results, expected, strict=True):
        assert len(own) == 5
        for painted in own:
            np.testing.assert_array_equal(painted, first)


def test_an_error_of_one_call_does_not_block_the_next(runtime_file: Path, monkeypatch) -> None:
    stylizer = Stylizer(LiteRtPainter(runtime_file))
    monkeypatch.setattr(stylizer.painter, "pieces", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stylizer(picture(32, 32))
    monkeypatch.undo()
    assert stylizer(picture(32, 32)).shape == (32, 32, 3)
