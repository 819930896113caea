"""Settings of a training run: one schema for recipes, overrides and saved runs.

A recipe is a YAML file with the sections ``network``, ``style``, ``loss``, ``data`` and
``train``. The settings determine the run completely: equal settings give equal weights.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from onestroke import configs
from onestroke.data.paintings import PictureWeights, parse_style_weights, weights_by_name
from onestroke.data.photograph_sources import absolute_source
from onestroke.errors import SettingsError
from onestroke.losses.loss_settings import LossSettings
from onestroke.machine import multiplies_bfloat16
from onestroke.models.card import IDENTITY
from onestroke.models.style_file import absolute_model, find_style_file, open_style_file
from onestroke.models.vgg19_weights import absolute_weights_source
from onestroke.settings_schema import (
    Positive,
    Section,
    Share,
    apply_overrides,
    read_yaml,
    replace_in,
    validate_settings,
)
from onestroke.weighted_names import parse_weighted_names


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


def _check_order(shares: tuple[float, float]) -> tuple[float, float]:
    if shares[0] > shares[1]:
        raise ValueError("the first share must be the smaller one")
    return shares


def _as_styles(value: Any) -> Any:
    """Reads a name or a mapping as a single style; each entry of a list is a style."""
    return [value] if isinstance(value, str | Mapping) else value


RENAME = "name each style with --set 'style.names=[wave, scream]'"

Styles = Annotated[list[PictureWeights], Field(min_length=1), BeforeValidator(_as_styles)]
Source = Annotated[str, Field(min_length=1)]
Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]
Crop = Annotated[int, Field(ge=32, le=2048, multiple_of=4)]
Crops = Annotated[list[Crop], Field(min_length=1), BeforeValidator(_as_list)]
PaintingSide = Annotated[int, Field(ge=32, le=4096)]


class NetworkSettings(Section):
    """The transformation network."""

    preset: Literal["johnson", "half", "mobile"] = Field(
        "johnson",
        description="Size of the network: johnson as in the paper, half of its width, or mobile "
        "for phones.",
    )
    init: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Initial weights: a style file or a run of the same preset, or base; null for "
        "random weights.",
    )
    init_sha256: str | None = Field(
        None, description="SHA-256 of the file of init; recorded when the run starts."
    )
    learn: Literal["all", "rows"] = Field(
        "all",
        description="What is trained: all weights, or only the rows of scale and shift of the new "
        "styles. New rows start as the nearest blend of the styles of init.",
    )
    keep: bool = Field(
        True, description="With learn=rows: whether the result also contains the styles of init."
    )

    @model_validator(mode="after")
    def _check_learn(self) -> "NetworkSettings":
        if self.learn == "rows" and self.init is None:
            raise ValueError("network.learn=rows needs network.init, the network to extend")
        return self

    @property
    def joins(self) -> bool:
        """Whether the result contains the styles of ``init``."""
        return self.learn == "rows" and self.keep


class StyleSettings(Section):
    """The paintings. Each entry is one style; all styles are trained in one network."""

    pictures: Styles = Field(
        default_factory=lambda: [{"bundled": 1.0}],
        description="For each style a path, or several paths with weights for a blend; bundled is "
        "the painting of the package.",
    )
    pictures_sha256: list[str] = Field(
        [], description="SHA-256 of each painting's pixels; recorded when the run starts."
    )
    names: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        [], description="Names of the styles in the same order; by default the file names."
    )
    captions: dict[str, str] = Field(
        {}, description="Caption of each style by its name: the painting, its painter, the year."
    )
    identity: bool = Field(
        False,
        description="Whether one more style, photograph, returns photographs unchanged. Strength "
        "then interpolates between two styles of the network.",
    )
    size: PaintingSide = Field(
        768,
        description="Short side in pixels at which the loss network sees the paintings. A larger "
        "size gives larger strokes.",
    )
    sizes: dict[str, PaintingSide] = Field(
        {}, description="Sizes of single styles by their names; all others have style.size."
    )
    weights: dict[str, Positive] = Field(
        {},
        description="How strongly single styles are painted, by their names: factors of "
        "loss.style_weight. All others have 1.",
    )

    @model_validator(mode="after")
    def _check_names(self) -> "StyleSettings":
        given, count = len(self.names), len(self.pictures)
        if given not in (0, count):
            raise ValueError(f"expected {count} names, one for each style; received {given}")
        names = self.all_names()
        if IDENTITY in names[:count]:
            raise ValueError(f"{IDENTITY} is the reserved name of the identity; {RENAME}")
        for name in names:
            if not name or parse_weighted_names([name]) != {name: 1.0}:
                raise ValueError(f"the style name {name!r} is empty or ends in a weight; {RENAME}")
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"two styles are named {twice[0]}; {RENAME}")
        by_name = (("caption", self.captions), ("size", self.sizes), ("weight", self.weights))
        for what, values in by_name:
            if unknown := values.keys() - set(names):
                raise ValueError(
                    f"{what} of an unknown style {min(unknown)}; the styles are {', '.join(names)}"
                )
        return self

    def all_names(self) -> list[str]:
        """Returns the names of the styles, with the identity's last."""
        names = self.names or ["+".join(Path(n).stem for n in blend) for blend in self.pictures]
        return [*names, IDENTITY] if self.identity else list(names)

    def short_sides(self) -> list[int]:
        """Returns the short side of each style's paintings in pixels, without the identity's."""
        names = self.all_names()[: len(self.pictures)]
        return [self.sizes.get(name, self.size) for name in names]

    def factors(self) -> list[float]:
        """Returns the factor of ``loss.style_weight`` of each style, without the identity's."""
        names = self.all_names()[: len(self.pictures)]
        return [self.weights.get(name, 1.0) for name in names]


