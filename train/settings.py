"""What a training run is made of: one schema for recipes, overrides and saved runs.

A recipe is a YAML file with the sections ``network``, ``style``, ``loss``, ``data`` and
``train``. Everything that decides a run stands here; two runs of equal settings end in equal
weights.
"""

import difflib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from onestroke import configs
from onestroke.errors import SettingsError
from onestroke.machine import gpu_generation
from onestroke.models.style_file import BUNDLED, IDENTITY, find_style_file
from onestroke.models.vgg19_weights import EXPECTED_LAYERS, LAYERS
from onestroke.weights import parse_weights

AMPERE = (8, 0)  # the first generation of NVIDIA's GPUs that multiplies bfloat16

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


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


def _is_layer(name: str) -> str:
    if name not in LAYERS:
        raise ValueError(EXPECTED_LAYERS)
    return name


def _in_order(shares: tuple[float, float]) -> tuple[float, float]:
    if shares[0] > shares[1]:
        raise ValueError("the first share should be the smaller one")
    return shares


def _as_styles(value: Any) -> Any:
    """A list has a style in every entry; a name or a mapping is a single one."""
    return [value] if isinstance(value, str | Mapping) else value


RENAME = "name each style, as --set 'style.names=[wave, scream]'"  # what to do

LayerName = Annotated[str, AfterValidator(_is_layer)]
LayerWeights = Annotated[dict[LayerName, Positive], Field(min_length=1)]
PictureWeights = Annotated[
    dict[str, Positive], Field(min_length=1), BeforeValidator(_weight_by_name)
]
Styles = Annotated[list[PictureWeights], Field(min_length=1), BeforeValidator(_as_styles)]
Source = Annotated[str, Field(min_length=1)]
Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]
Crop = Annotated[int, Field(ge=32, le=2048, multiple_of=4)]
Crops = Annotated[list[Crop], Field(min_length=1), BeforeValidator(_as_list)]


class Section(BaseModel):
    """A frozen part of the settings that knows no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """Keeps pydantic from reading ``true`` as 1."""
        if (
            isinstance(value, bool)
            and cls.model_fields[info.field_name or ""].annotation is not bool
        ):
            raise ValueError("expected a number or a name, not true or false")
        return value


class NetworkSettings(Section):
    """The transformation network.

    Attributes:
        preset: ``johnson`` as in the paper, ``half`` its width, ``mobile`` for phones.
        init: what it begins with: None for random weights, or a style file or run of the same
            preset; ``base`` is the package's own.
        init_sha256: of that file, noted when the run begins.
        learn: ``all`` weights, or only the ``rows`` of scale and shift of the new styles, which
            begin as the blend of the old styles that comes nearest; the old ones stay as they are.
        keep: whether the result also holds the styles of ``init``, when only rows are learnt.
    """

    preset: Literal["johnson", "half", "mobile"] = "johnson"
    init: Annotated[str, Field(min_length=1)] | None = None
    init_sha256: str | None = None
    learn: Literal["all", "rows"] = "all"
    keep: bool = True

    @model_validator(mode="after")
    def _check_learn(self) -> "NetworkSettings":
        if self.learn == "rows" and self.init is None:
            raise ValueError("expected network.init for network.learn=rows: rows of which network?")
        return self

    @property
    def joins(self) -> bool:
        """Whether the styles of ``init`` are in the result."""
        return self.learn == "rows" and self.keep


class StyleSettings(Section):
    """The paintings: one style from each, all in one network.

    Attributes:
        pictures: a path for every style, or several with their weights in a blend; ``bundled``
            is the package's own.
        names: of the styles, in the same order; the files' names if none are given.
        captions: what to say of a style, by its name: the painting, its painter, the year.
        identity: whether one more style, ``photograph``, gives photographs back, so
            that strength is a way between two styles of the network.
        size: short side in pixels at which the loss network sees them, aspect kept. Larger
            gives larger strokes.
    """

    pictures: Styles = Field(default_factory=lambda: [{"bundled": 1.0}])
    names: Annotated[list[str], BeforeValidator(_as_list)] = []
    captions: dict[str, str] = {}
    identity: bool = False
    size: Annotated[int, Field(ge=32, le=4096)] = 768

    @model_validator(mode="after")
    def _check_names(self) -> "StyleSettings":
        given, count = len(self.names), len(self.pictures)
        if given not in (0, count):
            raise ValueError(f"expected {count} names, one for each style; got {given}")
        names = self.all_names()
        if IDENTITY in names[:count]:
            raise ValueError(f"{IDENTITY} is kept for the identity; {RENAME}")
        for name in names:
            if not name or parse_weights([name]) != {name: 1.0}:
                raise ValueError(
                    f"expected names that are not empty and do not end in a weight; got {name!r}; "
                    f"{RENAME}"
                )
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} would name two styles; {RENAME}")
        if unknown := self.captions.keys() - set(names):
            raise ValueError(f"expected captions of {', '.join(names)}; {min(unknown)} is none")
        return self

    def all_names(self) -> list[str]:
        """Returns the names of the styles, the identity's last."""
        names = self.names or ["+".join(Path(n).stem for n in blend) for blend in self.pictures]
        return [*names, IDENTITY] if self.identity else list(names)


