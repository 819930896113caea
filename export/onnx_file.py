"""ONNX files for game engines, Windows, OpenVINO and other runtimes.

The graph takes ``image``, RGB float32 in [0, 255], ``(1, height, width, 3)`` or, with the layout
``nchw``, ``(1, 3, height, width)``. It returns ``styled`` in the same shape and range. A network
of several styles also takes ``style``, ``(1, styles)`` float32, the weight of each.

ONNX convolves channels first. tf2onnx moves the transpositions of a graph with channels last until
they cancel: with ``nchw`` none is left, with ``nhwc`` only the input and the output are transposed.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from onestroke import __version__
from onestroke.export.export_options import ExportOptions
from onestroke.export.servable import Servable
from onestroke.models.card import ModelCard
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.onnx_painter import METADATA_KEY

IMAGE_AXES = {"nhwc": (1, 2), "nchw": (2, 3)}  # of height and width, by layout


def write_onnx(
    network: TransformNetwork,
    path: Path,
    options: ExportOptions,
    card: ModelCard,
) -> None:
    """Converts a network and writes it, with the card as JSON in its metadata."""
    import onnx

    model = convert_to_onnx(network, options)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def convert_to_onnx(network: TransformNetwork, options: ExportOptions) -> Any:
    """Converts a network in float32.

    Args:
        network: the trained network.
        options: give the size, the layout and the opset.

    Returns:
        The ``onnx.ModelProto``.
    """
    import tf2onnx

    shape = (1, *(options.size or (None, None)))
    signature = [tf.TensorSpec((*shape, 3), tf.float32, name="image")]
    if network.styles > 1:
        signature.append(tf.TensorSpec((1, network.styles), tf.float32, name="style"))
    nchw = options.layout == "nchw"
    with _without_messages():
        model, _ = tf2onnx.convert.from_function(
            Servable(network).signature(tf.float32, shape),
            input_signature=signature,
            opset=options.opset,
            inputs_as_nchw=["image"] if nchw else None,
            outputs_as_nchw=["styled"] if nchw else None,
        )
    _describe_graph(model, options)
    return model


def _describe_graph(model: Any, options: ExportOptions) -> None:
    """Names producer and axes, and removes what the graph does not use."""
    model.producer_name, model.producer_version = "onestroke", __version__
    model.graph.name, model.graph.doc_string = "style_transfer", ""
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    if options.size is None:
        pictures = [value for value in model.graph.input if value.name == "image"]
        for value in (*pictures, *model.graph.output):
            axes = IMAGE_AXES[options.layout]
            for axis, name in zip(axes, ("height", "width"), strict=True):
                value.type.tensor_type.shape.dim[axis].dim_param = name


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Keeps tf2onnx's log messages and deprecation warnings off the terminal."""
    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(before)
