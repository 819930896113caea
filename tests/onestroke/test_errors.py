"""Errors are one line with the problem, the value and the remedy."""

import numpy as np
import pytest

from onestroke.errors import (
    ModelError,
    OnestrokeError,
    SettingsError,
    explain_memory_errors,
    format_value,
    is_out_of_memory,
)


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's error."""


def fail(error: Exception) -> None:
    with explain_memory_errors("for a painting", "choose a smaller one"):
        raise error


@pytest.mark.parametrize("error", [MemoryError(), ResourceExhaustedError("OOM")])
def test_memory_errors_are_explained(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(OnestrokeError) as caught:
        fail(error)
    assert str(caught.value) == "not enough memory for a painting; choose a smaller one"
    assert caught.value.__cause__ is error


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="other"):
        fail(ValueError("other"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0000001, "1.0000001"),
        (np.float32(0.5), "0.5"),
        (2.0, "2"),
        (-3, "-3"),
        (float("inf"), "inf"),
        (10**400, "an integer of about 400 digits"),
        (-(10**5000), "an integer of about 5000 digits"),
        (True, "True"),
        ("a" * 1000, "'" + 199 * "a" + "…"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_values_are_shown_with_all_their_digits(value: object, expected: str) -> None:
    assert format_value(value) == expected


def test_kinds_and_status() -> None:
    assert issubclass(SettingsError, OnestrokeError)
    assert issubclass(ModelError, OnestrokeError)
    assert OnestrokeError.status == 2


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (3, "3"), ("0.5", "'0.5'"), (None, "None")]
)
def test_values_in_messages(value: object, text: str) -> None:
    assert format_value(value) == text