class LossSettings(Section):
    """What counts, and how much. All terms are without dimension; see ``train.losses``.

    Attributes:
        content: VGG19 layers that keep the photograph, with their weights: relu3_3 its edges,
            relu4_2 its things.
        style: VGG19 layers that bring the painting, with their weights: the later, the larger
            its forms. Much of relu5_1 fills flat areas with a regular lattice.
        content_weight: of the content term.
        style_weight: of the style term, which is 1 for a typical photograph (``train.targets``);
            the dial between photograph and painting.
        variation_weight: of the smoothness term.
        vgg19: ``bundled``, ``imagenet``, or a path to a .h5, .mat or .npz file.
        pooling: of VGG19, ``max`` or ``avg``.
    """

    content: LayerWeights = Field(default_factory=lambda: {"relu3_3": 1.0, "relu4_2": 1.0})
    style: LayerWeights = Field(
        default_factory=lambda: {
            "relu1_1": 0.5,
            "relu2_1": 0.5,
            "relu3_1": 1.0,
            "relu4_1": 2.0,
            "relu5_1": 0.2,
        }
    )
    content_weight: NotNegative = 1.0
    style_weight: NotNegative = 6.0
    variation_weight: NotNegative = 0.2
    vgg19: str = "bundled"
    pooling: Literal["max", "avg"] = "max"


class DataSettings(Section):
    """The photographs.

    Attributes:
        source: folders, globs, ``tfds:NAME[:SPLIT]`` or ``bundled``.
        validation: the same, for photographs that are never trained on.
        validation_count: how many of these at most, the first ones.
        validation_size: long side in pixels at which they are painted and measured.
        crop: side in pixels of the squares cut for training; several follow one another, each
            for as many pixels as the others, so that the last ones are few.
        batch: pictures per step.
        scale: least and largest side of a square before it is scaled to ``crop``, as shares of
            the photograph's short side.
        flip: whether half of the squares are mirrored.
    """

    source: Sources = Field(default_factory=lambda: ["bundled"])
    validation: Sources = Field(default_factory=lambda: ["bundled"])
    validation_count: Annotated[int, Field(ge=1)] = 64
    validation_size: Annotated[int, Field(ge=32, le=4096)] = 512
    crop: Crops = Field(default_factory=lambda: [128, 192])
    batch: Annotated[int, Field(ge=1, le=1024)] = 2
    scale: Annotated[tuple[Share, Share], AfterValidator(_in_order)] = (0.5, 1.0)
    flip: bool = True


class TrainSettings(Section):
    """The learning.

    Attributes:
        steps: optimizer steps.
        optimizer: ``muon``, see ``train.muon``, or ``adam``.
        learning_rate: at its height; Adam wants about a third of Muon's.
        warmup_steps: over which it rises from a tenth of that; half of all steps at most.
        schedule: ``trapezoid`` falls over the last 30 %, ``cosine`` all the time, both to a
            hundredth; ``constant`` stays.
        clip_norm: largest norm of the whole gradient; None for no limit.
        precision: of both networks' arithmetic; the weights that learn stay in 32 bits. ``auto`` is
            ``mixed_bfloat16`` on machines that multiply such numbers (NVIDIA's GPUs since Ampere;
            processors with Intel's AMX or AVX-512's BF16), else ``float32``.
        seed: of the initial weights, the order of the photographs, the crops.
        log_every: steps between two lines of ``metrics.jsonl``.
        checkpoint_every: steps between two checkpoints.
        sample_every: steps between two paintings of the validation photographs.
    """

    steps: Annotated[int, Field(ge=1)]
    optimizer: Literal["muon", "adam"] = "muon"
    learning_rate: Positive = 3e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    schedule: Literal["trapezoid", "cosine", "constant"] = "trapezoid"
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
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def read_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    styles: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> Settings:
    """Reads a recipe and applies what the command line changes.

    Args:
        path: the recipe; of one in the package, its name is enough.
        overrides: changes of the form ``section.key=value``; the last word.
        styles: paintings instead of the recipe's, a style of each ``PATH``, or one that blends
            them if they come as ``PATH:WEIGHT``.
        sources: photographs instead of the recipe's.

    Raises:
        SettingsError: the file is missing or no YAML; a key is unknown; a value does not fit.
    """
    packaged = {file.stem: file for file in Path(configs.__file__).parent.glob("*.yaml")}
    recipe = read_yaml(path, packaged)
    if styles:
        recipe = replace_in(recipe, "style", replace_styles(styles))
    if sources:
        recipe = replace_in(recipe, "data", {"source": list(sources)})
    return check_settings(apply_overrides(recipe, overrides), origin=str(path))


