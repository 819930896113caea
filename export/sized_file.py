"""A TFLite file of one size, made from a runtime file without TensorFlow.

Browsers need a file whose shapes are fixed. A runtime file has shapes that change, and two inputs
more: the moments of a whole picture, for tiles, and the share of the picture's own moments. Here
that share is always 1. LiteRT computes the shapes; the rest are changes to the file.
"""

from pathlib import Path
from typing import Any

import flatbuffers

from onestroke.errors import ModelError
from onestroke.export.export_options import ExportOptions, Size
from onestroke.export.exporter import export_card
from onestroke.stylize.litert_painter import MOMENTS, OWN_SHARE, STYLED
from onestroke.stylize.litert_runner import IMAGE
from onestroke.stylize.tflite_metadata import FILE_IDENTIFIER, read_tflite_card, write_card


def fix_size(runtime_file: Path, size: Size) -> bytes:
    """Returns a TFLite file like that of ``onestroke export --format tflite --size``.

    Args:
        runtime_file: see ``stylize.runtime_file``.
        size: (height, width) of every picture, multiples of the network's stride.

    Raises:
        ModelError: the runtime file is damaged, or its network has an unknown form.
    """
    from ai_edge_litert import schema_py_generated as schema

    card = read_tflite_card(runtime_file)
    model = schema.ModelT.InitFromPackedBuf(runtime_file.read_bytes(), 0)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for tensor, shape in zip(graph.tensors, _shapes(runtime_file, size), strict=False):
        tensor.shape = shape if len(shape) else tensor.shape
        tensor.shapeSignature = None
    inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
    outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
    styled = outputs[STYLED]
    _use_own_moments(_Graph(model), inputs[OWN_SHARE])
    graph.operators = _needed(graph.operators, styled)
    used = {int(index) for operator in graph.operators for index in operator.inputs}
    if used & {inputs[MOMENTS], inputs[OWN_SHARE]}:
        raise ModelError(f"{runtime_file} has an unknown form; export it with `--format tflite`")
    signature.inputs = [entry for entry in signature.inputs if entry.tensorIndex in used]
    signature.outputs = [entry for entry in signature.outputs if entry.tensorIndex == styled]
    graph.inputs = [entry.tensorIndex for entry in signature.inputs]
    graph.outputs = [styled]
    model.metadata = None  # the card and the checksum of the runtime file
    quantize = card.export.quantize if card.export else "none"
    options = ExportOptions("tflite", quantize, size)
    return write_card(_pack(model), export_card(card, options))


def _shapes(path: Path, size: Size) -> list[Any]:
    """Returns the shape of each tensor for pictures of one size."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # XNNPACK would replace operators, and with them their tensors.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    index = {about["name"]: about["index"] for about in interpreter.get_input_details()}
    interpreter.resize_tensor_input(index[IMAGE], [1, *size, 3])
    interpreter.allocate_tensors()
    return [about["shape"] for about in interpreter.get_tensor_details()]


class _Graph:
    """The operators of a network, and their names in TFLite's schema."""

    def __init__(self, model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
        self.operators = model.subgraphs[0].operators
        self._kinds = [names[code.builtinCode] for code in model.operatorCodes]

    def kind(self, operator: Any) -> str:
        """Returns the name of an operator."""
        return self._kinds[operator.opcodeIndex]


def _use_own_moments(graph: _Graph, own_share: int) -> None:
    """Replaces ``own_share * own + (1 - own_share) * given`` by ``own``, in every normalisation."""
    same: dict[int, int] = {}  # the tensor that has the same value
    zeros: set[int] = set()
    for operator in graph.operators:
        inputs = [same.get(int(index), int(index)) for index in operator.inputs]
        operator.inputs = inputs
        output, kind = int(operator.outputs[0]), graph.kind(operator)
        others = [index for index in inputs if index != own_share and index not in zeros]
        if (kind == "SUB" and inputs[1] == own_share) or (kind == "MUL" and zeros & set(inputs)):
            zeros.add(output)
        elif kind in ("MUL", "ADD") and len(others) == 1 and len(set(inputs)) == 2:
            same[output] = others[0]


def _needed(operators: list[Any], styled: int) -> list[Any]:
    """Returns the operators from which one output is computed."""
    wanted, kept = {styled}, []
    for operator in reversed(operators):
        if wanted & {int(index) for index in operator.outputs}:
            wanted |= {int(index) for index in operator.inputs}
            kept.append(operator)
    return kept[::-1]


def _pack(model: Any) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
