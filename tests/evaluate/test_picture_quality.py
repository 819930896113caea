"""Measures of picture quality, on pictures with and without the artefact."""

import numpy as np
import pytest

from onestroke.evaluate.picture_quality import (
    Colours,
    border_difference,
    clipped_share,
    colour_distance,
    grid_energy,
    mesh_ratio,
)


def strokes(seed: int, height: int = 96, width: int = 131) -> np.ndarray:
    """Returns noise around grey with energy at all frequencies, less at higher ones."""
    random = np.random.default_rng(seed)
    field = sum(
        scale
        * np.kron(
            random.normal(size=(height // scale + 1, width // scale + 1)), np.ones((scale,) * 2)
        )[:height, :width]
        for scale in (1, 2, 5, 13, 24)
    )
    return np.clip(128 + 2 * field, 0, 255).astype(np.uint8)[..., None].repeat(3, -1)


@pytest.mark.parametrize("period", [2, 4])
def test_a_checkerboard_has_grid_energy(period):
    picture = strokes(0)
    rows, columns = np.indices(picture.shape[:2]) // (period // 2)
    board = 16 * ((rows + columns) % 2)[..., None]
    with_board = np.clip(picture.astype(int) + board, 0, 255).astype(np.uint8)
    assert grid_energy(picture) < 0.003
    assert grid_energy(with_board) > 0.01


def test_other_textures_have_no_grid_energy():
    rows = np.arange(96)[:, None, None]
    stripes = np.broadcast_to(128 + 60 * np.sin(2 * np.pi * rows / 7), (96, 128, 3))
    assert grid_energy(stripes.astype(np.uint8)) < 0.001
    assert grid_energy(np.full((40, 40, 3), 9, np.uint8)) == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_vertical_and_horizontal_edges_have_no_grid_energy(axis):
    """Vertical bars have energy in one row of frequencies, horizontal ones in one column."""
    bars = np.where(np.arange(131) // 16 % 2, 230, 20)[None, :, None].repeat(96, 0).repeat(3, -1)
    picture = bars if axis else bars.transpose(1, 0, 2)
    assert grid_energy(picture.astype(np.uint8)) < 0.001


def sky_above_strokes() -> np.ndarray:
    """Returns a picture whose upper half is flat but for weak noise."""
    picture = strokes(0, 192, 256).astype(np.float64)
    noise = np.random.default_rng(1).normal(0, 1, (96, 256, 1))
    picture[:96] = 180 + np.linspace(0, 20, 256)[None, :, None] + noise
    return picture


@pytest.mark.parametrize("period", [2, 4])
def test_a_weak_mesh_in_a_flat_area_is_seen(period):
    picture = sky_above_strokes()
    rows, columns = np.indices((96, 256)) // (period // 2)
    meshed = picture.copy()
    meshed[:96] += 2 * ((rows + columns) % 2)[..., None]
    without, with_mesh = (p.astype(np.uint8) for p in (picture, meshed))
    assert mesh_ratio(without) < 2
    assert mesh_ratio(with_mesh) > 6
    # Related to the variance of the whole picture, this mesh is nothing.
    assert grid_energy(with_mesh) < 0.003


def test_other_pictures_have_no_mesh():
    rows = np.arange(96)[:, None, None]
    stripes = np.broadcast_to(128 + 60 * np.sin(2 * np.pi * rows / 7), (96, 128, 3))
    bars = np.where(np.arange(256) // 16 % 2, 230, 20)[None, :, None].repeat(96, 0).repeat(3, -1)
    assert mesh_ratio(stripes.astype(np.uint8)) < 2
    assert mesh_ratio(bars.astype(np.uint8)) < 2
    assert mesh_ratio(strokes(0, 480, 640)) < 2
    assert mesh_ratio(np.full((40, 40, 3), 9, np.uint8)) == pytest.approx(1)
    assert mesh_ratio(np.zeros((31, 90, 3), np.uint8)) == 1


def test_clipped_values_are_counted():
    picture = np.full((2, 2, 3), 100, np.uint8)
    picture[0, 0] = (0, 255, 7)
    assert clipped_share(picture) == pytest.approx(2 / 12)


def test_a_frame_is_a_border_difference():
    framed = np.full((40, 50, 3), 100, np.uint8)
    framed[:8], framed[-8:], framed[:, :8], framed[:, -8:] = 160, 160, 160, 160
    # Within the inner ring, the corners belong to the frame: 2 x 8 of 50, 2 x 8 of 40.
    expected = np.mean([60 * (1 - 16 / 50), 60 * (1 - 16 / 40)])
    assert border_difference(framed) == pytest.approx(expected)
    assert border_difference(np.full((40, 40, 3), 7, np.uint8)) == 0


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return colour_distance(Colours.of([one]), Colours.of([other]))


def test_colours_are_compared_by_mean_and_covariance():
    random = np.random.default_rng(0)
    picture = random.integers(60, 100, (50, 50, 3), dtype=np.uint8)
    moved = picture + np.array([3, 4, 12], np.uint8)
    gray = np.full((4, 4, 3), 7, np.uint8)
    assert distance(gray, gray + 2) == pytest.approx(2 * np.sqrt(3))
    assert distance(picture, picture) == pytest.approx(0, abs=1e-3)
    assert distance(moved, picture) == pytest.approx(13, rel=1e-3)
    shuffled = random.permutation(picture.reshape(-1, 3)).reshape(25, 100, 3)
    assert distance(shuffled, picture) == pytest.approx(0, abs=1e-3)
    # A normal distribution of twice the deviation s is s away in each of three channels.
    wider = (80 + 2 * (picture.astype(int) - 80)).astype(np.uint8)
    spread = np.sqrt(
        picture.reshape(-1, 3).var(0, ddof=0).sum()
        + (picture.mean((0, 1)) - 80) @ (picture.mean((0, 1)) - 80)
    )
    assert distance(wider, picture) == pytest.approx(spread, rel=1e-2)
