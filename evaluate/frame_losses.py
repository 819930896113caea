"""Style and content loss of the painted frames of a video, as training computes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from onestroke.errors import SettingsError
from onestroke.evaluate.subjects import Subject, build_subjects, plan_subjects
from onestroke.files import cache_folder
from onestroke.stylize.stylizer import StyleChoice, weigh_styles
from onestroke.train.run_folder import find_run

FrameLoss = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
"""From a frame and its painting, (height, width, 3) uint8 RGB, to style and content loss."""


def open_frame_loss(
    model: str, style: StyleChoice | None, painting: Path | str | None
) -> FrameLoss | None:
    """Returns what measures the frames of one style; None if its painting is unknown.

    Args:
        model: what ``onestroke.load`` takes.
        style: the style that paints; None for the model's default.
        painting: the painting of that style; not needed for a run folder, which records it.

    Raises:
        OnestrokeError: the painting or the model is missing or broken, the painting belongs to
            another style, several styles are blended, or TensorFlow is not installed.
    """
    if painting is None and find_run(model) is None:
        return None
    plan = plan_subjects(model, [str(painting)] if painting else [])
    card = plan.model.card
    weights = weigh_styles(style, card.style_names, default=card.default)
    chosen = [name for name, weight in zip(card.style_names, weights, strict=True) if weight > 0]
    if len(chosen) > 1:
        raise SettingsError(
            f"the losses of a blend of {', '.join(chosen)} are not defined; choose one --style, or "
            "leave out --painting"
        )
    numbers = [number for number in plan.blends if plan.names[number] == chosen[0]]
    if not numbers:
        if painting is None:
            return None
        raise SettingsError(
            f"{painting} is not the painting of {chosen[0]}; choose its style with --style"
        )
    position = list(plan.blends).index(numbers[0])
    return _measure_with(build_subjects(plan)[position])


def _measure_with(subject: Subject) -> FrameLoss:
    from onestroke.losses.objective import build_objective

    cache = cache_folder("styles")
    objective = build_objective(subject.loss, subject.vgg19, [subject.style], cache=cache)

    def measure(frame: np.ndarray, painted: np.ndarray) -> tuple[float, float]:
        wanted = objective.content_network(frame[None].astype(np.float32))
        terms = objective.terms(wanted, painted[None].astype(np.float32))
        return float(terms["style"][0]), float(terms["content"][0])

    return measure
