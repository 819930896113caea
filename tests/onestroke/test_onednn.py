"""oneDNN is chosen for trainings, and the user's choice is kept."""

import os

import pytest

from onestroke.onednn import SWITCH, choose_onednn, uses_onednn


@pytest.fixture(autouse=True)
def intel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv(SWITCH, "")  # restored after the test
    monkeypatch.delenv(SWITCH)


def test_trainings_use_onednn() -> None:
    choose_onednn(batch=2)
    assert os.environ[SWITCH] == "1"


def test_batches_of_one_picture_leave_the_choice_to_tensorflow() -> None:
    choose_onednn(batch=1)
    assert SWITCH not in os.environ


def test_the_choice_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uses_onednn()
    monkeypatch.setenv(SWITCH, "0")
    choose_onednn(batch=2)
    assert os.environ[SWITCH] == "0"
    assert not uses_onednn()


def test_other_processors_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    choose_onednn(batch=2)
    assert SWITCH not in os.environ
    assert not uses_onednn()
