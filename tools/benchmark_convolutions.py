"""Measures TensorFlow's convolutions on this processor, by precision and batch.

    python tools/benchmark_convolutions.py
    ONEDNN_MAX_CPU_ISA=AVX2 python tools/benchmark_convolutions.py   # a processor with AVX2 alone
    TF_ENABLE_ONEDNN_OPTS=0 python tools/benchmark_convolutions.py   # without oneDNN

Prints billions of operations per second of processor time: the rate of one core, which other
programs on the machine change little. The shapes are those of VGG19 and of the networks. The last
table is the gradient for the kernels of a network in training, by oneDNN and by matrix products.
"""

import time
from collections.abc import Callable

import tensorflow as tf

from onestroke.models.layers import Conv2D
from onestroke.models.winograd import WinogradConvolution

SHAPES = ((128, 64, 64), (64, 128, 128), (32, 256, 256), (16, 512, 512), (256, 64, 32))
"""Side of the output in pixels, channels before and after; all kernels are 3 x 3."""

TRAINED_SHAPES = ((32, 128, 128), (64, 128, 64), (128, 64, 32), (256, 64, 32))
"""The same of the networks: a residual block, the two upsampling steps, the last one of 256 px."""

REPEATS = 10


def rate(dtype: tf.DType, batch: int, side: int, before: int, after: int, *, turned: bool) -> float:
    """Returns the operations per second of a convolution, or of its gradient for the input."""
    x = tf.cast(tf.random.normal((batch, side + 2, side + 2, before)), dtype)
    y = tf.cast(tf.random.normal((batch, side, side, after)), dtype)
    kernel = tf.cast(tf.random.normal((3, 3, before, after)), dtype)

    def convolve() -> tf.Tensor:
        if turned:
            return tf.nn.conv2d_transpose(y, kernel, x.shape, 1, "VALID")
        return tf.nn.conv2d(x, kernel, 1, "VALID")

    return time_operations(convolve, 2 * batch * side**2 * before * after * 9)


def winograd_rate(batch: int, side: int, before: int, after: int, *, turned: bool) -> float:
    """Returns the same for ``WinogradConvolution`` in float32."""
    x = tf.random.normal((batch, side + 2, side + 2, before))
    y = tf.random.normal((batch, side, side, after))
    layer = WinogradConvolution(after)
    layer.build(x.shape)

    def convolve() -> tf.Tensor:
        if not turned:
            return layer(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            painted = layer.convolve(x)
        return tape.gradient(painted, x, y)

    return time_operations(convolve, 2 * batch * side**2 * before * after * 9)


def kernel_gradient_rate(
    batch: int, side: int, before: int, after: int, *, products: bool
) -> float:
    """Returns the same for the gradient of a kernel in float32."""
    x = tf.random.normal((batch, side + 2, side + 2, before))
    y = tf.random.normal((batch, side, side, after))
    layer = Conv2D(after, 3, use_bias=False)
    layer.build(x.shape)

    def differentiate() -> tf.Tensor:
        with tf.GradientTape() as tape:
            painted = layer(x, training=products)
        return tape.gradient(painted, layer.kernel.value, y)

    # The convolution itself is not computed: no output needs it.
    return time_operations(differentiate, 2 * batch * side**2 * before * after * 9)


def time_operations(function: Callable[[], tf.Tensor], operations: int) -> float:
    """Returns the operations per second of processor time; 0 without such a kernel."""
    compiled = tf.function(function)
    try:
        compiled()
    except tf.errors.OpError:
        return 0.0  # oneDNN has no bfloat16 for an imitated AVX2
    begun = time.process_time()
    for _ in range(REPEATS):
        compiled()
    return REPEATS * operations / (time.process_time() - begun)


if __name__ == "__main__":
    print(
        "side, channels        | float32, 1 | float32, 2 | input gradient, 2 | bfloat16, 2 | "
        "Winograd, 2 | its input gradient, 2"
    )
    for shape in SHAPES:
        rates = (
            rate(tf.float32, 1, *shape, turned=False),
            rate(tf.float32, 2, *shape, turned=False),
            rate(tf.float32, 2, *shape, turned=True),
            rate(tf.bfloat16, 2, *shape, turned=False),
            winograd_rate(2, *shape, turned=False),
            winograd_rate(2, *shape, turned=True),
        )
        print(f"{shape!s:21} | " + " | ".join(f"{each / 1e9:.0f}" for each in rates))
    print("side, channels        | kernel gradient, 4 | by products, 4")
    for shape in TRAINED_SHAPES:
        pair = (kernel_gradient_rate(4, *shape, products=products) for products in (False, True))
        print(f"{shape!s:21} | " + " | ".join(f"{each / 1e9:.0f}" for each in pair))
