"""Frozen kernels get no gradient: the loss network, constant filters, and all but rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from onestroke.data.paintings import Style
from onestroke.models.layers import Conv2D
from onestroke.models.style_rows import freeze_shared_layers
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.training import build_trainer


@pytest.mark.parametrize("learn", ["all", "rows"])
def test_the_graph_computes_the_gradients_of_trained_kernels_alone(settings, learn):
    painting = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    trainer = build_trainer(settings, load_vgg19_weights(), [Style([painting])])
    if learn == "rows":
        freeze_shared_layers(trainer.network)

    @tf.function
    def differentiate(x):
        with tf.GradientTape() as tape:
            loss = trainer.compute_loss(x=x, y_pred=trainer(x, training=True))
        return tape.gradient(loss, trainer.trainable_variables)

    x = {"image": tf.zeros((2, 32, 32, 3)), "style": tf.ones((2, 1))}
    graph = differentiate.get_concrete_function(x).graph
    # TensorFlow removes what no output needs before it runs a graph.
    computed = tf.compat.v1.graph_util.extract_sub_graph(
        graph.as_graph_def(), [o.op.name for o in graph.outputs]
    )
    operators = [node.op for node in computed.node]
    kernels = [v for v in trainer.trainable_variables if len(v.shape) == 4]
    learnt = learn == "all"
    assert len(kernels) == learnt * _count_layers(trainer.network, keras.layers.Conv2D)
    # Their gradients are products instead.
    products = learnt * _count_layers(trainer.network, Conv2D, strides=(1, 1))
    assert operators.count("Conv2DBackpropFilter") == len(kernels) - products
    assert "DepthwiseConv2dNativeBackpropFilter" not in operators
    assert "Conv2DBackpropInput" in operators


def _count_layers(network, kind, strides=None):
    layers = [layer for layer in network.layers if isinstance(layer, kind)]
    return sum(strides in (None, layer.strides) for layer in layers)
