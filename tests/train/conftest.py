"""Trainings in these tests end without the conversion of the network, which takes seconds."""

import pytest


@pytest.fixture
def runtime_files() -> None:
    """Requested by a test whose trainings write runtime files."""


@pytest.fixture(autouse=True)
def no_runtime_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "runtime_files" not in request.fixturenames:
        monkeypatch.setattr("onestroke.train.training.write_runtime_file", lambda style_file: None)
