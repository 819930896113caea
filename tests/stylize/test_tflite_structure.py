"""TFLite files of strangers are refused before LiteRT reads them; ours pass."""

import copy
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from onestroke.errors import ModelError
from onestroke.models.style_file import BUNDLED
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.model import load
from onestroke.stylize.tflite_metadata import find_metadata, read_tflite_card, write_card
from onestroke.stylize.tflite_structure import check_tflite_network

ADD, CONVOLVE, CONCATENATE, MEAN = 0, 3, 2, 40


def network_of(path: Path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def packed(model, path: Path, runtime_file: Path) -> Path:
    """Writes a changed network with a card and a checksum that fit."""
    import flatbuffers

    model.metadata, builder = [], flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(write_card(bytes(builder.Output()), read_tflite_card(runtime_file)))
    return path


def operators(model, code: int) -> list:
    codes = [max(each.builtinCode, each.deprecatedBuiltinCode) for each in model.operatorCodes]
    return [each for each in model.subgraphs[0].operators if codes[each.opcodeIndex] == code]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_networks_pass(name: str) -> None:
    path = BUNDLED[name].with_suffix(".tflite")
    check_tflite_network(path.read_bytes(), read_tflite_card(path))


def test_a_changed_network_that_is_sound_passes(runtime_file: Path, tmp_path: Path) -> None:
    path = packed(network_of(runtime_file), tmp_path / "a.tflite", runtime_file)
    picture = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    np.testing.assert_array_equal(load(path)(picture), load(runtime_file)(picture))


def test_files_that_are_cut_short_are_refused(runtime_file: Path, tmp_path: Path) -> None:
    content, path = runtime_file.read_bytes(), tmp_path / "a.tflite"
    for percent in range(100):
        path.write_bytes(content[: len(content) * percent // 100])
        with pytest.raises(ModelError):
            load(path)


def test_cut_networks_are_refused_without_a_checksum(runtime_file: Path) -> None:
    """A hostile file has the right checksum, so the network is checked on its own, too."""
    content, card = runtime_file.read_bytes(), read_tflite_card(runtime_file)
    for percent in range(100):
        with pytest.raises((ValueError, IndexError)):
            check_tflite_network(content[: len(content) * percent // 100], card)


def image_of(graph) -> int:
    return next(i for i, t in enumerate(graph.tensors) if t.name == b"image")


def enlarge_image(model) -> None:
    image = model.subgraphs[0].tensors[image_of(model.subgraphs[0])]
    image.shape = image.shapeSignature = np.array([1, 2**20, 2**20, 3], np.int32)


def enlarge_constant(model) -> None:
    graph = model.subgraphs[0]
    kernel = graph.tensors[operators(model, CONVOLVE)[0].inputs[1]]
    kernel.shape = np.array([2**20, *kernel.shape[1:]], np.int32)


def double_again_and_again(model) -> None:
    """Concatenates a tensor with itself, forty times: 2**40 pixels from a file of the same size."""
    graph = model.subgraphs[0]
    join = operators(model, CONCATENATE)[0]
    source = image_of(graph)
    for _ in range(40):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.ones(4, np.int32), 0, 0
        tensor.shapeSignature = np.array([1, -1, -1, 3], np.int32)
        graph.tensors.append(tensor)
        options = schema.ConcatenationOptionsT()
        options.axis, options.fusedActivationFunction = 1, 0
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.builtinOptionsType = join.opcodeIndex, 10
        operator.builtinOptions = options
        operator.inputs = np.array([source, source], np.int32)
        source = len(graph.tensors) - 1
        operator.outputs = np.array([source], np.int32)
        graph.operators.append(operator)


def convolve_again_and_again(model) -> None:
    """Uses one kernel a thousand times: hours from a small file."""
    graph = model.subgraphs[0]
    first = next(
        each
        for each in operators(model, CONVOLVE)
        if graph.tensors[each.inputs[1]].shape[0] == graph.tensors[each.inputs[1]].shape[3] > 8
    )
    options = copy.copy(first.builtinOptions)
    options.padding = 0
    for _ in range(1000):
        graph.tensors.append(graph.tensors[first.outputs[0]])
        operator = copy.copy(first)
        operator.builtinOptions = options
        operator.outputs = np.array([len(graph.tensors) - 1], np.int32)
        graph.operators.append(operator)


def drop_an_input(model) -> None:
    operators(model, ADD)[0].inputs = operators(model, ADD)[0].inputs[:1]


def read_before_computing(model) -> None:
    first, *_, last = operators(model, ADD)
    first.inputs = np.array([last.outputs[0], first.inputs[1]], np.int32)


def read_beyond(model) -> None:
    operators(model, ADD)[0].inputs = np.array([10**6, 0], np.int32)


def stride_of_zero(model) -> None:
    operators(model, CONVOLVE)[0].builtinOptions.strideW = 0


def claim_more_than_is_computed(model) -> None:
    """XNNPACK would read the numbers behind the tensor."""
    tensor = model.subgraphs[0].tensors[operators(model, MEAN)[0].outputs[0]]
    tensor.shape, tensor.shapeSignature = np.array([1, 1, 127, tensor.shape[3]], np.int32), None


def quantize(model, scale: float, zero: int) -> None:
    """Kernels of 8 bits end the process over such numbers."""
    numbers = schema.QuantizationParametersT()
    numbers.scale, numbers.zeroPoint = np.float32([scale]), np.int64([zero])
    model.subgraphs[0].tensors[0].quantization = numbers


def tiny_scale(model) -> None:
    quantize(model, 4.6e-41, 0)


def far_zero_point(model) -> None:
    quantize(model, 1.0, -(2**32))


def custom_operator(model) -> None:
    model.operatorCodes[0].deprecatedBuiltinCode = model.operatorCodes[0].builtinCode = 32
    model.operatorCodes[0].customCode = b"FlexReadFile"


def loop(model) -> None:
    model.operatorCodes[0].deprecatedBuiltinCode = model.operatorCodes[0].builtinCode = 119


def second_graph(model) -> None:
    model.subgraphs.append(model.subgraphs[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (enlarge_image, "a picture of shape"),
        (enlarge_constant, "bytes for a tensor of shape"),
        (double_again_and_again, "too much memory or work"),
        (convolve_again_and_again, "too much memory or work"),
        (drop_an_input, "an operator of another number of tensors"),
        (read_before_computing, "reads what is not computed"),
        (read_beyond, "a tensor that does not exist"),
        (stride_of_zero, "an operator whose column stride is not supported"),
        (claim_more_than_is_computed, "that is named"),
        (tiny_scale, "a scale that is not positive and finite"),
        (far_zero_point, "a zero point out of range"),
        (custom_operator, "."),
        (loop, "an operator that onestroke's networks do not have"),
        (second_graph, "more than one graph"),
    ],
)
def test_hostile_networks_are_refused(
    change: Callable, reason: str, runtime_file: Path, tmp_path: Path
) -> None:
    model = network_of(runtime_file)
    change(model)
    path = packed(model, tmp_path / "a.tflite", runtime_file)
    with pytest.raises(ModelError, match=reason) as caught:
        LiteRtPainter(path)
    assert "is damaged, or its network is not one of onestroke (" in str(caught.value)


def test_metadata_that_lead_to_one_place_again_and_again(runtime_file: Path) -> None:
    """A long list of metadata would be decoded for minutes before the checksum is compared."""
    content = bytearray(runtime_file.read_bytes())
    model = struct.unpack_from("<I", content, 0)[0]
    layout = model - struct.unpack_from("<i", content, model)[0]
    field = model + struct.unpack_from("<H", content, layout + 4 + 2 * 6)[0]
    place = field + struct.unpack_from("<I", content, field)[0]
    struct.pack_into("<I", content, place, 50_000)
    with pytest.raises(ValueError, match="too many"):
        find_metadata(bytes(content))
