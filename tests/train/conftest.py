"""Fixtures of the trainings: settings that train in seconds, and finished runs."""

import functools

import pytest

from onestroke.train.settings import Settings, check_settings, read_recipe, resolve_settings
from onestroke.train.training import train


@pytest.fixture
def settings(tiny_recipe) -> Settings:
    """The tiny recipe with resolved settings."""
    return resolve_settings(read_recipe(tiny_recipe))


def change_settings(settings: Settings, **changes) -> Settings:
    values = settings.model_dump()
    for key, value in changes.items():
        section, name = key.split("__")
        values[section][name] = list(value) if isinstance(value, tuple) else value
    return check_settings(values)


@pytest.fixture(scope="session")
def changed():
    """Returns settings with changes of the form ``section__key=value``."""
    return change_settings


@pytest.fixture(scope="session")
def once(tiny_values, tmp_path_factory):
    """Trains the tiny recipe with changes, unless a test has done so; returns the result."""

    @functools.cache
    def trained(**changes):
        settings = resolve_settings(check_settings(tiny_values))
        folder = tmp_path_factory.mktemp("once") / "run"
        return train(change_settings(settings, **changes), folder)

    return trained


@pytest.fixture
def runtime_files() -> None:
    """Requested by a test whose trainings write runtime files."""


@pytest.fixture(autouse=True)
def no_runtime_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the conversion of the network, which takes seconds."""
    if "runtime_files" not in request.fixturenames:
        monkeypatch.setattr("onestroke.train.training.write_runtime_file", lambda style_file: None)
