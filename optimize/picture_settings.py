"""Settings of the optimisation of one picture; sections are shared with training where possible.

A recipe has the sections ``style``, ``loss`` and ``optimize``. It is optional.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from onestroke.data.paintings import PictureWeights, parse_style_weights
from onestroke.data.photograph_sources import absolute_source
from onestroke.errors import SettingsError
from onestroke.losses.loss_settings import LayerWeights, LossSettings
from onestroke.models.style_file import absolute_model
from onestroke.models.vgg19_weights import absolute_weights_source
from onestroke.settings_schema import (
    NotNegative,
    Positive,
    Section,
    apply_overrides,
    read_yaml,
    replace_in,
    validate_settings,
)

STARTS = ("noise", "photograph")  # besides pictures and models


class PictureStyle(Section):
    """The paintings of an optimisation."""

    pictures: PictureWeights = Field(description="Paths of the paintings, with their weights.")
    size: Annotated[int, Field(ge=32, le=8192)] | None = Field(
        None,
        description="Short side in pixels at which the loss network sees the paintings next to a "
        "picture of full size; null for the picture's long side. A larger size gives larger "
        "strokes.",
    )


class PictureLossSettings(LossSettings):
    """The loss of one picture, with more style and larger forms than a network can learn."""

    content: LayerWeights = Field(
        default_factory=lambda: {"relu4_2": 1.0},
        description="VGG19 layers of the content term, with their weights. relu4_2 keeps objects "
        "and lets edges move.",
    )
    # More relu5_1 than in training: the swirls of The Starry Night come from this layer.
    style: LayerWeights = Field(
        default_factory=lambda: {
            "relu1_1": 0.5,
            "relu2_1": 0.5,
            "relu3_1": 1.0,
            "relu4_1": 2.0,
            "relu5_1": 0.3,
        },
        description="VGG19 layers of the style term, with their weights. Later layers describe "
        "larger forms of the painting.",
    )
    style_weight: NotNegative = Field(16.0, description="Weight of the style term.")
    variation_weight: NotNegative = Field(0.1, description="Weight of the smoothness term.")
    identity_weight: Annotated[float, Field(ge=0, le=0)] = Field(
        0.0, description="Always 0: only training has the face identity term."
    )
    stability_weight: Annotated[float, Field(ge=0, le=0)] = Field(
        0.0, description="Always 0: only training has the stability term."
    )


class OptimizeSettings(Section):
    """How the pixels are changed."""

    size: Annotated[int, Field(ge=32, le=8192)] = Field(
        512, description="Long side of the result in pixels."
    )
    iterations: Annotated[int, Field(ge=1)] = Field(
        300, description="Iterations at each size, from coarse to fine."
    )
    coarsest: Annotated[int, Field(ge=32)] = Field(
        256,
        description="Largest long side in pixels of the first size. A larger picture is optimised "
        "at half of its size first; the enlarged result is the start of the next size.",
    )
    start: Annotated[str, Field(min_length=1)] = Field(
        "photograph",
        description="Where the pixels start: photograph, noise, the path of a picture, or a model "
        "of one style that paints the start.",
    )
    method: Literal["l-bfgs", "adam"] = Field(
        "l-bfgs", description="Optimisation method: l-bfgs as in the paper, or adam."
    )
    learning_rate: Positive = Field(
        10.0, description="Largest learning rate of adam, in pixel values per step."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Seed of the noise.")
    save_every: Annotated[int, Field(ge=1)] = Field(
        100,
        description="Iterations between two saved states, from which an interrupted optimisation "
        "is resumed. L-BFGS starts with an empty memory there.",
    )


class PictureSettings(Section):
    """All settings of one optimisation."""

    style: PictureStyle
    loss: PictureLossSettings = PictureLossSettings()
    optimize: OptimizeSettings = OptimizeSettings()


def read_picture_settings(
    recipe: Path | None, styles: Sequence[str], overrides: Sequence[str]
) -> PictureSettings:
    """Reads the settings of an optimisation; paths become absolute.

    Args:
        recipe: a YAML file, or None for the defaults.
        styles: paintings that replace the recipe's, each as ``PATH`` or ``PATH:WEIGHT``.
        overrides: changes of the form ``section.key=value``.

    Raises:
        SettingsError: the file is missing or not YAML; a key is unknown or missing; a value is
            invalid.
    """
    values: dict[str, Any] = read_yaml(recipe) if recipe else {}
    if styles:
        values = replace_in(values, "style", {"pictures": parse_style_weights(styles)})
    values = apply_overrides(values, overrides)
    if "style" not in values:
        raise SettingsError("no painting is given; add --style PATH")
    settings = validate_settings(values, PictureSettings, origin=str(recipe or "settings"))
    absolute = settings.model_dump(mode="json")
    pictures = settings.style.pictures
    absolute["style"]["pictures"] = {
        absolute_source(name): share for name, share in pictures.items()
    }
    absolute["loss"]["vgg19"] = absolute_weights_source(settings.loss.vgg19)
    if settings.optimize.start not in STARTS:
        absolute["optimize"]["start"] = absolute_model(settings.optimize.start)
    return validate_settings(absolute, PictureSettings)
