"""The TensorFlow graphs from which SavedModels, TFLite and ONNX files are converted."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from onestroke.models.transform_network import Flow, TransformNetwork

Shape = tuple[int | None, int | None, int | None]


class Servable(tf.Module):
    """Holds the network's variables where TensorFlow finds them, and traces its graphs.

    Args:
        network: the trained network.
        paint: the method that paints; ``network.paint`` by default.
    """

    def __init__(
        self, network: TransformNetwork, paint: Callable[[Any, Flow], Any] | None = None
    ) -> None:
        super().__init__()
        # As an attribute: TensorFlow does not find the variables that Keras variables wrap.
        self.network_variables = [variable.value for variable in network.variables]
        self._paint = paint or network.paint
        self._styles = network.styles

    def signature(self, dtype: tf.DType, shape: Shape = (None, None, None)) -> Any:
        """Returns a function that can be exported as a signature.

        Args:
            dtype: of input and output pictures, ``tf.uint8`` or ``tf.float32``, in [0, 255].
            shape: batch, height and width; None for a dimension that may change.

        Returns:
            A ``tf.function`` of ``image`` and, for several styles, ``style``, float32
            (batch, styles), by default the first style. It returns ``styled``.
        """
        several = self._styles > 1
        first = tf.one_hot([0], self._styles) if several else None

        def paint(image: tf.Tensor, style: tf.Tensor | None = first) -> dict[str, tf.Tensor]:
            painted = self._paint(tf.cast(image, tf.float32), Flow(style, moments=None))
            if dtype.is_integer:
                painted = tf.round(painted)  # the network's output is in [0, 255]
            return {"styled": tf.cast(painted, dtype)}

        specs = [tf.TensorSpec((*shape, 3), dtype, name="image")]
        if several:
            specs.append(tf.TensorSpec((shape[0], self._styles), tf.float32, name="style"))
        return tf.function(paint, input_signature=specs)
