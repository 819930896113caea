"""The inputs of a training."""

import pytest
from PIL import Image

from onestroke.errors import OnestrokeError
from onestroke.train.training_inputs import check_training_memory, read_validation


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


@pytest.mark.parametrize(
    ("batch", "crop", "remedy"),
    [
        # 5500 bytes * 40 * 256 * 256 pixels are 14.4 GB
        (40, 256, "about 14.4 GB are needed, 1.0 GB are available; set data.batch=2 or smaller"),
        # 1024 * sqrt(1 / 5.77) = 426
        (1, 1024, "about 5.8 GB are needed, 1.0 GB are available; set data.batch=1 and"),
    ],
)
def test_batches_that_do_not_fit_are_refused_before_the_training(
    settings, monkeypatch, batch, crop, remedy
):
    monkeypatch.setattr("onestroke.machine.available_memory", lambda: 10**9)
    monkeypatch.setattr("onestroke.train.training_inputs.has_nvidia_gpu", lambda: False)
    check_training_memory(settings)
    data = settings.data.model_copy(update={"batch": batch, "crop": [crop // 2, crop]})
    large = settings.model_copy(update={"data": data})
    with pytest.raises(OnestrokeError) as caught:
        check_training_memory(large)
    assert str(caught.value).startswith(
        f"not enough memory for batches of {batch} pictures of {crop} px: {remedy}"
    )