class DataSettings(Section):
    """The photographs."""

    source: Sources = Field(
        default_factory=lambda: ["bundled"],
        description="Training photographs: folders, globs, videos, tfds:NAME[:SPLIT] or bundled.",
    )
    source_sha256: str | None = Field(
        None,
        description="SHA-256 of the sizes of all photographs and the content of some; recorded "
        "when the run starts.",
    )
    validation: Sources = Field(
        default_factory=lambda: ["bundled"],
        description="Validation photographs, never trained on; the same forms as source.",
    )
    validation_count: Annotated[int, Field(ge=1)] = Field(
        64, description="Largest number of validation photographs; the first ones are used."
    )
    validation_size: Annotated[int, Field(ge=32, le=4096)] = Field(
        512, description="Long side in pixels of the validation photographs."
    )
    crop: Crops = Field(
        default_factory=lambda: [128, 192],
        description="Sides in pixels of the training crops. Several sizes follow one another; each "
        "is trained on the same number of pixels.",
    )
    batch: Annotated[int, Field(ge=1, le=1024)] = Field(2, description="Pictures per step.")
    scale: Annotated[tuple[Share, Share], AfterValidator(_check_order)] = Field(
        (0.5, 1.0),
        description="Smallest and largest side of a crop before it is resized, as shares of the "
        "photograph's short side.",
    )
    flip: bool = Field(True, description="Whether half of the crops are mirrored.")


class TrainSettings(Section):
    """The optimisation of the network."""

    steps: Annotated[int, Field(ge=1)] = Field(description="Optimizer steps.")
    optimizer: Literal["muon", "adam"] = Field(
        "muon", description="Optimizer: muon for the convolutions (see train.muon), or adam."
    )
    learning_rate: Positive = Field(
        3e-3, description="Largest learning rate. Adam needs about a third of Muon's."
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        50,
        description="Steps over which the learning rate rises from a tenth to its largest value; "
        "at most half of all steps.",
    )
    schedule: Literal["trapezoid", "cosine", "constant"] = Field(
        "trapezoid",
        description="Learning rate schedule: trapezoid decays over the last 30 %, cosine decays "
        "from the start, both to 1 %; constant does not decay.",
    )
    clip_norm: Positive | None = Field(
        None, description="Largest norm of the whole gradient; null for no limit."
    )
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "auto",
        description="Precision of the computation; trained weights stay in float32. auto is "
        "mixed_bfloat16 where that is faster (NVIDIA GPUs since Ampere, processors with AMX, those "
        "of AMD with AVX-512 BF16), else float32.",
    )
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Devices of this machine that share each batch: a number that divides "
        "data.batch, or auto for all GPUs.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the initial weights, the order of the photographs and the crops."
    )
    log_every: Annotated[int, Field(ge=1)] = Field(
        10, description="Steps between two lines of metrics.jsonl."
    )
    checkpoint_every: Annotated[int, Field(ge=1)] = Field(
        100, description="Steps between two checkpoints."
    )
    sample_every: Annotated[int, Field(ge=1)] = Field(
        100, description="Steps between two validations."
    )


