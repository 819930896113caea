"""Fixtures of several packages: a recipe that trains in seconds, and a style file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import onestroke
from onestroke.files import cache_folder
from onestroke.models.face_weights import FaceWeights, is_cached, load_face_weights

USER_FACES = cache_folder("faces")  # read here, before the tests have a cache of their own


def pytest_report_header() -> str:
    """Says whether the tests import the wheel or the checkout."""
    return f"onestroke: {Path(onestroke.__file__).parent}"


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Gives the tests an empty cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def face_weights() -> FaceWeights:
    """The published face weights, where the user has them; tests download nothing."""
    if USER_FACES is None or not is_cached(USER_FACES):
        pytest.skip("the published face weights are not in the user's cache")
    return load_face_weights(USER_FACES)


@pytest.fixture(scope="session")
def tiny_values() -> dict[str, dict[str, Any]]:
    """A recipe whose run takes a second: the small network, the first layers of VGG19."""
    return {
        "network": {"preset": "mobile"},
        "style": {"pictures": ["bundled"], "size": 48},
        "loss": {"content": {"relu2_1": 1}, "style": {"relu1_1": 1, "relu2_1": 1}},
        "data": {"crop": 32, "batch": 2, "validation_size": 48},
        "train": {
            "steps": 8,
            "warmup_steps": 2,
            "precision": "float32",
            "log_every": 1,
            "checkpoint_every": 2,
            "sample_every": 4,
        },
    }


@pytest.fixture
def tiny_recipe(tiny_values: dict[str, dict[str, Any]], tmp_path: Path) -> Path:
    """The recipe as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_values))
    return path


@pytest.fixture(scope="session")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mobile network with random weights and two styles."""
    import keras

    from onestroke.models.card import untrained_card
    from onestroke.models.transform_network import TransformNetwork

    keras.utils.set_random_seed(0)
    network = TransformNetwork("mobile", 2, card=untrained_card("mobile", ["wave", "scream"]))
    # Different rows, so that exchanged styles are noticed.
    for variable in network.trainable_variables:
        if variable.name == "shift":
            variable.assign_add([[0.2] * variable.shape[1], [-0.2] * variable.shape[1]])
    path = tmp_path_factory.mktemp("style") / "style.keras"
    network.save(path)
    return path


@pytest.fixture(scope="session")
def runtime_file(style_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime file of ``style_file``, in another folder."""
    from onestroke.stylize.runtime_file import write_runtime_file

    path = tmp_path_factory.mktemp("runtime") / "style.tflite"
    write_runtime_file(style_file, path)
    return path


@pytest.fixture(scope="session")
def known(tiny_values, tmp_path_factory) -> Path:
    """The style file of a finished run of two styles, stripes and noise, and the identity."""
    import numpy as np
    from PIL import Image

    from onestroke.train.settings import check_settings, resolve_settings
    from onestroke.train.training import train

    folder = tmp_path_factory.mktemp("known")
    stripes = np.zeros((48, 48, 3), np.uint8)
    stripes[:, ::4] = (250, 40, 10)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    paintings = [str(folder / "stripes.png"), str(folder / "noise.png")]
    for file, pixels in zip(paintings, (stripes, noise), strict=True):
        Image.fromarray(pixels).save(file)
    style = {**tiny_values["style"], "pictures": paintings, "identity": True}
    settings = resolve_settings(check_settings({**tiny_values, "style": style}))
    trained = train(settings, folder / "known").style_file
    assert trained is not None
    return trained
