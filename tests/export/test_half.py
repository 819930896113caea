"""Arithmetic in float16, as on GPUs of phones, paints the same picture.

The exported graph runs operator by operator, with every result rounded to float16.
"""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from onestroke.data.photograph_sources import open_source
from onestroke.export.servable import Servable
from onestroke.export.verification import difference
from onestroke.models import layers
from onestroke.models.style_file import load_network
from onestroke.models.transform_network import TransformNetwork
from onestroke.train.settings import read_recipe, resolve_settings
from onestroke.train.training import train

ROOT = Path(__file__).parents[2]


def in_half(network: TransformNetwork, photograph: np.ndarray) -> np.ndarray:
    """Paints with every number, including the weights, rounded to float16."""
    shape = (1, *photograph.shape[:2])
    signature = Servable(network).signature(tf.float32, shape).get_concrete_function()
    frozen = convert_variables_to_constants_v2(signature)
    values = {frozen.inputs[0].name: tf.constant(photograph[None], tf.float32)}
    for operation in frozen.graph.get_operations():
        if operation.type in ("Placeholder", "NoOp"):
            continue
        results = run(operation, [values[tensor.name] for tensor in operation.inputs])
        for tensor, result in zip(operation.outputs, results, strict=True):
            values[tensor.name] = rounded(result)
    return values[frozen.outputs[0].name].numpy()[0]


def rounded(x: Any) -> Any:
    return tf.cast(tf.cast(x, tf.float16), tf.float32) if x.dtype == tf.float32 else x


def run(operation: Any, inputs: list) -> list:
    """Runs one operation of a graph on concrete values."""
    if operation.type == "Const":
        return [tf.constant(tf.make_ndarray(operation.get_attr("value")))]
    function = getattr(tf.raw_ops, operation.type)
    attributes = {one.name for one in operation.op_def.attr}
    names = [name for name in inspect.signature(function).parameters if name != "name"]
    given: dict[str, Any] = {name: operation.get_attr(name) for name in names if name in attributes}
    left = iter(inputs)
    # Python's names of the inputs sometimes differ from the graph's; the order is the same.
    tensors = [name for name in names if name not in attributes]
    for name, argument in zip(tensors, operation.op_def.input_arg, strict=True):
        number = operation.get_attr(argument.number_attr) if argument.number_attr else None
        given[name] = next(left) if number is None else [next(left) for _ in range(number)]
    results = function(**given)
    return list(results) if isinstance(results, (list, tuple)) else [results]


def psnr(network: TransformNetwork, photograph: np.ndarray) -> float:
    expected = np.asarray(network(photograph[None].astype(np.float32)))[0]
    return difference("half", in_half(network, photograph), expected).psnr


@pytest.fixture
def photograph() -> np.ndarray:
    return open_source("bundled", split="validation").read(0)[::3, ::3]


@pytest.fixture
def trained(tiny_recipe: Path, tmp_path: Path) -> TransformNetwork:
    """A mobile network after a few steps, enough for large deviations."""
    settings = resolve_settings(
        read_recipe(tiny_recipe, ["train.steps=40", "train.learning_rate=0.01"])
    )
    return load_network(train(settings, tmp_path / "run").style_file)


def test_half_precision_paints_the_same_picture(
    trained: TransformNetwork, photograph: np.ndarray
) -> None:
    assert psnr(trained, photograph) > 55


def test_unscaled_variance_overflows(
    trained: TransformNetwork, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = trained.down[0].convolution.kernel
    kernel.assign(kernel * 1000)  # the normalisation cancels the factor
    assert psnr(trained, photograph) > 55
    monkeypatch.setattr(layers, "DEVIATION_SCALE", 1)
    assert psnr(trained, photograph) < 30


@pytest.mark.slow
def test_half_precision_after_the_quickstart(tmp_path: Path) -> None:
    settings = resolve_settings(read_recipe(ROOT / "configs" / "quickstart.yaml", []))
    network = load_network(train(settings, tmp_path / "run").style_file)
    source = open_source("bundled", split="validation")
    assert min(psnr(network, source.read(i)[::2, ::2]) for i in range(len(source))) > 55
