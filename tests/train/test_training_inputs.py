"""The inputs of a training."""

import pytest
from PIL import Image

from onestroke.errors import OnestrokeError
from onestroke.train.training_inputs import read_validation


def message(call, *arguments) -> str:
    with pytest.raises(OnestrokeError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_validation_photographs_are_limited_and_large_enough(settings, tmp_path, changed):
    data = changed(settings, data__validation_count=2).data
    assert len(read_validation(data)) == 2
    Image.new("RGB", (400, 40)).save(tmp_path / "ribbon.png")
    small = changed(settings, data__validation=[str(tmp_path)]).data
    assert "both sides must have at least 16; remove it" in message(read_validation, small)
