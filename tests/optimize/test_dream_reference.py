"""A whole dream against DeepDream in forty lines, written from the description in docs/dream.md."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from onestroke.optimize.dream import Dream
from onestroke.optimize.dream_inputs import DreamInputs, open_network
from onestroke.optimize.dream_settings import choose_network, read_dream_settings
from onestroke.pictures import Picture

LAYERS = {"mixed4": 1.0, "mixed5": 1.5}


def shrunk(photograph: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrinks ``(height, width, 3)`` uint8 with Lanczos' filter."""
    image = Image.fromarray(photograph).resize(size[::-1], Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32)


def enlarged(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarges ``(height, width, 3)`` floats with a bicubic filter."""
    return tf.image.resize(picture, size, method="bicubic").numpy()


def loss_of(model, layers: dict[str, float], x: tf.Tensor) -> tf.Tensor:
    """The weighted mean of squared activations, two positions inside the border."""
    return tf.add_n(
        [
            weight * tf.reduce_mean(tf.square(feature[:, 2:-2, 2:-2]))
            for weight, feature in zip(layers.values(), model(x), strict=True)
        ]
    )


def dream(
    model, layers, photograph, *, octaves=3, scale=1.4, iterations=30, step=20.0, max_loss=15.0
) -> np.ndarray:
    """Dreams of ``(height, width, 3)`` uint8; the model reads [-1, 1] and returns a list."""
    height, width = photograph.shape[:2]
    sizes = [(int(height / scale**i), int(width / scale**i)) for i in reversed(range(octaves))]
    picture = shrunk(photograph, sizes[0])
    for i, size in enumerate(sizes):
        if i:
            detail = shrunk(photograph, size) - enlarged(shrunk(photograph, sizes[i - 1]), size)
            picture = np.clip(enlarged(picture, size) + detail, 0, 255)
        for _ in range(iterations):
            x = tf.constant(picture[None] / 127.5 - 1)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = loss_of(model, layers, x)
            gradient = tape.gradient(loss, x)[0].numpy()
            gradient /= max(np.linalg.norm(gradient), 1e-6)
            picture = np.clip(picture + 127.5 * step * gradient, 0, 255)
            if loss > max_loss:
                break
    return np.round(picture).astype(np.uint8)


@pytest.mark.parametrize("limit", [15.0, 0.6])
def test_a_whole_dream_equals_the_reference(tmp_path, limit):
    keras.utils.set_random_seed(0)
    image = x = keras.Input((None, None, 3))
    for name in LAYERS:
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name=name)(x)
    keras.Model(image, x).save(tmp_path / "small.keras")
    colours = np.random.default_rng(0).uniform(0, 255, (5, 6, 3))
    photograph = np.round(np.clip(enlarged(colours, (60, 83)), 0, 255)).astype(np.uint8)

    overrides = ["dream.iterations=6", "dream.step=8", f"dream.max_loss={limit}"]
    read = read_dream_settings(
        None,
        layers=[f"{name}:{weight}" for name, weight in LAYERS.items()],
        overrides=overrides,
        network=str(tmp_path / "small.keras"),
    )
    settings = choose_network(read)
    inputs = DreamInputs(Picture(photograph), open_network(settings.dream))
    steps = []
    result = Dream(inputs, settings).run(show=lambda progress, _: steps.append(progress.step))

    model = keras.saving.load_model(tmp_path / "small.keras")
    outputs = [model.get_layer(name).output for name in LAYERS]
    expected = dream(
        keras.Model(model.input, outputs), LAYERS, photograph, iterations=6, step=8, max_loss=limit
    )
    assert result.finished
    assert (len(steps) == 18) == (limit == 15.0)
    assert np.abs(expected.astype(int) - photograph).mean() > 3
    assert np.abs(result.picture.astype(int) - expected).max() <= 1
