"""The model card: what every model file records about itself, in one versioned schema.

The same card is in style files, SavedModels, TFLite files, ONNX files and the web page.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from onestroke.errors import ModelError, format_value, shorten_text

FORMAT: Literal[1] = 1  # increases when the meaning of a field changes
IDENTITY = "photograph"  # the style that returns photographs unchanged, in networks that have one
MAX_STYLES = 1024  # a file that claims more is broken; its rows would not fit into memory

Losses = Mapping[str, float]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=2**14)]  # of people, shown in tables and pages
Side = Annotated[int, Field(ge=1, le=2**13)]  # of the pictures of an export, in pixels
MAX_DEPTH = 16  # levels of a card; Python and PyYAML call themselves for each


class CardPart(BaseModel):
    """A frozen part of the card. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class FileReference(CardPart):
    """A file by name and content, without its folder, which stays private.

    Attributes:
        name: the file's name, or the name of a bundled model.
        sha256: of the file, or of a painting's pixels; None if unknown.
    """

    name: str
    sha256: str | None = None


class PaintingReference(FileReference):
    """A painting of a style.

    Attributes:
        share: weight of the painting in the style's blend; the shares of a style add up to 1.
    """

    share: float = 1.0


class Figures(CardPart):
    """What ``onestroke evaluate`` measured of a style.

    Attributes:
        style: mean style loss.
        style_share: style loss as a share of the photographs' own.
        content: mean content loss.
        photographs: number of photographs.
        size: side of the square pictures, in pixels.
    """

    style: float
    style_share: float
    content: float
    photographs: int
    size: int


class Training(CardPart):
    """A training that learned some of the styles.

    Attributes:
        settings: all settings of the run; paths are reduced to names.
        vgg19: weights of the loss network.
        photograph_losses: mean loss terms of the validation photographs themselves. A key
            ``term/STYLE`` is the mean over the pictures of one style.
        picture_losses: the same of what the network painted from them.
        parents: the models that the training started from.
        identity: whether the training also learned the identity.
    """

    settings: dict[str, Any]
    vgg19: FileReference
    photograph_losses: dict[str, float] = {}
    picture_losses: dict[str, float] = {}
    parents: tuple[FileReference, ...] = ()


class StyleEntry(CardPart):
    """One style of a model.

    Attributes:
        name: unique in the model.
        caption: the painting, its painter and its year; may be empty.
        paintings: empty if unknown.
        training: index of the training that learned the style; None if unknown.
        figures: what an evaluation measured; None if nothing did.
        notice: licence notice of the style's makers.
    """

    name: Name
    caption: Text = ""
    paintings: tuple[PaintingReference, ...] = ()
    training: int | None = None
    figures: Figures | None = None
    notice: Text | None = None


class ExportEntry(CardPart):
    """How a file was exported; only exports have this part.

    Attributes:
        format: ``saved_model``, ``tflite`` or ``onnx``.
        quantize: how kernels are stored; ``none`` for float32.
        size: fixed (height, width) of every picture; None for any size.
        uint8: whether input and output are uint8.
        image: description of the input.
        styled: description of the output.
        style: description of the style input; None for a model of one style.
        options: options of one format, for example the layout of an ONNX file.
    """

    format: str
    quantize: str = "none"
    size: tuple[Side, Side] | None = None
    uint8: bool = False
    image: str
    styled: str
    style: str | None = None
    options: dict[str, Any] = {}


