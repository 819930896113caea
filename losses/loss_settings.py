"""Settings of the loss: which VGG19 layers are compared and how the terms are weighted."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from onestroke.models.vgg19_weights import EXPECTED_LAYERS, LAYERS
from onestroke.settings_schema import NotNegative, Positive, Section

TERMS = ("loss", "content", "style", "variation")
"""The total loss and its terms, by the names used in logs and reports."""


def _check_layer(name: str) -> str:
    if name not in LAYERS:
        raise ValueError(EXPECTED_LAYERS)
    return name


LayerName = Annotated[str, AfterValidator(_check_layer)]
LayerWeights = Annotated[dict[LayerName, Positive], Field(min_length=1)]


class LossSettings(Section):
    """The loss terms and their weights. All terms are dimensionless; see ``losses.terms``."""

    content: LayerWeights = Field(
        default_factory=lambda: {"relu3_3": 1.0, "relu4_2": 1.0},
        description="VGG19 layers of the content term, with their weights. relu3_3 keeps edges, "
        "relu4_2 keeps objects.",
    )
    # Much weight on relu5_1 fills flat areas with a regular lattice (docs/choices.md).
    style: LayerWeights = Field(
        default_factory=lambda: {
            "relu1_1": 0.5,
            "relu2_1": 0.5,
            "relu3_1": 1.0,
            "relu4_1": 2.0,
            "relu5_1": 0.2,
        },
        description="VGG19 layers of the style term, with their weights. Later layers describe "
        "larger forms of the painting.",
    )
    content_weight: NotNegative = Field(1.0, description="Weight of the content term.")
    style_weight: NotNegative = Field(
        6.0,
        description="Weight of the style term. The term is 1 for a typical photograph. A larger "
        "weight gives more style and less content.",
    )
    variation_weight: NotNegative = Field(0.2, description="Weight of the smoothness term.")
    palette_weight: NotNegative = Field(
        0.0,
        description="Weight of the palette term, which brings the colours nearer to the "
        "painting's. The term is 1 for a typical photograph. 0 leaves it out.",
    )
    identity_weight: NotNegative = Field(
        0.0,
        description="Weight of the face identity term, which is 1 where a painted face is as far "
        "from the photograph's as the threshold between two people. 0 leaves the term out; more "
        "needs the face weights, see docs/faces.md.",
    )
    stability_weight: NotNegative = Field(
        0.0,
        description="Weight of the stability term, for steadier videos: a quarter of the pictures "
        "is painted again with noise, and compared. 0 leaves the term out; see "
        "docs/video.md.",
    )
    vgg19: str = Field(
        "bundled",
        description="Weights of the loss network: bundled, imagenet, or a path to a .h5, .mat or "
        ".npz file.",
    )
    pooling: Literal["max", "avg"] = Field("max", description="Pooling of the loss network.")
