"""Resuming a run whose paintings, photographs or initial weights have moved to other folders.

The settings of a run record its inputs by path and by hash. Inputs with equal hashes are the same
wherever they are.
"""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

from onestroke.errors import SettingsError
from onestroke.files import expand_path
from onestroke.models.style_file import BUNDLED
from onestroke.settings_schema import apply_overrides
from onestroke.train.settings import Settings, StyleSettings, check_settings
from onestroke.train.training_inputs import TrainingInputs


def point_to_moved(
    settings: Settings,
    *,
    styles: Sequence[str] = (),
    sources: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Settings:
    """Returns the settings of a run with the new places of its inputs.

    Args:
        settings: of the run.
        styles: the paintings; each is recognised by its file name, or by its position if there are
            as many as the run has.
        sources: the photographs.
        overrides: ``section.key=value`` of other inputs, such as ``network.init``.

    Raises:
        SettingsError: a painting of the run is not among ``styles``, or an override is invalid.
    """
    style, data = settings.style, settings.data
    if styles:
        moved = _match_paintings([path for blend in style.pictures for path in blend], styles)
        pictures = [{moved[path]: share for path, share in b.items()} for b in style.pictures]
        style = _replace_pictures(style, pictures)
    if sources:
        data = data.model_copy(update={"source": list(sources)})
    values = settings.model_copy(update={"style": style, "data": data}).model_dump(mode="json")
    return check_settings(apply_overrides(values, overrides))


def check_places(settings: Settings) -> None:
    """Raises a SettingsError that names the option for an input of a run that is not there."""
    places = {
        "--data": settings.data.source,
        "--style": [path for blend in settings.style.pictures for path in blend],
        "--set data.validation": settings.data.validation,
        "--set network.init": [settings.network.init or "bundled"],
    }
    for option, paths in places.items():
        for path in paths:
            named = path in ("bundled", *BUNDLED) or path.startswith("tfds:")
            if not named and not glob.has_magic(path) and not expand_path(path).exists():
                raise SettingsError(
                    f"{path}, which the run uses, does not exist; name its new place with {option}"
                )


def _match_paintings(paintings: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Returns the new path of each painting."""
    by_name = {Path(path).name: path for path in given}
    missing = [Path(path).name for path in paintings if Path(path).name not in by_name]
    if not missing:
        return {path: by_name[Path(path).name] for path in paintings}
    if len(given) == len(paintings):
        return dict(zip(paintings, given, strict=True))
    raise SettingsError(
        f"--style lacks {missing[0]}, a painting of the run; give all its paintings, or their "
        "folder"
    )


def _replace_pictures(
    style: StyleSettings, pictures: Sequence[Mapping[str, float]]
) -> StyleSettings:
    """Returns the styles with their paintings at other paths, under the same names."""
    moved = style.model_copy(update={"pictures": list(pictures)})
    if moved.all_names() == style.all_names():
        return moved
    return moved.model_copy(update={"names": style.all_names()[: len(pictures)]})


def record_inputs(settings: Settings, inputs: TrainingInputs) -> Settings:
    """Returns the settings with the hashes of the paintings and the photographs."""
    hashes = [sha256 for style in inputs.styles for sha256 in style.sha256]
    style = settings.style.model_copy(update={"pictures_sha256": hashes})
    fingerprint = inputs.photographs.fingerprint()
    data = settings.data.model_copy(update={"source_sha256": fingerprint})
    return settings.model_copy(update={"style": style, "data": data})


def accept_moves(before: Settings, now: Settings, *, moved: bool) -> Settings:
    """Returns the settings of a run with the present places of inputs that are the same.

    Args:
        before: of the run.
        now: of a command that resumes the run; see ``record_inputs``.
        moved: whether the user says that inputs have moved. Other photographs are then accepted,
            and so are inputs without a recorded hash.
    """
    network, style, data, loss = before.network, before.style, before.data, before.loss
    if network.init_sha256 == now.network.init_sha256:
        network = network.model_copy(update={"init": now.network.init})
    known = bool(style.pictures_sha256)
    if style.pictures_sha256 == now.style.pictures_sha256 if known else moved:
        shares = [list(blend.values()) for blend in style.pictures]
        if shares == [list(blend.values()) for blend in now.style.pictures]:
            style = _replace_pictures(style, now.style.pictures)
    if not known:
        style = style.model_copy(update={"pictures_sha256": now.style.pictures_sha256})
    if moved or data.source_sha256 == now.data.source_sha256:
        data = data.model_copy(update={"source": now.data.source})
    data = data.model_copy(update={"source_sha256": now.data.source_sha256})
    if moved:
        data = data.model_copy(update={"validation": now.data.validation})
        loss = loss.model_copy(update={"vgg19": now.loss.vgg19})
    return before.model_copy(
        update={"network": network, "style": style, "data": data, "loss": loss}
    )
