"""Settings of the training of a face encoder."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from onestroke.settings_schema import Positive, Section, apply_overrides, validate_settings


class FaceTrainingSettings(Section):
    """Settings of a training of a face encoder."""

    side: Annotated[int, Field(ge=32, le=512)] = Field(96, description="Of the faces, in pixels.")
    width: Annotated[int, Field(ge=4, le=256)] = Field(32, description="Of the first block.")
    people: Annotated[int, Field(ge=2)] = Field(8, description="People in a batch (P).")
    pictures: Annotated[int, Field(ge=2)] = Field(4, description="Pictures of each person (K).")
    loss: Literal["batch_hard", "semi_hard"] = Field(
        "batch_hard", description="How the triplets of a batch are chosen."
    )
    margin: Positive = Field(0.2, description="Margin of the triplet loss.")
    learning_rate: Positive = Field(1e-3, description="Of Adam; falls to zero over a half cosine.")
    steps: Annotated[int, Field(ge=1)] = Field(600, description="Optimiser steps.")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.25, description="Share of the people that are not trained on."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Of the weights, the split and the batches."
    )


class FaceRecipe(Section):
    """The one section of these settings, so that ``--set faces.steps=100`` changes one."""

    faces: FaceTrainingSettings = FaceTrainingSettings()


def read_face_settings(overrides: Sequence[str] = ()) -> FaceTrainingSettings:
    """Returns the default settings with changes of the form ``faces.key=value``.

    Raises:
        SettingsError: a key is unknown, or a value does not fit.
    """
    return validate_settings(apply_overrides({}, overrides), FaceRecipe, origin="--set").faces
