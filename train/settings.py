"""What a training run is made of: one schema for recipes, overrides and saved runs.

A recipe is a YAML file with the sections ``network``, ``style``, ``loss``, ``data`` and
``train``. Everything that decides a run stands here; two runs of equal settings end in equal
weights.
"""

import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from onestroke.errors import SettingsError

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
LayerName = Annotated[str, Field(pattern=r"^relu(1_[12]|2_[12]|3_[1-4]|4_[1-4]|5_[1-4])$")]
LayerWeights = Annotated[dict[LayerName, Positive], Field(min_length=1)]


def _weight_by_name(value: Any) -> Any:
    """Turns ``[a, {b: 2}]`` or ``a`` into ``{a: 1, b: 2}``."""
    entries = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(entries, list | tuple):
        return value
    weights: dict[Any, Any] = {}
    for entry in entries:
        if not isinstance(entry, str | Mapping):
            raise ValueError("expected paths, each alone or with its weight")
        weights.update(entry if isinstance(entry, Mapping) else {entry: 1.0})
    return weights


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


def _in_order(shares: tuple[float, float]) -> tuple[float, float]:
    if shares[0] > shares[1]:
        raise ValueError("the first share should be the smaller one")
    return shares


PictureWeights = Annotated[
    dict[str, Positive], Field(min_length=1), BeforeValidator(_weight_by_name)
]
Source = Annotated[str, Field(min_length=1)]
Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]
Crop = Annotated[int, Field(ge=32, le=2048, multiple_of=4)]
Crops = Annotated[list[Crop], Field(min_length=1), BeforeValidator(_as_list)]


class Section(BaseModel):
    """A frozen part of the settings that knows no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NetworkSettings(Section):
    """The transformation network.

    Attributes:
        preset: ``johnson`` as in the paper, ``half`` its width, ``mobile`` for phones.
    """

    preset: Literal["johnson", "half", "mobile"] = "johnson"


class StyleSettings(Section):
    """The painting.

    Attributes:
        pictures: paths, each with its weight in the blend; ``bundled`` is the package's own.
        size: short side in pixels at which the loss network sees them, aspect kept. Larger
            gives larger strokes.
    """

    pictures: PictureWeights = Field(default_factory=lambda: {"bundled": 1.0})
    size: Annotated[int, Field(ge=32, le=4096)] = 256


class LossSettings(Section):
    """What counts, and how much. All terms are without dimension; see ``train.losses``.

    Attributes:
        content: VGG19 layers that keep the photograph, with their weights.
        style: VGG19 layers that bring the painting, with their weights. Half for the first two:
            a network matches them ten times as closely as relu4_1 in any case. Not more for
            relu4_1, and none for relu5_1, which would be two thirds of the style loss: what a
            network does for them is to fill flat areas with a regular lattice.
        content_weight: of the content term.
        style_weight: of the style term; the dial between photograph and painting.
        variation_weight: of the smoothness term.
        vgg19: ``bundled``, ``imagenet``, or a path to a .h5, .mat or .npz file.
        pooling: of VGG19, ``max`` or ``avg``.
    """

    content: LayerWeights = Field(default_factory=lambda: {"relu4_2": 1.0})
    style: LayerWeights = Field(
        default_factory=lambda: {
            "relu1_1": 0.5,
            "relu2_1": 0.5,
            "relu3_1": 1.0,
            "relu4_1": 1.0,
        }
    )
    content_weight: NotNegative = 1.0
    style_weight: NotNegative = 6.0
    variation_weight: NotNegative = 0.5
    vgg19: str = "bundled"
    pooling: Literal["max", "avg"] = "max"


class DataSettings(Section):
    """The photographs.

    Attributes:
        source: folders, globs, ``tfds:NAME[:SPLIT]`` or ``bundled``.
        validation: the same, for photographs that are never trained on.
        validation_count: how many of these at most, the first ones.
        validation_size: long side in pixels at which they are painted and measured.
        crop: side in pixels of the squares cut for training; several take turns, each for as
            many pixels as the others, so that the last ones are few.
        batch: pictures per step.
        scale: least and largest side of a square before it is scaled to ``crop``, as shares of
            the photograph's short side.
        flip: whether half of the squares are mirrored.
    """

    source: Sources = Field(default_factory=lambda: ["bundled"])
    validation: Sources = Field(default_factory=lambda: ["bundled"])
    validation_count: Annotated[int, Field(ge=1)] = 64
    validation_size: Annotated[int, Field(ge=32, le=4096)] = 512
    crop: Crops = Field(default_factory=lambda: [256])
    batch: Annotated[int, Field(ge=1, le=1024)] = 4
    scale: Annotated[tuple[Share, Share], AfterValidator(_in_order)] = (0.5, 1.0)
    flip: bool = True


class TrainSettings(Section):
    """The learning.

    Attributes:
        steps: optimizer steps.
        optimizer: ``muon``, see ``train.muon``, or ``adam``.
        learning_rate: at its height; Adam wants about a third of Muon's.
        warmup_steps: over which it rises from a tenth of that; half of all steps at most.
        schedule: ``cosine`` falls to a hundredth at the last step; ``constant`` stays.
        clip_norm: largest norm of the whole gradient; None for no limit.
        precision: of the networks' arithmetic; weights and losses stay in 32 bits. ``auto`` is
            ``mixed_bfloat16`` on processors with matrix units for it (Intel AMX), else
            ``float32``.
        seed: of the initial weights, the order of the photographs, the crops.
        log_every: steps between two lines of ``metrics.jsonl``.
        checkpoint_every: steps between two checkpoints.
        sample_every: steps between two paintings of the validation photographs.
    """

    steps: Annotated[int, Field(ge=1)]
    optimizer: Literal["muon", "adam"] = "muon"
    learning_rate: Positive = 3e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    schedule: Literal["cosine", "constant"] = "cosine"
    clip_norm: Positive | None = None
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    log_every: Annotated[int, Field(ge=1)] = 10
    checkpoint_every: Annotated[int, Field(ge=1)] = 100
    sample_every: Annotated[int, Field(ge=1)] = 100


class Settings(Section):
    """A whole run."""

    network: NetworkSettings = NetworkSettings()
    style: StyleSettings = StyleSettings()
    loss: LossSettings = LossSettings()
    data: DataSettings = DataSettings()
    train: TrainSettings

    def to_yaml(self) -> str:
        """Writes every setting out, defaults too."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Reads a recipe and applies overrides of the form ``section.key=value``.

    Raises:
        SettingsError: the file is missing or no YAML; a key is unknown; a value does not fit.
    """
    return check_settings(apply_overrides(read_yaml(path), overrides), origin=str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads the sections of a recipe, unchecked.

    Raises:
        SettingsError: the file is missing, no YAML, or without sections.
    """
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"expected a recipe such as configs/quickstart.yaml; cannot read {path} "
            f"({error.strerror})"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"expected YAML in {path}; {reason}") from error
    if not isinstance(recipe, dict):
        raise SettingsError(f"expected sections such as 'train:' in {path}; got no mapping")
    return recipe