class Settings(Section):
    """All settings of a training run."""

    network: NetworkSettings = NetworkSettings()
    style: StyleSettings = StyleSettings()
    loss: LossSettings = LossSettings()
    data: DataSettings = DataSettings()
    train: TrainSettings

    def to_yaml(self) -> str:
        """Returns YAML with every setting, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def check_settings(values: Mapping[str, Any], *, origin: str = "settings") -> Settings:
    """Validates the plain values of a training run.

    Raises:
        SettingsError: see ``settings_schema.validate_settings``.
    """
    return validate_settings(values, Settings, origin=origin)


def read_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    styles: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> Settings:
    """Reads a recipe and applies changes to it.

    Args:
        path: the recipe's file, or the name of a recipe in the package.
        overrides: changes of the form ``section.key=value``, applied last.
        styles: paintings that replace the recipe's: each ``PATH`` is a style; ``PATH:WEIGHT``
            entries together are one blend.
        sources: photographs that replace the recipe's.

    Raises:
        SettingsError: the file is missing or not YAML; a key is unknown; a value is invalid.
    """
    packaged = {file.stem: file for file in Path(configs.__file__).parent.glob("*.yaml")}
    recipe = read_yaml(path, packaged)
    if styles:
        recipe = replace_in(recipe, "style", replace_styles(styles))
    if sources:
        recipe = replace_in(recipe, "data", {"source": list(sources)})
    return check_settings(apply_overrides(recipe, overrides), origin=str(path))


def compose_recipe(
    config: Path | None,
    *,
    init: str | None = None,
    only: bool = False,
    learn_all: bool = False,
    styles: Sequence[str] = (),
    sources: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> tuple[Settings, str]:
    """Reads a recipe and starts it from a model if asked; returns it with its name.

    Args:
        config: the recipe's file or name; by default ``new_style`` with ``init``, and ``cpu``
            with ``learn_all``.
        init: the model to start from; its rows are extended by new styles.
        only: the result contains the new styles alone.
        learn_all: all layers of ``init`` are trained, which drops its styles.
        styles: see ``read_recipe``.
        sources: see ``read_recipe``.
        overrides: see ``read_recipe``.

    Raises:
        SettingsError: options contradict each other, or see ``read_recipe``.
        ModelError: the model is missing or broken.
    """
    if learn_all and only:
        raise SettingsError(
            "--only and --learn-all cannot be combined; --learn-all already drops the old styles"
        )
    if learn_all and init is None:
        raise SettingsError("--learn-all needs --init MODEL, the network to train")
    config = config or Path("cpu" if learn_all else "new_style")
    changes = start_from(init, "all" if learn_all else "rows") if init is not None else []
    changes += ["network.keep=false"] if only else []
    recipe = read_recipe(config, [*changes, *overrides], styles=styles, sources=sources)
    if learn_all and recipe.network.learn != "all":
        raise SettingsError("--learn-all and --set network.learn=rows cannot be combined")
    if only and recipe.network.learn != "rows":
        raise SettingsError(
            "--only drops the styles of a network that is extended; use it with --init MODEL or "
            "--config new_style"
        )
    return recipe, config.stem


def start_from(init: str, learn: Literal["all", "rows"]) -> list[str]:
    """Returns the overrides that start a recipe from the weights of a model.

    Args:
        init: a style file, a run folder, or the name of a bundled model.
        learn: what is trained; see ``NetworkSettings``.

    Raises:
        ModelError: the model is missing or broken.
    """
    preset = open_style_file(init)[1].preset
    return [
        f"network.init={json.dumps(init)}",
        f"network.preset={preset}",
        f"network.learn={learn}",
    ]


def resolve_settings(settings: Settings) -> Settings:
    """Replaces everything that depends on the current folder or machine by fixed values.

    Paths become absolute, the precision ``auto`` becomes that of this machine, and the file of
    ``network.init`` is recorded by its hash.

    Raises:
        ModelError: the file of ``network.init`` is missing or broken.
    """
    values = settings.model_dump(mode="json")
    style, data, loss = values["style"], values["data"], values["loss"]
    style["pictures"] = [_absolute_keys(blend) for blend in _as_styles(style["pictures"])]
    data["source"] = [absolute_source(source) for source in data["source"]]
    data["validation"] = [absolute_source(source) for source in data["validation"]]
    loss["vgg19"] = absolute_weights_source(loss["vgg19"])
    if settings.network.init:
        init = absolute_model(settings.network.init)
        digest = hashlib.sha256(find_style_file(init).read_bytes()).hexdigest()
        values["network"] |= {"init": init, "init_sha256": digest}
    if values["train"]["precision"] == "auto":
        values["train"]["precision"] = "mixed_bfloat16" if multiplies_bfloat16() else "float32"
    return check_settings(values)


def replace_styles(styles: Sequence[str]) -> dict[str, Any]:
    """Returns the keys of section ``style`` for paintings given on the command line.

    Args:
        styles: each ``PATH`` is a style; ``PATH:WEIGHT`` entries together are one blend.
    """
    blend = parse_style_weights(styles)
    weighted = list(blend) != list(dict.fromkeys(styles))
    return {
        "pictures": blend if weighted else list(blend),
        "names": [],
        "captions": {},
        "sizes": {},
        "weights": {},
    }


def _absolute_keys(blend: str | Mapping[str, float]) -> dict[str, float]:
    return {absolute_source(name): share for name, share in weights_by_name(blend).items()}
