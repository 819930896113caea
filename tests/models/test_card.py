"""The model card: one frozen, versioned schema."""

import pytest
from pydantic import ValidationError

from onestroke.errors import ModelError
from onestroke.models.card import (
    FORMAT,
    IDENTITY,
    FileReference,
    ModelCard,
    StyleEntry,
    Training,
    parse_card,
    untrained_card,
)


def card(*names: str, **changes: object) -> ModelCard:
    values = untrained_card("mobile", names or ("wave", "dusk")).model_dump(mode="json")
    return parse_card({**values, **changes}, "x.keras")


def training(**losses: float) -> Training:
    after = {key.replace("__", "/"): value for key, value in losses.items()}
    before = {key: 2 * value for key, value in after.items()}
    return Training(
        settings={"train": {"steps": 3}},
        vgg19=FileReference(name="bundled"),
        photograph_losses=before,
        picture_losses=after,
    )


def test_a_card_survives_json() -> None:
    one = card(IDENTITY, "wave")
    assert parse_card(one.model_dump(mode="json"), "x") == one


def test_names_identity_and_captions() -> None:
    one = card(IDENTITY, "wave")
    assert one.style_names == (IDENTITY, "wave")
    assert one.painted_names == ("wave",)
    assert one.identity == 0
    assert card().identity is None
    styles = [{"name": "wave", "caption": "Hokusai"}, {"name": "dusk"}]
    assert card(styles=styles).captions == {"wave": "Hokusai"}


def test_notices_are_listed_once() -> None:
    styles = [{"name": str(i), "notice": text} for i, text in enumerate(["a", "b", "a", None])]
    assert card(styles=styles).notices == ("a", "b")


def test_cards_are_frozen() -> None:
    with pytest.raises(ValidationError):
        card().default = 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"styles": [{"name": "a"}, {"name": "a"}]}, "two styles have the same name"),
        ({"styles": [{"name": ""}]}, "styles.0.name: String should have at least 1 character"),
        ({"default": 2}, "the default style 2 does not exist"),
        ({"styles": [{"name": "a", "training": 0}]}, "the training of a does not exist"),
        ({"colour": 1}, "colour: Extra inputs are not permitted"),
        ({"preset": "huge"}, "preset: Input should be 'johnson', 'half' or 'mobile'"),
    ],
)
def test_broken_cards_are_named(change: dict, expected: str) -> None:
    with pytest.raises(ModelError) as caught:
        card(**change)
    assert str(caught.value).startswith("x.keras has a broken model card (")
    assert expected in str(caught.value)
    assert str(caught.value).endswith("; copy or export it again")


def test_another_version_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        card(format=FORMAT + 1)
    assert str(caught.value) == (
        f"x.keras has a model card of format {FORMAT + 1}, this program reads {FORMAT}; use the "
        "version of onestroke that wrote the file"
    )


def test_losses_of_a_style() -> None:
    styles = (StyleEntry(name="a", training=0), StyleEntry(name="b", training=0))
    measured = training(style__a=0.2, style__b=0.3, content__a=0.5, style=0.25)
    several = card().model_copy(update={"styles": styles, "trainings": (measured,)})
    assert several.losses_of("a") == (
        {"style": 0.4, "content": 1.0},
        {"style": 0.2, "content": 0.5},
    )
    single = several.model_copy(update={"styles": styles[:1], "trainings": (training(style=0.7),)})
    assert single.losses_of("a") == ({"style": 1.4}, {"style": 0.7})
    assert card().losses_of("wave") == ({}, {})
    assert several.settings == {"train": {"steps": 3}}
    assert card().settings is None
