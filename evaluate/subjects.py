"""The networks to evaluate: each style of a model, with its painting and its loss."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.data.paintings import Style, find_paintings, read_styles
from onestroke.errors import SettingsError
from onestroke.files import expand_path
from onestroke.losses.loss_settings import LossSettings
from onestroke.models.vgg19_weights import Vgg19Weights, load_vgg19_weights
from onestroke.settings_schema import apply_overrides
from onestroke.stylize.model import Model, load, open_model, training_settings
from onestroke.train.run_folder import find_run
from onestroke.train.settings import Settings, check_settings, replace_styles

Blend = dict[str, float]  # paths of paintings with their weights


@dataclass(frozen=True)
class Subject:
    """A network to evaluate.

    Attributes:
        name: name of the network in the report.
        paint: paints a photograph, ``(height, width, 3)`` uint8 RGB, at its size.
        loss: settings of the loss that the network was trained with.
        style: the painting as the loss network sees it.
        about: the record of the painting in the report.
        vgg19: weights of the loss network.
        sha256: hash of the model file; None for a folder.
    """

    name: str
    paint: Callable[[np.ndarray], np.ndarray]
    loss: LossSettings
    style: Style
    about: Mapping[str, Any]
    vgg19: Vgg19Weights
    sha256: str | None = None

    def record(self) -> dict[str, Any]:
        """Returns the entry of the network in a report."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "loss": self.loss.model_dump(mode="json", exclude={"vgg19"}),
            "style": self.about,
            "vgg19": {"source": self.vgg19.source, "sha256": self.vgg19.sha256},
        }


@dataclass(frozen=True)
class SubjectPlan:
    """The networks of one model that will be evaluated, with checked settings and paintings.

    Attributes:
        model: the model.
        settings: the recorded settings with the overrides.
        names: names of the styles that the newest training learned.
        blends: the painting of each style to evaluate, by the style's number.
        short_sides: of the painting of each style as the loss network sees it, in pixels.
        factors: of the weight of each style's style term.
    """

    model: Model
    settings: Settings
    names: Sequence[str]
    blends: Mapping[int, Blend]
    short_sides: Sequence[int]
    factors: Sequence[float]


def plan_subjects(
    model: str, styles: Sequence[str] = (), overrides: Sequence[str] = ()
) -> SubjectPlan:
    """Reads the card of a model and finds the painting of each style. TensorFlow is not needed.

    Args:
        model: a style file, a run folder, an export, or the name of a bundled model.
        styles: paths of the paintings, unless the run folder records them; with several styles,
            those to evaluate. ``PATH:WEIGHT`` entries together are one blend.
        overrides: changes of the recorded settings, as ``section.key=value``.

    Raises:
        OnestrokeError: the model or a painting is missing, broken or does not match.
    """
    run, opened = find_run(model), open_model(model)
    # A run records the paths of its paintings. Files that are shared record only their names.
    values = run.settings().model_dump(mode="json") if run else training_settings(opened)
    trained = check_settings(values, origin=model)
    # Without the names of the styles of network.init.
    names = trained.style.all_names()[: len(trained.style.pictures)]
    if styles:
        replaced = replace_styles(find_paintings(styles))
        count = len(replaced["pictures"]) if isinstance(replaced["pictures"], list) else 1
        # Two paintings may have the same file name; the styles keep the names of the network.
        numbered = [f"style{i}" for i in range(count)]
        values["style"] = {**values["style"], **replaced, "names": numbered}
    settings = check_settings(apply_overrides(values, overrides), origin=model)
    alone = len(opened.card.painted_names) == 1
    blends = match_paintings(settings.style.pictures, trained.style.pictures, alone=alone)
    _check_paintings(model, blends.values())
    short_sides = [trained.style.sizes.get(name, settings.style.size) for name in names]
    factors = trained.style.factors()
    return SubjectPlan(opened, settings, names, blends, short_sides, factors)


def _check_paintings(model: str, blends: Iterable[Blend]) -> None:
    for name in (name for blend in blends for name in blend):
        if name != "bundled" and not expand_path(name).is_file():
            raise SettingsError(
                f"{model} was trained on the painting {name}, which does not exist here; give its "
                "path with --style PATH"
            )


def build_subjects(plan: SubjectPlan) -> list[Subject]:
    """Loads the model and reads the paintings of a plan.

    Raises:
        OnestrokeError: the model, a painting or the weights of the loss network are broken.
    """
    model = plan.model
    vgg19 = load_vgg19_weights(plan.settings.loss.vgg19)
    stylizer = load(model)
    is_file = model.path.is_file()
    sha256 = hashlib.sha256(model.path.read_bytes()).hexdigest() if is_file else None
    short_sides = [plan.short_sides[number] for number in plan.blends]
    styles = read_styles(list(plan.blends.values()), short_sides)
    alone = len(model.card.styles) == 1
    return [
        Subject(
            name=model.name if alone else f"{model.name}:{plan.names[number]}",
            paint=partial(stylizer, style=plan.names[number]),
            loss=_weighted(plan.settings.loss, plan.factors[number]),
            style=style,
            about={"pictures": blend, "size": short_side},
            vgg19=vgg19,
            sha256=sha256,
        )
        for (number, blend), short_side, style in zip(
            plan.blends.items(), short_sides, styles, strict=True
        )
    ]


def _weighted(loss: LossSettings, factor: float) -> LossSettings:
    """Returns the settings with another weight of the style term."""
    return loss.model_copy(update={"style_weight": loss.style_weight * factor})


def match_paintings(
    given: Sequence[Blend], trained: Sequence[Blend], *, alone: bool
) -> dict[int, Blend]:
    """Returns the given painting of each style, by the style's number; others are left out.

    Args:
        given: paintings that exist here.
        trained: paintings that the network was trained on; shared files record only the names.
        alone: whether the network has one style, so that a painting of any name belongs to it.

    Raises:
        SettingsError: a painting has no name that the network was trained on, or one of two.
    """
    if alone and len(given) == 1:
        return {0: given[0]}
    for name_of in (lambda path: str(expand_path(path).resolve()), lambda path: Path(path).name):
        names = ["+".join(sorted(map(name_of, blend))) for blend in given]
        wanted = ["+".join(sorted(map(name_of, blend))) for blend in trained]
        if names == wanted:
            return dict(enumerate(given))
        if all(names.count(name) == wanted.count(name) == 1 for name in names):
            by_name = dict(zip(names, given, strict=True))
            return {number: by_name[name] for number, name in enumerate(wanted) if name in by_name}
    raise SettingsError(
        f"the paintings {', '.join(names)} do not match those of the model; give each --style the "
        f"path of a painting named {', '.join(wanted)}, each at most once"
    )
