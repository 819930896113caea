"""Cards of networks that are made from others: one blend of the styles, or the styles of two."""

from collections.abc import Mapping
from typing import Any

from onestroke.models.card import ModelCard, StyleEntry, Training


def blend_card(card: ModelCard, style: Mapping[str, float]) -> ModelCard:
    """Returns the card of a network that contains one blend of a network's styles.

    Settings are kept if one training learned all styles of the blend; losses and figures are kept
    if the blend is a single style, since nothing measured the blend.

    Args:
        card: of the network with the styles.
        style: weights above 0 by name, their sum 1.
    """
    entries = [card.style(name) for name in style]
    single = entries[0] if len(entries) == 1 else None
    paintings = tuple(
        painting.model_copy(update={"share": painting.share * weight})
        for entry, weight in zip(entries, style.values(), strict=True)
        for painting in entry.paintings
    )
    notices = dict.fromkeys(entry.notice for entry in entries if entry.notice)
    name = "+".join(style)
    blend = StyleEntry(
        name=name,
        caption=single.caption if single else "",
        paintings=paintings,
        figures=single.figures if single else None,
        notice=" ".join(notices) or None,
    )
    trainings: tuple[Training, ...] = ()
    indices = {entry.training for entry in entries}
    if len(indices) == 1 and (index := indices.pop()) is not None:
        training = card.trainings[index]
        before, after = card.losses_of(single.name) if single else ({}, {})
        changes = {
            "settings": _settings_of(training.settings, blend),
            "photograph_losses": dict(before),
            "picture_losses": dict(after),
        }
        trainings = (training.model_copy(update=changes),)
        blend = blend.model_copy(update={"training": 0})
    changed = {"styles": (blend,), "default": 0, "blend": dict(style), "trainings": trainings}
    return card.model_copy(update=changed)


def _settings_of(settings: Mapping[str, Any], blend: StyleEntry) -> dict[str, Any]:
    """Returns the settings of a training with one blend as its only style."""
    pictures = [[{painting.name: painting.share} for painting in blend.paintings]]
    captions = {blend.name: blend.caption} if blend.caption else {}
    style = settings["style"]
    own = {"pictures": pictures, "names": [blend.name], "captions": captions, "identity": False}
    # A setting of another style would be refused.
    for key in ("sizes", "weights"):
        own[key] = {name: v for name, v in style.get(key, {}).items() if name == blend.name}
    return {**settings, "style": {**style, **own}}


def joined_card(first: ModelCard, second: ModelCard) -> ModelCard:
    """Returns the card of a network with the styles of both; the second one's first is the default.

    Args:
        first: of the network that was extended.
        second: of the network with the new styles.
    """
    shifted = tuple(
        style.model_copy(
            update={
                "training": None
                if style.training is None
                else style.training + len(first.trainings)
            }
        )
        for style in second.styles
    )
    return second.model_copy(
        update={
            "styles": first.styles + shifted,
            "default": len(first.styles) + second.default,
            "trainings": first.trainings + second.trainings,
        }
    )
