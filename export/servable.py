"""The graphs that leave this package: what SavedModels and TFLite files are made of."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from onestroke.models.transform_network import Flow, TransformNetwork

Shape = tuple[int | None, int | None, int | None]


class Servable(tf.Module):
    """Holds the network's variables where TensorFlow looks for them, and traces its graphs.

    Args:
        network: the trained network.
        paint: the method of it that paints; ``network.paint`` unless said otherwise.
    """

    def __init__(
        self, network: TransformNetwork, paint: Callable[[Any, Flow], Any] | None = None
    ) -> None:
        super().__init__()
        # By name: TensorFlow does not find the variables inside those of Keras.
        self.network_variables = [variable.value for variable in network.variables]
        self._paint = paint or network.paint
        self._styles = network.styles

    def signature(self, dtype: tf.DType, shape: Shape = (None, None, None)) -> Any:
        """Returns the function that becomes a signature.

        Args:
            dtype: of the pictures on both sides, ``tf.uint8`` or ``tf.float32``, in [0, 255].
            shape: batch, height and width; None for what may change from call to call.

        Returns:
            A ``tf.function`` of ``image`` and, for several styles, ``style``, float32
            (batch, styles), the first one unless said otherwise. It gives ``styled``.
        """
        several = self._styles > 1
        first = tf.one_hot([0], self._styles) if several else None

        def paint(image: tf.Tensor, style: tf.Tensor | None = first) -> dict[str, tf.Tensor]:
            painted = self._paint(tf.cast(image, tf.float32), Flow(style, moments=None))
            if dtype.is_integer:
                painted = tf.round(painted)  # bounded to [0, 255] already, by the network
            return {"styled": tf.cast(painted, dtype)}

        specs = [tf.TensorSpec((*shape, 3), dtype, name="image")]
        if several:
            specs.append(tf.TensorSpec((shape[0], self._styles), tf.float32, name="style"))
        return tf.function(paint, input_signature=specs)
