"""Settings of a dream. A recipe has one section, ``dream``, which is optional."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from onestroke.data.photograph_sources import absolute_source
from onestroke.errors import SettingsError
from onestroke.models.dream_network import (
    absolute_network,
    check_network,
    default_layers,
    default_network,
)
from onestroke.settings_schema import (
    Positive,
    Section,
    apply_overrides,
    read_yaml,
    replace_in,
    validate_settings,
)
from onestroke.weighted_names import parse_weighted_names


class DreamSection(Section):
    """The dream. The defaults are those of Keras' example of DeepDream."""

    network: str | None = Field(
        None,
        description="inception_v3, vgg19, or a .h5 or .keras file of InceptionV3; null for "
        "inception_v3 if Keras has its weights in the cache, and for the bundled vgg19 otherwise.",
    )
    layers: Annotated[dict[str, Positive], Field(min_length=1)] | None = Field(
        None,
        description="Layers whose activations are increased, with their weights; null for mixed4: "
        "1, mixed5: 1.5, mixed6: 2, mixed7: 2.5 of inception_v3, and relu4_4: 0.2, relu5_1: 0.2, "
        "relu5_2: 0.2 of vgg19. Early layers give lines, late ones eyes and animals.",
    )
    guide: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Path of a picture whose features are increased; null for all features."
    )
    size: Annotated[int, Field(ge=32)] | None = Field(
        None, description="Long side of the result in pixels; null for that of the photograph."
    )
    octaves: Annotated[int, Field(ge=1, le=32)] = Field(
        3, description="Number of sizes, from coarse to fine."
    )
    octave_scale: Annotated[float, Field(gt=1)] = Field(1.4, description="Ratio between two sizes.")
    iterations: Annotated[int, Field(ge=1)] = Field(
        30, description="Largest number of iterations at each size."
    )
    step: Positive = Field(
        20.0,
        description="L2 norm of the change of the whole picture in one iteration; 1 is half the "
        "range of a pixel, as InceptionV3 reads it. A picture of four times as many pixels needs "
        "twice the step for the same change of a pixel.",
    )
    max_loss: Positive | None = Field(
        15.0, description="Loss above which a size is finished early; null for no limit."
    )
    tile: Annotated[int, Field(ge=128)] = Field(
        512,
        description="Largest side of the part of the picture that the network reads at once. A "
        "larger picture is read in tiles that shift randomly in every iteration.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the shifts of the tiles."
    )
    save_every: Annotated[int, Field(ge=1)] = Field(
        10,
        description="Iterations between two saved states, from which a killed dream is resumed.",
    )


class DreamSettings(Section):
    """All settings of a dream."""

    dream: DreamSection = DreamSection()


def read_dream_settings(
    recipe: Path | None,
    *,
    layers: Sequence[str] = (),
    overrides: Sequence[str] = (),
    network: str | None = None,
    guide: str | None = None,
) -> DreamSettings:
    """Reads the settings of a dream; paths become absolute.

    Args:
        recipe: a YAML file, or None for the defaults.
        layers: layers that replace the recipe's, each as ``NAME`` or ``NAME:WEIGHT``.
        overrides: changes of the form ``dream.key=value``.
        network: replaces the recipe's.
        guide: replaces the recipe's.

    Raises:
        SettingsError: the file is missing or not YAML; a key is unknown; a value is invalid.
        ModelError: the network is unknown, or its file is missing.
    """
    values: dict[str, Any] = read_yaml(recipe) if recipe else {}
    options: dict[str, Any] = {"network": network, "guide": guide}
    options["layers"] = _parse_layers(layers) if layers else None
    given = {key: value for key, value in options.items() if value is not None}
    values = apply_overrides(replace_in(values, "dream", given), overrides)
    settings = validate_settings(values, DreamSettings, origin=str(recipe or "settings"))
    dream = settings.dream
    if dream.network is not None:
        check_network(dream.network)
    absolute = {
        "network": dream.network and absolute_network(dream.network),
        "guide": dream.guide and absolute_source(dream.guide),
    }
    return DreamSettings(dream=dream.model_copy(update=absolute))


def choose_network(settings: DreamSettings) -> DreamSettings:
    """Returns the settings with the network and the layers that null stands for."""
    dream = settings.dream
    network = dream.network or default_network()
    layers = dream.layers or default_layers(network)
    return DreamSettings(dream=dream.model_copy(update={"network": network, "layers": layers}))


def _parse_layers(layers: Sequence[str]) -> dict[str, float]:
    weights = parse_weighted_names(layers, "--layer")
    for name, weight in weights.items():
        if not weight > 0:
            raise SettingsError(f"--layer {name}:{weight:g}: the weight must be above 0")
    return weights
