"""The objective of the training.

    content(x, y) + style(painting, y) + variation(y)

for photographs x and the network's pictures y = f(x) (Johnson et al. 2016, section 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from onestroke.data.paintings import Style
from onestroke.losses.face_identity import FaceIdentity
from onestroke.losses.loss_settings import TERMS, LossSettings
from onestroke.losses.palette_term import PaletteTargets, measure_palettes, palette_loss
from onestroke.losses.style_targets import StyleTargets, measure_styles
from onestroke.losses.terms import (
    content_loss,
    reproduction_loss,
    style_losses,
    variation_loss,
    weighted_mean,
)
from onestroke.models.face_weights import FaceWeights
from onestroke.models.keras_defaults import check_precision
from onestroke.models.layers import Tensor
from onestroke.models.vgg19 import loss_network
from onestroke.models.vgg19_weights import Vgg19Weights


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms and of the VGG19 layers."""

    content: float
    style: float
    variation: float
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    faces: float = 0.0
    stability: float = 0.0
    palette: float = 0.0


class Objective:
    """The loss of pictures: content, style and variation.

    Args:
        loss_network: VGG19 with every content and style layer; see ``models.vgg19``.
        targets: of the styles.
        weights: of the terms and layers.
        faces: the face identity term; None where its weight is 0.
        palettes: of the styles, for the palette term; None where its weight is 0.
    """

    def __init__(
        self,
        loss_network: keras.Model,
        targets: StyleTargets,
        weights: LossWeights,
        faces: FaceIdentity | None = None,
        palettes: PaletteTargets | None = None,
    ) -> None:
        self.loss_network = loss_network
        # Photographs need only the content layers.
        self.content_network = keras.Model(
            loss_network.input,
            {name: loss_network.output[name] for name in weights.content_layers},
        )
        self.targets = targets
        self.weights = weights
        self.faces = faces
        self.palettes = palettes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the loss and of its terms."""
        optional = {"palette": self.palettes, "faces": self.faces}
        return (*TERMS, *(name for name, term in optional.items() if term is not None))

    def terms(
        self,
        wanted: Mapping[str, Tensor],
        pictures: Tensor,
        style: Tensor | None = None,
        photographs: Tensor | None = None,
        features: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the loss, its terms before their weights, and each style layer's.

        Args:
            wanted: features of the photographs from ``content_network``.
            pictures: ``(batch, height, width, 3)`` RGB float32 in [0, 255].
            style: ``(batch, styles)`` float32, one-hot; None for a single style.
            photographs: as ``pictures``; for the identity and the face identity term alone.
            features: of the pictures from ``loss_network``, if they are known already.

        Returns:
            ``(batch,)`` float32 each.
        """
        weights = self.weights
        targets = self.targets if style is None else self.targets.of(style)
        actual = self.loss_network(pictures) if features is None else features
        layers = {
            name: error / targets.distance
            for name, error in style_losses(actual, targets.grams).items()
        }
        terms = {
            "content": content_loss(actual, wanted, weights.content_layers),
            "style": weighted_mean(layers, weights.style_layers),
            "variation": variation_loss(pictures, targets.variation),
        }
        loss = (
            weights.content * terms["content"]
            + weights.style * targets.factor * terms["style"]
            + weights.variation * terms["variation"]
        )
        if self.palettes is not None:
            palettes = self.palettes if style is None else self.palettes.of(style)
            terms["palette"] = palette_loss(pictures, palettes)
            loss += weights.palette * terms["palette"]
        if self.faces is not None and photographs is not None:
            terms["faces"] = self.faces(photographs, pictures)
            loss += weights.faces * terms["faces"]
        if style is not None and photographs is not None:
            repeated = reproduction_loss(pictures, photographs)
            # With the weight of the style term, the identity would slow down the paintings.
            loss += targets.identity * (weights.content * terms["content"] + repeated - loss)
            terms["style"] += targets.identity * (repeated - terms["style"])
            terms["variation"] *= 1 - targets.identity
        return {"loss": loss, **terms, **{f"style_{name}": v for name, v in layers.items()}}


def build_objective(
    settings: LossSettings,
    vgg19: Vgg19Weights,
    styles: Sequence[Style],
    *,
    factors: Sequence[float] = (),
    identity: bool = False,
    precision: str = "float32",
    winograd: bool = False,
    cache: Path | None = None,
    face_weights: FaceWeights | None = None,
) -> Objective:
    """Builds the loss network and measures the paintings, these always in 32 bits.

    Args:
        settings: layers, weights and pooling.
        vgg19: weights of the loss network.
        styles: the paintings.
        factors: of the weight of each painting's style term; by default 1.
        identity: whether there is one more style, which returns photographs unchanged.
        precision: of the loss network, a Keras dtype policy.
        winograd: see ``loss_network``.
        cache: folder of cached measurements of paintings.
        face_weights: of the face identity term; without them it is left out.

    Raises:
        SettingsError: Keras computes in another precision by default.
    """
    check_precision()
    targets = measure_styles(
        settings, vgg19, styles, factors=factors, identity=identity, folder=cache
    )
    layers = list(dict.fromkeys([*settings.content, *settings.style]))
    return Objective(
        # Frozen weights need no 32-bit copy.
        loss_network(
            layers,
            vgg19,
            pooling=settings.pooling,
            dtype=precision.removeprefix("mixed_"),
            winograd=winograd,
        ),
        targets,
        LossWeights(
            content=settings.content_weight,
            style=settings.style_weight,
            variation=settings.variation_weight,
            content_layers=settings.content,
            style_layers=settings.style,
            faces=settings.identity_weight,
            stability=settings.stability_weight,
            palette=settings.palette_weight,
        ),
        FaceIdentity(face_weights) if face_weights else None,
        measure_palettes(styles, identity=identity) if settings.palette_weight else None,
    )
