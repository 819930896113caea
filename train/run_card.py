"""The model card of a finished run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onestroke import __version__
from onestroke.data.paintings import Style
from onestroke.files import expand_path
from onestroke.models.card import (
    IDENTITY,
    FileReference,
    ModelCard,
    PaintingReference,
    StyleEntry,
    Training,
)
from onestroke.models.style_file import BUNDLED, RUN_STYLE
from onestroke.models.vgg19_weights import Vgg19Weights
from onestroke.train.settings import Settings

Losses = Mapping[str, float]


def card_of_run(
    settings: Settings,
    styles: Sequence[Style],
    vgg19: Vgg19Weights,
    *,
    photographs: Losses,
    pictures: Losses,
) -> ModelCard:
    """Returns the card of the network that a run trained. Folders stay private, names do not.

    Args:
        settings: the resolved settings of the run.
        styles: the paintings, in the order of the settings.
        vgg19: weights of the loss network.
        photographs: mean loss terms of the validation photographs themselves.
        pictures: mean loss terms of what the network painted from them.
    """
    init = settings.network.init
    parents = (
        (FileReference(name=_name_of_init(init), sha256=settings.network.init_sha256),)
        if init
        else ()
    )
    training = Training(
        settings=_without_folders(settings, vgg19),
        vgg19=FileReference(name=vgg19.source, sha256=vgg19.sha256),
        photograph_losses=dict(photographs),
        picture_losses=dict(pictures),
        parents=parents,
    )
    names, captions = settings.style.all_names(), settings.style.captions
    entries = [
        StyleEntry(
            name=name,
            caption=captions.get(name, ""),
            paintings=_references(blend, style),
            training=0,
        )
        for name, blend, style in zip(names, settings.style.pictures, styles, strict=False)
    ]
    if settings.style.identity:
        entries.append(StyleEntry(name=IDENTITY, training=0))
    return ModelCard(
        onestroke=__version__,
        preset=settings.network.preset,
        styles=tuple(entries),
        trainings=(training,),
    )


def _references(blend: Mapping[str, float], style: Style) -> tuple[PaintingReference, ...]:
    total = sum(blend.values())
    hashes: Sequence[str | None] = style.sha256 or [None] * len(blend)
    return tuple(
        PaintingReference(name=Path(path).name, sha256=sha256, share=weight / total)
        for (path, weight), sha256 in zip(blend.items(), hashes, strict=True)
    )


def _without_folders(settings: Settings, vgg19: Vgg19Weights) -> dict[str, Any]:
    values = settings.model_dump(mode="json")
    values["style"]["pictures"] = [
        [{Path(name).name: share} for name, share in blend.items()]
        for blend in settings.style.pictures
    ]
    if settings.network.init:
        values["network"]["init"] = _name_of_init(settings.network.init)
    for key in ("source", "validation"):
        values["data"][key] = [_name_of_source(source) for source in values["data"][key]]
    values["loss"]["vgg19"] = vgg19.source
    return values


def _name_of_init(init: str) -> str:
    """Returns the file in a run folder; a run named base would look like the bundled model."""
    path = expand_path(init)
    return f"{path.name}/{RUN_STYLE}" if path.is_dir() and init not in BUNDLED else path.name


def _name_of_source(source: str) -> str:
    return source if source.startswith("tfds:") else Path(source).name
