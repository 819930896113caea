"""TFLite files for phones, browsers and NPUs, which contain only built-in operators.

The signature ``style`` takes ``image``, (1, height, width, 3) RGB in [0, 255], and returns
``styled``, both float32, or both uint8 on request. A network of several styles also takes
``style``, (1, styles) float32, the weight of each. The packages needed are an extra: see
``extras.check_tflite``.

Without a fixed size, an app resizes the input whenever the picture's size changes. ``styled`` then
has up to three additional rows at the bottom and columns at the right, which the app cuts off:
operators that compute with sizes are not supported by XNNPACK, and crash one runtime.
"""

import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from onestroke.export.export_options import Quantization
from onestroke.export.servable import Servable
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.litert_runner import SIGNATURE

# The convolutions in 8 bits, by position. The first and the last ones lose most accuracy: what is
# rounded before the residual blocks becomes texture in flat areas, and after them nothing smooths
# it. Their kernels stay in float32, as LiteRT.js converts kernels of 16 bits at every run.
# Equalising the channels (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
# and Bias Correction") gained nothing: the ranges of the channels differ little.
STORED_IN_8_BITS = slice(2, -2)
COMPUTED_IN_8_BITS = slice(4, -2)  # of `dynamic` and `int8`

Ranges = Mapping[str, Mapping[str, Any]]


def convert_to_tflite(
    network: TransformNetwork, *, size: tuple[int, int] | None = None, uint8: bool = False
) -> bytes:
    """Converts a network in float32.

    Args:
        network: the trained network.
        size: height and width of every picture; None for a file that an app resizes.
        uint8: uint8 input and output instead of float32.
    """
    servable = Servable(network, network.paint if size else network.paint_uncropped)
    shape = (1, *(size or (None, None)))
    with tempfile.TemporaryDirectory() as folder:
        signature = servable.signature(tf.uint8 if uint8 else tf.float32, shape)
        signature = signature.get_concrete_function()  # TFLite does not support default values
        tf.saved_model.save(servable, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        # This is the default. It is set to keep out operators that phones do not support.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def quantize(content: bytes, quantization: Quantization, ranges: Ranges | None = None) -> bytes:
    """Stores the kernels of a converted network in fewer bits.

    Args:
        content: the TFLite file, in float32.
        quantization: ``float16`` and ``weights`` (8 bits) compute in float32; ``dynamic`` and
            ``int8`` compute in 8 bits, except for the normalisations and the layers that lose
            most accuracy. ``dynamic`` measures its ranges on each picture. ``none`` changes
            nothing.
        ranges: for ``int8``, from ``measure_ranges``.
    """
    if quantization == "none":
        return content
    recipe = _recipe(content, quantization)
    with _without_messages():
        return bytes(recipe.quantize(ranges).quantized_model)


def measure_ranges(content: bytes, inputs: Sequence[Mapping[str, np.ndarray]]) -> Ranges:
    """Returns the ranges of the features for ``int8``, by the names of the tensors.

    Args:
        content: the TFLite file, in float32, of a fixed size. A smaller size than that of the
            file to quantise saves memory: the features of all layers are kept at once.
        inputs: of the signature, for every photograph to measure on.
    """
    with _without_messages():
        return _recipe(content, "int8").calibrate({SIGNATURE: inputs})


def _recipe(content: bytes, quantization: Quantization) -> Any:
    """Returns the quantiser, configured for the convolutions."""
    from ai_edge_quantizer import qtyping, quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    recipe = quantizer.Quantizer(content)
    # Depthwise convolutions only blur. Their kernels of five numbers stay in float32.
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
    names = _name_convolutions(content)
    recipe.add_weight_only_config(_any_of(names[STORED_IN_8_BITS]), kind, num_bits=8)
    computed = _any_of(names[COMPUTED_IN_8_BITS])
    if quantization == "dynamic":
        recipe.add_dynamic_config(computed, kind, num_bits=8)
    elif quantization == "int8":
        recipe.add_static_config(computed, kind, activation_num_bits=8, weight_num_bits=8)
    return recipe


def _name_convolutions(content: bytes) -> list[str]:
    """Returns the names of the convolutions' outputs, in the order of computation."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    kinds = [code.builtinCode for code in model.operatorCodes]
    return [
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if kinds[operator.opcodeIndex] == schema.BuiltinOperator.CONV_2D
    ]


def _any_of(names: Sequence[str]) -> str:
    """Returns a regular expression for operators whose outputs have one of the names."""
    return f"^({'|'.join(re.escape(name) for name in names)});$"  # the quantiser appends ;


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Keeps the quantiser's progress, sizes and warnings off the terminal."""
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(action="ignore"),
    ):
        yield
