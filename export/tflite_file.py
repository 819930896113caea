"""TFLite files for phones, browsers and NPUs, made of built-in operators alone.

The one signature, ``style``, takes ``image``, (1, height, width, 3) RGB in [0, 255], and gives
``styled``: float32, or uint8 on both sides if asked for. A network of several styles also takes
``style``, (1, styles) float32, the weight of each. The packages it takes are an extra: see
``extras.check_tflite``.

Without a fixed size, an app resizes the input whenever the picture's size changes; ``styled`` then
has up to three rows and columns too many at the bottom and at the right, for the app to cut off:
operators that compute with sizes would leave the fast path, and crash a runtime.
"""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf

from onestroke.export.export_options import Quantization
from onestroke.export.servable import Servable
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.litert_painter import FILE_IDENTIFIER, METADATA_NAME, SIGNATURE

# Convolutions, by the names of their outputs, that `dynamic` and `int8` compute in 8 bits: all but
# those that lose most by it, the first, which sees the pixels, and the last, which makes them.
IN_8_BITS = r"(^|;)(down[2-9]|residual\d|up\d)"


Ranges = Mapping[str, Mapping[str, Any]]


def convert(
    network: TransformNetwork, *, size: tuple[int, int] | None = None, uint8: bool = False
) -> bytes:
    """Converts a network as it is, in 32-bit floats.

    Args:
        network: the trained network.
        size: height and width of every picture; None for a file that an app resizes.
        uint8: take and give camera bytes instead of floats.
    """
    servable = Servable(network, network.paint if size else network.paint_uncropped)
    shape = (1, *(size or (None, None)))
    with tempfile.TemporaryDirectory() as folder:
        signature = servable.signature(tf.uint8 if uint8 else tf.float32, shape)
        signature = signature.get_concrete_function()  # without defaults, which TFLite has not
        tf.saved_model.save(servable, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        # The default, stated: an operator that phones lack would otherwise be let in.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def quantize(content: bytes, quantization: Quantization, ranges: Ranges | None = None) -> bytes:
    """Stores the kernels of a converted network in fewer bits.

    Args:
        content: the TFLite file, in 32-bit floats.
        quantization: ``float16`` and ``weights`` (8 bits) still compute in floats; ``dynamic`` and
            ``int8`` compute in 8 bits as well, but for the layers that lose most by it and the
            normalisations, ``dynamic`` with ranges that it takes from each picture; ``none``
            changes nothing.
        ranges: those of ``int8``, from ``measure_ranges``.
    """
    if quantization == "none":
        return content
    recipe = _recipe(content, quantization)
    with _silence():
        return bytes(recipe.quantize(ranges).quantized_model)


def measure_ranges(content: bytes, inputs: Sequence[Mapping[str, np.ndarray]]) -> Ranges:
    """Returns between which numbers the features of ``int8`` lie, by the names of the tensors.

    Args:
        content: the TFLite file, in 32-bit floats, of one size. It may be smaller than that of the
            file to quantise, and should: the features of all layers are kept at once.
        inputs: the signature's, for every photograph to measure on.
    """
    with _silence():
        return _recipe(content, "int8").calibrate({SIGNATURE: inputs})


def _recipe(content: bytes, quantization: Quantization) -> Any:
    """Returns the quantiser, told what to do with every convolution."""
    from ai_edge_quantizer import qtyping, quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    recipe = quantizer.Quantizer(content)
    # Depthwise convolutions, which only blur, have kernels of five numbers, and stay as they are.
    kind = qtyping.TFLOperationName.CONV_2D
    if quantization == "float16":
        half = qtyping.TensorQuantizationConfig(16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        recipe.update_quantization_recipe(".*", kind, config, AlgorithmName.FLOAT_CASTING)
        return recipe
    recipe.add_weight_only_config(".*", kind, num_bits=8)
    if quantization == "dynamic":
        recipe.add_dynamic_config(IN_8_BITS, kind, num_bits=8)
    elif quantization == "int8":
        recipe.add_static_config(IN_8_BITS, kind, activation_num_bits=8, weight_num_bits=8)
    return recipe


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps from the terminal what the quantiser writes there: progress, sizes, warnings."""
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def describe_inside(content: bytes, description: Mapping[str, Any]) -> bytes:
    """Writes what the file is into its metadata, as JSON under the name ``onestroke``.

    Drops the names of what lies between input and output.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for stored in model.buffers:
        if stored.offset > 1:  # the quantiser puts large ones behind the tables
            stored.data = np.frombuffer(content, np.uint8, stored.size, stored.offset)
            stored.offset = stored.size = 0
    for subgraph in model.subgraphs:
        kept = {*subgraph.inputs, *subgraph.outputs}
        for index, tensor in enumerate(subgraph.tensors):
            if index not in kept:
                tensor.name = None  # nobody asks for it, and together they take 12 kB
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(description).encode(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME.encode()
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
