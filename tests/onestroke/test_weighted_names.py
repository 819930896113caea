import pytest

from onestroke.errors import SettingsError
from onestroke.weighted_names import parse_weighted_names


def test_names_with_and_without_weights():
    parsed = parse_weighted_names(
        ["wave", "scream:0.4", "c:d", "a/b.jpg:2", "x:1e-1", "y:-1", "z:1.2.3"]
    )
    expected = {"wave": 1, "scream": 0.4, "c:d": 1, "a/b.jpg": 2, "x": 0.1, "y": -1, "z:1.2.3": 1}
    assert parsed == expected


def test_a_name_comes_once():
    with pytest.raises(SettingsError, match="--style wave is given twice"):
        parse_weighted_names(["wave:0.6", "wave"])
