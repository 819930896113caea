"""A TFLite file of one size, made from a runtime file without TensorFlow.

Browsers need a file whose shapes are fixed. LiteRT computes the shapes that a size leads to; they
are written into the file. Kernels of 16 bits become float32: LiteRT.js would convert them at every
run, which took five times as long, and WebGPU does not convert them at all.
"""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from onestroke.export.export_options import ExportOptions, Size
from onestroke.export.exporter import export_card
from onestroke.stylize.litert_runner import IMAGE
from onestroke.stylize.tflite_metadata import FILE_IDENTIFIER, read_tflite_card, write_card
from onestroke.stylize.tflite_structure import check_tflite_file


def fix_size(runtime_file: Path, size: Size) -> bytes:
    """Returns a TFLite file of one size, with the inputs and outputs of the runtime file.

    Args:
        runtime_file: see ``stylize.runtime_file``.
        size: (height, width) of every picture or tile, multiples of the network's stride.

    Raises:
        ModelError: the runtime file is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    card = read_tflite_card(runtime_file)
    check_tflite_file(runtime_file, card)
    model = schema.ModelT.InitFromPackedBuf(runtime_file.read_bytes(), 0)
    for tensor, shape in zip(model.subgraphs[0].tensors, _shapes(runtime_file, size), strict=False):
        tensor.shape = shape if len(shape) else tensor.shape
        tensor.shapeSignature = None
    _store_float32(model)
    model.metadata = None  # the card and the checksum of the runtime file
    options = ExportOptions("tflite", size=size, moments=True)
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


def _store_float32(model: Any) -> None:
    """Replaces operators that convert constants of 16 bits by constants in float32."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    kinds = [code.builtinCode for code in model.operatorCodes]
    kept, halves, converted = [], [], set()
    for operator in graph.operators:
        if kinds[operator.opcodeIndex] != schema.BuiltinOperator.DEQUANTIZE:
            kept.append(operator)
            continue
        half, single = (graph.tensors[side[0]] for side in (operator.inputs, operator.outputs))
        halves.append(half)
        single.buffer = half.buffer
        if half.buffer not in converted:  # equal kernels may share one
            converted.add(half.buffer)
            buffer = model.buffers[half.buffer]
            values = np.frombuffer(bytes(buffer.data), np.float16).astype(np.float32)
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    graph.operators = kept
    for half in halves:
        half.buffer = 0  # the empty one


def _pack(model: Any) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
