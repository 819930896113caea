"""Measures of painted pictures that do not depend on the loss of the network that painted them.

docs/evaluation.md lists them with their sources. Pictures are ``(height, width, 3)`` uint8 RGB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from onestroke.data.paintings import read_painting
from onestroke.evaluate.palette import blown_share, palette_distance, palette_of, to_cielab
from onestroke.evaluate.picture_quality import grid_energy, mesh_ratio
from onestroke.losses.terms import gram_matrix, relative_error
from onestroke.models.layers import Tensor
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.pictures import BT601_LUMA, shrink

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"
SIMILARITY_LAYER = "relu3_1"
PAINTING_SIDE = 1024  # long side of a painting in pixels, at most
PAINTING_STEP, PICTURE_STEP = 2, 3  # every so many rows and columns, or pixels, for the colours
POSITIONS = 2048  # whose similarities are compared; all others are compared with these
ROWS = 256  # of similarities that are in memory at once
# The deviation of pixels that torchvision's VGG19 is trained for is 1; here it is that of [0, 255].
PIXEL_DEVIATION = 255 * 0.226
REFERENCE_POSITIONS = 128 * 128  # of relu3_1 for a picture of 512 x 512 px

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class PaintingMeasures:
    """What pictures in a style are compared with.

    Attributes:
        grams: mean products of features by layer, ``(1, channels, channels)``.
        channels: number of channels by layer.
        palettes: of each painting, see ``palette.palette_of``.
        shares: of the paintings in a blend.
        figures: ``blown``, ``grid`` and ``mesh`` of the painting; for a blend, the weighted mean.
    """

    grams: Mapping[str, Tensor]
    channels: Mapping[str, int]
    palettes: Sequence[np.ndarray]
    shares: Sequence[float]
    figures: Mapping[str, float]


class Yardstick:
    """Measures pictures with the bundled VGG19, padded with zeros as it was trained."""

    def __init__(self) -> None:
        layers = [*STYLE_LAYERS, CONTENT_LAYER]
        self._network = loss_network(layers, load_vgg19_weights(), padding="zeros")

    def measure_painting(self, blend: Mapping[str, float]) -> PaintingMeasures:
        """Measures the painting of a style in its own size, at most 1,024 px.

        Args:
            blend: paths of paintings with their weights.
        """
        paintings = [shrink(read_painting(name), PAINTING_SIDE) for name in blend]
        shares = np.array(list(blend.values())) / sum(blend.values())
        grams: dict[str, Tensor] = {}
        channels: dict[str, int] = {}
        for painting, share in zip(paintings, shares, strict=True):
            for layer, feature in self._features(painting).items():
                grams[layer] = grams.get(layer, 0) + float(share) * gram_matrix(feature)
                channels[layer] = feature.shape[-1]
        colours = [to_cielab(p[::PAINTING_STEP, ::PAINTING_STEP]) for p in paintings]
        each = [
            {"blown": blown_share(c), "grid": grid_energy(p), "mesh": mesh_ratio(p)}
            for c, p in zip(colours, paintings, strict=True)
        ]
        figures = {key: float(shares @ [one[key] for one in each]) for key in each[0]}
        palettes = [palette_of(one) for one in colours]
        return PaintingMeasures(grams, channels, palettes, list(shares), figures)

    def measure(
        self,
        photograph: np.ndarray,
        pictures: Mapping[str, np.ndarray],
        painting: PaintingMeasures,
    ) -> dict[str, dict[str, float]]:
        """Measures pictures of one photograph in one style.

        Args:
            photograph: the photograph.
            pictures: by name, of the same size; the photograph may be one of them.
            painting: of the style.

        Returns:
            By name: ``content``, ``style``, ``palette``, ``ssim``, ``cfsd``, ``blown``, ``grid``,
            ``mesh``, and ``gram_relu1_1`` and so on.
        """
        wanted = self._features(photograph)
        measured = {}
        for name, picture in pictures.items():
            features = wanted if picture is photograph else self._features(picture)
            measured[name] = {
                **self._distances(features, wanted, painting),
                **_measure_pixels(picture, photograph, painting),
            }
        return measured

    def _features(self, picture: np.ndarray) -> Features:
        return self._network(picture[None].astype(np.float32))

    def _distances(
        self, features: Features, wanted: Features, painting: PaintingMeasures
    ) -> dict[str, float]:
        """Compares features of a picture with those of the photograph and of the painting."""
        content = ops.mean(ops.square(features[CONTENT_LAYER] - wanted[CONTENT_LAYER]))
        style, errors = 0.0, {}
        for layer in STYLE_LAYERS:
            gram, target = gram_matrix(features[layer]), painting.grams[layer]
            errors[f"gram_{layer}"] = float(relative_error(gram, target)[0])
            difference = (gram - target) / painting.channels[layer]
            style += float(ops.mean(ops.square(difference)))
        return {
            "content": float(content),
            "style": style,
            "cfsd": structural_distance(features[SIMILARITY_LAYER], wanted[SIMILARITY_LAYER]),
            **errors,
        }


def structural_distance(actual: Tensor, wanted: Tensor) -> float:
    """Returns the content feature structural distance of Chung et al. 2024 (StyleID).

    Each position of a feature has a distribution over all positions: the softmax of the dot
    products, both features divided by the number of channels. The distance is the Kullback-Leibler
    divergence of the picture's distribution from the photograph's, as in the authors' program
    ``evaluation/image_metrics.py``. Departures: VGG19 is Oxford's, for pixels in [0, 255], and its
    features are divided by the deviation of pixels, so that the softmax is about as flat as theirs.
    At most 2,048 evenly spaced positions are compared, with all positions. The mean over them is
    multiplied by 16,384, the number of positions that the authors' pictures of 512 x 512 px have,
    so that it does not depend on the size.

    Args:
        actual: feature of the picture, ``(1, rows, columns, channels)``.
        wanted: feature of the photograph, of the same shape.
    """
    channels = actual.shape[-1]
    one, other = (
        ops.reshape(feature, (-1, channels)) / (channels * PIXEL_DEVIATION)
        for feature in (actual, wanted)
    )
    step = -(-one.shape[0] // POSITIONS)
    chosen, targets = one[::step], other[::step]
    total = 0.0
    for first in range(0, chosen.shape[0], ROWS):
        part = slice(first, first + ROWS)
        found = ops.log_softmax(ops.matmul(chosen[part], ops.transpose(one)), axis=-1)
        goal = ops.log_softmax(ops.matmul(targets[part], ops.transpose(other)), axis=-1)
        total += float(ops.sum(ops.exp(goal) * (goal - found)))
    return total / chosen.shape[0] * REFERENCE_POSITIONS


def _measure_pixels(
    picture: np.ndarray, photograph: np.ndarray, painting: PaintingMeasures
) -> dict[str, float]:
    colours = to_cielab(picture)
    palette = palette_of(colours[::PICTURE_STEP])
    distances = [palette_distance(palette, one) for one in painting.palettes]
    return {
        "palette": float(np.dot(painting.shares, distances)),
        "ssim": structural_similarity(picture, photograph),
        "blown": blown_share(colours),
        "grid": grid_energy(picture),
        "mesh": mesh_ratio(picture),
    }


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the SSIM of the luma of two pictures (Wang et al. 2004); 1 if they are equal."""
    first, second = ((picture @ BT601_LUMA)[None, ..., None] for picture in (one, other))
    similarity = ops.image.ssim(
        first.astype(np.float32),
        second.astype(np.float32),
        max_val=255.0,
        data_format="channels_last",
    )
    return float(similarity[0])
