"""Checkpoints: what is never saved, and what cannot be read."""

import io

import numpy as np
import pytest

from onestroke.data.paintings import read_styles
from onestroke.errors import OnestrokeError
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.checkpoint import DivergedError, save_checkpoint
from onestroke.train.run_folder import RunFolder
from onestroke.train.training import build_trainer, train


def message(call, *arguments) -> str:
    with pytest.raises(OnestrokeError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_weights_that_are_not_finite_are_never_saved(settings, tmp_path):
    """The loss of a step is computed with the weights before it, so the weights are checked too."""
    trainer = build_trainer(
        settings,
        load_vgg19_weights(),
        read_styles(settings.style.pictures, settings.style.short_sides()),
    )
    trainer.network.colour.shift.assign([[np.nan, 0, 0]])
    with pytest.raises(DivergedError, match="a weight is not finite after step 4"):
        save_checkpoint(tmp_path / "checkpoint.npz", trainer, 4)
    assert not list(tmp_path.glob("*.npz"))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{"network.000": np.array([{}], object)})
    return stream.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", pickled()])
def test_without_any_good_checkpoint_the_file_is_named(settings, tmp_path, content):
    run = RunFolder(tmp_path / "run")
    run.begin(settings)
    run.checkpoint_file(4).write_bytes(content)
    text = message(train, settings, tmp_path / "run")
    assert text.startswith("the checkpoint ")
    assert "step_0000004.npz is broken or of another network" in text
    assert text.endswith(
        f"and no other one can be read; delete the folder {run.checkpoints} to train from the start"
    )
