"""Sums over the devices that share a training step.

TensorFlow's MirroredStrategy runs the step once on each device, with a part of the batch. With JAX
one step covers all devices, and these functions change nothing.
"""

from typing import Any

import keras


def count_replicas() -> int:
    """Returns how many devices run a step of their own."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(*tensors: Any) -> tuple[Any, ...]:
    """Returns the sums of tensors over all devices; each device gets the same.

    Outside of a step that several devices share, the tensors are returned as they are.
    """
    if count_replicas() == 1:
        return tensors
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None:
        return tensors
    return tuple(replica.all_reduce(tf.distribute.ReduceOp.SUM, list(tensors)))
