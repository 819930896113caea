"""One small style file with random weights, for all tests of this folder."""

from pathlib import Path

import pytest

from onestroke.models.transform import TransformNetwork


@pytest.fixture(scope="session")
def style_file(tmp_path_factory) -> Path:
    """A mobile network that holds two styles."""
    network = TransformNetwork("mobile", styles=2, metadata={"style_names": ["wave", "scream"]})
    # Rows that differ, so that a mixed-up style shows.
    for variable in network.trainable_variables:
        if variable.name == "shift":
            variable.assign_add([[0.2] * variable.shape[1], [-0.2] * variable.shape[1]])
    path = tmp_path_factory.mktemp("style") / "style.keras"
    network.save(path)
    return path