def read_yaml(path: Path, packaged: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """Reads the sections of a recipe, unchecked.

    Args:
        path: the recipe.
        packaged: files that their names alone mean, if no file is called so.

    Raises:
        SettingsError: the file is missing, no YAML, or without sections.
    """
    if packaged and not path.is_file():  # a folder may have the name of a recipe
        path = packaged.get(str(path), path)
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = f", or one of {', '.join(sorted(packaged))}" if packaged else ""
        raise SettingsError(
            f"expected the file of a recipe{names}; cannot read {path} ({error.strerror})"
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
    for override in overrides:
        recipe = _apply(recipe, override)
    return recipe


def replace_in(recipe: dict[str, Any], section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recipe with other values in a section, which may be missing.

    Raises:
        SettingsError: the section is no mapping.
    """
    entries = recipe.get(section) or {}
    if not isinstance(entries, dict):
        raise SettingsError(f"expected section {section!r} to hold keys; got {entries!r}")
    return {**recipe, section: {**entries, **values}}


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


def _apply(recipe: dict[str, Any], override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    section, dot, name = key.partition(".")
    if not (equals and dot and section and name):
        raise SettingsError(f"expected --set section.key=value; got --set {override}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected a YAML value in --set {override}") from error
    return replace_in(recipe, section, {name: value})


def _explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """Says the first mistake in one line."""
    # An unknown key first: it is most often why another one is missing.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(place)
    if first["type"] == "missing":
        return f"{key} is missing; add it"
    if first["type"] != "extra_forbidden":
        message = first["msg"].removeprefix("Value error, ")
        text = f"{key}: {message[0].lower()}{message[1:]}"
        # About a whole section, the message says itself what came.
        return (
            text
            if first["type"] == "value_error" and isinstance(first["input"], Mapping)
            else (f"{text}; got {first['input']!r}")
        )
    sections: dict[str, Any] = {k: field.annotation for k, field in schema.model_fields.items()}
    known = list(sections)
    if len(place) > 1:
        known = [f"{place[0]}.{name}" for name in sections[place[0]].model_fields]
    everywhere = [f"{s}.{name}" for s, model in sections.items() for name in model.model_fields]
    namesakes = [name for name in everywhere if name.split(".")[1] == place[-1]]
    nearest = namesakes or difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
    return f"unknown key {key}; {hint}"


def resolve(settings: Settings) -> Settings:
    """Settles what a recipe leaves open, so that a run can be resumed from any folder.

    Paths become absolute, ``auto`` becomes the precision that suits this machine, and the file
    that a network begins with is noted by its contents.

    Raises:
        ModelError: there is no such file.
    """
    values = settings.model_dump(mode="json")
    style, data, loss = values["style"], values["data"], values["loss"]
    style["pictures"] = [_absolute_keys(blend) for blend in _as_styles(style["pictures"])]
    data["source"] = [as_absolute(source) for source in data["source"]]
    data["validation"] = [as_absolute(source) for source in data["validation"]]
    loss["vgg19"] = as_absolute_vgg19(loss["vgg19"])
    if settings.network.init:
        init = as_absolute_model(settings.network.init)
        digest = hashlib.sha256(find_style_file(init).read_bytes()).hexdigest()
        values["network"] |= {"init": init, "init_sha256": digest}
    if values["train"]["precision"] == "auto":
        values["train"]["precision"] = "mixed_bfloat16" if _multiplies_bfloat16() else "float32"
    return check_settings(values)


def replace_styles(styles: Sequence[str]) -> dict[str, Any]:
    """Returns the keys of ``style`` for paintings named on the command line.

    Args:
        styles: each a style as ``PATH``, or together one that blends them as ``PATH:WEIGHT``.
    """
    blend = parse_styles(styles)
    weighted = list(blend) != list(dict.fromkeys(styles))
    return {"pictures": blend if weighted else list(blend), "names": [], "captions": {}}


def parse_styles(styles: Sequence[str]) -> dict[str, float]:
    """Reads ``PATH`` and ``PATH:WEIGHT``; a painting without a weight counts 1.

    Raises:
        SettingsError: a weight is not above 0.
    """
    weights = parse_weights(styles)
    for name, weight in weights.items():
        if not weight > 0:
            raise SettingsError(
                f"expected --style PATH:WEIGHT with a weight above 0; got {name}:{weight:g}"
            )
    return weights


def _absolute_keys(blend: str | Mapping[str, float]) -> dict[str, float]:
    return {as_absolute(name): share for name, share in _weight_by_name(blend).items()}


def as_absolute(source: str) -> str:
    """Leaves alone what is no path: names of ours and of TensorFlow Datasets."""
    if source == "bundled" or source.startswith("tfds:"):
        return source
    return str(Path(source).expanduser().resolve())


def as_absolute_vgg19(source: str) -> str:
    """Leaves alone the names of VGG19's weights."""
    return source if source == "imagenet" else as_absolute(source)


def as_absolute_model(model: str) -> str:
    """Leaves alone the names of the package's own style files."""
    return model if model in BUNDLED else as_absolute(model)


def _multiplies_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 numbers in hardware: its GPU, else its processor."""
    if shutil.which("nvidia-smi") and (generation := gpu_generation()):
        return generation >= AMPERE
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags)
