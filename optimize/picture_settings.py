"""What the optimisation of one picture is made of: the same schema as a training's where it can be.

A recipe for it has the sections ``style``, ``loss`` and ``optimize``; none is needed.
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

STARTS = ("noise", "photograph")  # of an optimisation, besides pictures and models


class PictureStyle(Section):
    """The paintings.

    Attributes:
        pictures: paths, each with its weight in the blend.
        size: short side in pixels at which the loss network sees them beside a picture of full
            size; None for the picture's long side. Larger gives larger strokes.
    """

    pictures: PictureWeights
    size: Annotated[int, Field(ge=32, le=8192)] | None = None


class PictureLossSettings(LossSettings):
    """What counts in one picture: more of the style, and its large forms, than a network learns.

    Attributes:
        content: things alone; edges may move.
        style: with more of relu5_1, from which the swirls of a Starry Night come.
        style_weight: of the style term.
        variation_weight: of the smoothness term.
        identity_weight: 0; only training has the face identity term.
    """

    content: LayerWeights = Field(default_factory=lambda: {"relu4_2": 1.0})
    style: LayerWeights = Field(
        default_factory=lambda: {
            "relu1_1": 0.5,
            "relu2_1": 0.5,
            "relu3_1": 1.0,
            "relu4_1": 2.0,
            "relu5_1": 0.3,
        }
    )
    style_weight: NotNegative = 16.0
    variation_weight: NotNegative = 0.1
    identity_weight: Annotated[float, Field(ge=0, le=0)] = 0.0


class OptimizeSettings(Section):
    """How the pixels are changed.

    Attributes:
        size: long side of the result in pixels.
        iterations: at each size, from coarse to fine.
        coarsest: long side in pixels above which half the size comes before; what it gives,
            enlarged, is where the next one starts.
        start: ``photograph``, ``noise``, the path of a picture, or a model to paint one.
        method: ``l-bfgs`` as in the paper, or ``adam``.
        learning_rate: of Adam, in pixel values a step, at its height.
        seed: of the noise.
        save_every: iterations between two states from which a killed optimisation goes on;
            L-BFGS begins its memory of steps anew there.
    """

    size: Annotated[int, Field(ge=32, le=8192)] = 512
    iterations: Annotated[int, Field(ge=1)] = 300
    coarsest: Annotated[int, Field(ge=32)] = 256
    start: Annotated[str, Field(min_length=1)] = "photograph"
    method: Literal["l-bfgs", "adam"] = "l-bfgs"
    learning_rate: Positive = 10.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    save_every: Annotated[int, Field(ge=1)] = 100


class PictureSettings(Section):
    """A whole optimisation."""

    style: PictureStyle
    loss: PictureLossSettings = PictureLossSettings()
    optimize: OptimizeSettings = OptimizeSettings()


def read_picture_settings(
    recipe: Path | None, styles: Sequence[str], overrides: Sequence[str]
) -> PictureSettings:
    """Reads the settings of an optimisation; paths become absolute.

    Args:
        recipe: a YAML file, or None for the defaults.
        styles: paintings instead of the recipe's, each as ``PATH`` or ``PATH:WEIGHT``.
        overrides: changes of the form ``section.key=value``.

    Raises:
        SettingsError: the file is missing or no YAML; a key is unknown or missing; a value does
            not fit.
    """
    values: dict[str, Any] = read_yaml(recipe) if recipe else {}
    if styles:
        values = replace_in(values, "style", {"pictures": parse_style_weights(styles)})
    values = apply_overrides(values, overrides)
    if "style" not in values:
        raise SettingsError("expected a painting; name it with --style PATH")
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
