"""The reasons for a slow training."""

import pytest

from onestroke import slow_machine
from onestroke.slow_machine import explain_slow_training


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without a GPU, whose processor has no fast bfloat16 and uses oneDNN."""
    monkeypatch.setattr(slow_machine, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(slow_machine, "processor_multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(slow_machine, "uses_onednn", lambda: True)
    return monkeypatch


def test_a_processor_without_bfloat16(processor: pytest.MonkeyPatch) -> None:
    first, second = explain_slow_training("float32")
    assert "no GPU" in first
    assert "no fast bfloat16" in second
    assert "faster with float32" in explain_slow_training("mixed_bfloat16")[1]


def test_choices_that_make_a_fast_processor_slow(processor: pytest.MonkeyPatch) -> None:
    processor.setattr(slow_machine, "processor_multiplies_bfloat16", lambda: True)
    assert len(explain_slow_training("mixed_bfloat16")) == 1
    assert "faster with mixed_bfloat16" in explain_slow_training("float32")[1]
    processor.setattr(slow_machine, "uses_onednn", lambda: False)
    assert "TF_ENABLE_ONEDNN_OPTS" in explain_slow_training("mixed_bfloat16")[-1]


def test_a_gpu_that_is_used_or_not(processor: pytest.MonkeyPatch) -> None:
    processor.setattr(slow_machine, "has_nvidia_gpu", lambda: True)
    processor.setattr(slow_machine, "describe_gpus", lambda: ["A100"])
    assert explain_slow_training("float32") == []
    processor.setattr(slow_machine, "describe_gpus", list)
    processor.setattr(slow_machine, "explain_unusable_gpu", lambda: "nvidia-cublas is missing")
    assert explain_slow_training("float32") == ["nvidia-cublas is missing"]