class ModelCard(CardPart):
    """What a model file records about itself.

    Attributes:
        format: version of this schema.
        onestroke: version of the program that wrote the file.
        preset: size of the network.
        styles: in the order of the network's rows.
        default: index of the style that is painted if none is named.
        blend: weights by name, if the one style is a blend of another model's styles.
        trainings: those that ``StyleEntry.training`` refers to, oldest first.
        licence: of the file.
        export: only in exports.
    """

    format: Literal[1] = FORMAT
    onestroke: str
    preset: Literal["johnson", "half", "mobile"]
    styles: Annotated[tuple[StyleEntry, ...], Field(min_length=1, max_length=MAX_STYLES)]
    default: int = 0
    blend: dict[str, float] | None = None
    trainings: tuple[Training, ...] = ()
    licence: str = (
        "The person who trained a style decides on its licence. onestroke and its bundled styles "
        "are licensed under Apache-2.0."
    )
    export: ExportEntry | None = None

    @model_validator(mode="after")
    def _check_references(self) -> "ModelCard":
        names = self.style_names
        if len(set(names)) < len(names):
            raise ValueError("two styles have the same name")
        if not 0 <= self.default < len(names):
            raise ValueError(f"the default style {self.default} does not exist")
        for style in self.styles:
            if style.training is not None and not 0 <= style.training < len(self.trainings):
                raise ValueError(f"the training of {style.name} does not exist")
        return self

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names of all styles, in the order of the network's rows."""
        return tuple(style.name for style in self.styles)

    @property
    def painted_names(self) -> tuple[str, ...]:
        """Names of the styles of paintings, without the identity."""
        return tuple(name for name in self.style_names if name != IDENTITY)

    @property
    def identity(self) -> int | None:
        """Index of the identity; None if there is none."""
        names = self.style_names
        return names.index(IDENTITY) if IDENTITY in names else None

    @property
    def captions(self) -> dict[str, str]:
        """Captions by style name, without empty ones."""
        return {style.name: style.caption for style in self.styles if style.caption}

    @property
    def notices(self) -> tuple[str, ...]:
        """The different licence notices of the styles."""
        return tuple(dict.fromkeys(style.notice for style in self.styles if style.notice))

    def style(self, name: str) -> StyleEntry:
        """Returns the entry of a style that exists."""
        return self.styles[self.style_names.index(name)]

    def losses_of(self, name: str) -> tuple[Losses, Losses]:
        """Returns the loss terms of the photographs and of the pictures in one style.

        Both are empty if the training is unknown or did not measure styles one by one.
        """
        entry = self.style(name)
        if entry.training is None:
            return {}, {}
        training = self.trainings[entry.training]
        learned = [s for s in self.styles if s.training == entry.training and s.name != IDENTITY]
        before, after = training.photograph_losses, training.picture_losses
        if len(learned) == 1 and not any(f"style/{name}" in losses for losses in (before, after)):
            return before, after
        return _of_style(before, name), _of_style(after, name)

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """Settings of the newest training; None if unknown."""
        return self.trainings[-1].settings if self.trainings else None


def _of_style(losses: Losses, name: str) -> dict[str, float]:
    ending = f"/{name}"
    return {key.removesuffix(ending): loss for key, loss in losses.items() if key.endswith(ending)}


def untrained_card(preset: str, names: Sequence[str] = ("style",)) -> ModelCard:
    """Returns the card of a network without a training."""
    from onestroke import __version__

    return ModelCard(
        onestroke=__version__,
        preset=preset,
        styles=tuple(StyleEntry(name=name) for name in names),
    )


def parse_card(values: object, origin: str) -> ModelCard:
    """Validates the card of a file.

    Args:
        values: the parsed JSON.
        origin: the file, for error messages.

    Raises:
        ModelError: the card is of another version or broken.
    """
    if isinstance(values, Mapping) and values.get("format", FORMAT) != FORMAT:
        raise ModelError(
            f"{origin} has a model card of format {format_value(values['format'])}, this program "
            f"reads {FORMAT}; use the version of onestroke that wrote the file"
        )
    if _is_deeper(values, MAX_DEPTH):
        raise ModelError(
            f"{origin} has a broken model card (more than {MAX_DEPTH} levels); copy or export it "
            "again"
        )
    try:
        return ModelCard.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = shorten_text(".".join(str(part) for part in first["loc"])) or "the card"
        reason = shorten_text(first["msg"])
        raise ModelError(
            f"{origin} has a broken model card ({place}: {reason}); copy or export it again"
        ) from error


def _is_deeper(value: object, levels: int) -> bool:
    """Returns whether a JSON value has more levels of lists and mappings."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return False
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in value)