def apply_overrides(recipe: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Returns the recipe with the changes of ``--set section.key=value``.

    Raises:
        SettingsError: an override has another form.
    """
    recipe = copy.deepcopy(recipe)
    for override in overrides:
        _apply(recipe, override)
    return recipe


def check_settings(
    values: Mapping[str, Any],
    *,
    origin: str = "settings",
    schema: type[AnySettings] = Settings,  # type: ignore[assignment]
) -> AnySettings:
    """Checks plain values against the schema, that of a training run by default.

    Raises:
        SettingsError: names the key, what was expected and what came, and for an unknown key the
            nearest one that exists.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error, schema)}") from error


def _apply(recipe: dict, override: str) -> None:
    key, equals, text = override.partition("=")
    section, dot, name = key.partition(".")
    if not (equals and dot and section and name):
        raise SettingsError(f"expected --set section.key=value; got --set {override}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected a YAML value in --set {override}") from error
    entries = recipe.setdefault(section, {})
    if not isinstance(entries, dict):
        raise SettingsError(f"expected section {section!r} to hold keys; got {entries!r}")
    entries[name] = value


def _explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """Says the first mistake in one line."""
    # An unknown key first: it is most often why another one is missing.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(place)
    if first["type"] == "missing":
        return f"{key} is missing; add it"
    if first["type"] != "extra_forbidden":
        return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}; got {first['input']!r}"
    sections: dict[str, Any] = {k: field.annotation for k, field in schema.model_fields.items()}
    known = list(sections)
    if len(place) > 1:
        known = [f"{place[0]}.{name}" for name in sections[place[0]].model_fields]
    everywhere = [f"{s}.{name}" for s, model in sections.items() for name in model.model_fields]
    namesakes = [name for name in everywhere if name.split(".")[1] == place[-1]]
    nearest = namesakes or difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
    return f"unknown key {key}; {hint}"


def resolve(
    settings: Settings, styles: Sequence[str] | None = None, sources: Sequence[str] | None = None
) -> Settings:
    """Settles what a recipe leaves open, so that a run can be resumed from any folder.

    Paths become absolute and ``auto`` becomes the precision that suits this machine.

    Args:
        settings: the recipe.
        styles: paintings instead of the recipe's, each as ``PATH`` or ``PATH:WEIGHT``.
        sources: photographs instead of the recipe's.
    """
    values = settings.model_dump(mode="json")
    if styles:
        values["style"]["pictures"] = parse_styles(styles)
    if sources:
        values["data"]["source"] = list(sources)
    style, data, loss = values["style"], values["data"], values["loss"]
    style["pictures"] = {as_absolute(name): share for name, share in style["pictures"].items()}
    data["source"] = [as_absolute(source) for source in data["source"]]
    data["validation"] = [as_absolute(source) for source in data["validation"]]
    loss["vgg19"] = as_absolute(loss["vgg19"])
    if values["train"]["precision"] == "auto":
        values["train"]["precision"] = "mixed_bfloat16" if _has_matrix_units() else "float32"
    return check_settings(values)


def parse_styles(styles: Sequence[str]) -> dict[str, float]:
    """Reads ``PATH`` and ``PATH:WEIGHT``; a painting without a weight counts 1.

    Raises:
        SettingsError: a weight is not above 0.
    """
    weights = {}
    for style in styles:
        match = re.fullmatch(r"(.+):([-+.\d]+(?:e[-+]?\d+)?)", style)
        try:
            name, weight = (match[1], float(match[2])) if match else (style, 1.0)
        except ValueError:
            name, weight = style, 1.0
        if weight <= 0:
            raise SettingsError(f"expected --style PATH:WEIGHT with a weight above 0; got {style}")
        weights[name] = weight
    return weights


def as_absolute(source: str) -> str:
    """Leaves alone what is no path: names of ours and of TensorFlow Datasets."""
    if source in ("bundled", "imagenet") or source.startswith("tfds:"):
        return source
    return str(Path(source).expanduser().resolve())


def _has_matrix_units() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX), as Linux says."""
    try:
        return " amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
