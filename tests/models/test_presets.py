"""Strides and receptive fields of the presets, counted by hand."""

from onestroke.models.presets import PRESETS, Preset, Step


def test_strides() -> None:
    assert {name: preset.stride for name, preset in PRESETS.items()} == {
        "johnson": 4,
        "half": 4,
        "mobile": 4,
    }


def test_receptive_field_of_a_small_network() -> None:
    # 9 x 9 at full size: 4. 3 x 3 with stride 2: 1. One block of two 3 x 3 at half size: 4.
    # Upsampling by 2 and 3 x 3 at full size: 4 + 1. 9 x 9 at the end: 4.
    preset = Preset(down=(Step(8, 9), Step(16, 3, 2)), blocks=1, up=(Step(8, 3, 2), Step(3, 9)))
    assert preset.reach == 4 + 1 + 4 + 5 + 4
    assert preset.stride == 2


def test_half_has_the_shape_of_johnson() -> None:
    johnson, half = PRESETS["johnson"], PRESETS["half"]
    assert johnson.reach == half.reach
    assert [step.channels for step in johnson.down] == [32, 64, 128]
    assert [step.channels for step in half.down] == [16, 32, 64]
