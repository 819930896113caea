"""Gram matrices in little space, from the package, the cache or a measurement."""

import numpy as np
import pytest

from onestroke.losses.packed_grams import RANK, pack_grams, recall_grams, ship_grams, unpack_grams


@pytest.fixture
def grams():
    """Two pictures' Gram matrices of a narrow and a wide layer of few directions."""
    random = np.random.default_rng(0)
    wide = [random.normal(0, 10, (20, 2 * RANK)) for _ in range(2)]
    narrow = [random.normal(0, 10, (20, 8)) for _ in range(2)]
    return [{"narrow": n.T @ n, "wide": w.T @ w} for n, w in zip(narrow, wide, strict=True)]


def test_matrices_of_few_directions_are_kept(grams):
    factors = pack_grams(grams)
    assert factors["wide"].shape == (2, 2 * RANK, RANK)
    assert factors["narrow"].dtype == np.float16
    for packed, gram in zip(unpack_grams(factors), grams, strict=True):
        for name, matrix in gram.items():
            assert np.linalg.norm(packed[name] - matrix) < 1e-3 * np.linalg.norm(matrix)


def test_the_package_comes_before_the_cache_and_the_cache_before_a_measurement(grams, tmp_path):
    layers, calls = ["narrow", "wide"], []

    def recall(key, shipped=()):
        def measure():
            calls.append(key)
            return grams

        return recall_grams([key], layers, measure, shipped=shipped, folder=tmp_path / "cache")

    first = recall("a")
    again = recall("a")
    assert calls == ["a"]
    np.testing.assert_array_equal(first[1]["wide"], again[1]["wide"])
    ship_grams(tmp_path / "shipped.npz", ["b"], grams)
    shipped = recall("b", [tmp_path / "absent.npz", tmp_path / "shipped.npz"])
    assert calls == ["a"]
    np.testing.assert_array_equal(shipped[0]["wide"], first[0]["wide"])
    recall("c", [tmp_path / "shipped.npz"])
    assert calls == ["a", "c"]
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(b"PK cut off")
    recall("a")
    assert calls == ["a", "c", "a"]


def test_a_file_without_a_layer_is_not_used(grams, tmp_path):
    ship_grams(tmp_path / "shipped.npz", ["a"], [{"narrow": gram["narrow"]} for gram in grams])
    recalled = recall_grams(
        ["a"], ["wide"], lambda: grams, shipped=[tmp_path / "shipped.npz"], folder=None
    )
    assert recalled[0]["wide"].shape == (2 * RANK, 2 * RANK)
