"""``onestroke dream``: increase what a network sees in photographs (DeepDream)."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onestroke.cli.options import (
    SIZES,
    FrameFolder,
    FrameInterval,
    Inputs,
    Overrides,
    PreserveColor,
    Strip,
)
from onestroke.cli.progress_display import Display, format_duration, open_display
from onestroke.cli.terminal import (
    INTERRUPTED,
    filter_native_logs,
    out,
    seconds_since_start,
    stop_at_interrupt,
)
from onestroke.errors import OnestrokeError

if TYPE_CHECKING:
    import numpy as np

    from onestroke.models.dream_network import DreamNetwork
    from onestroke.optimize.coarse_to_fine import Optimized
    from onestroke.optimize.dream import Dream
    from onestroke.optimize.dream_inputs import DreamPlan
    from onestroke.optimize.dream_settings import DreamSettings

EXAMPLES = (
    "onestroke dream photo.jpg --output dream.jpg",
    "onestroke dream photos --layer relu4_4:0.3 --guide flowers.jpg --output dreams",
)


def dream(
    inputs: Inputs,
    output: Annotated[Path, typer.Option(help="A picture for one input, else a folder.")],
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:WEIGHT]", help="A layer whose activations are increased."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="inception_v3, vgg19, or a .h5 or .keras file of InceptionV3."),
    ] = None,
    guide: Annotated[
        Path | None, typer.Option(help="Increase only the features of this picture.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Long side of the result in pixels; default: that of the photograph.",
            rich_help_panel=SIZES,
        ),
    ] = None,
    preserve_color: PreserveColor = False,
    strip: Strip = False,
    config: Annotated[Path | None, typer.Option(help="A recipe with the section dream.")] = None,
    frames: FrameFolder = None,
    frame_every: FrameInterval = 10,
    overrides: Overrides = None,
) -> None:
    """Increase what a network sees in a photograph (DeepDream)."""
    from onestroke.models.dream_network import VGG19
    from onestroke.optimize.dream_inputs import plan_dreams
    from onestroke.optimize.dream_settings import choose_network, read_dream_settings

    changes = [f"dream.size={size}"] if size is not None else []
    settings = read_dream_settings(
        config,
        layers=layer or [],
        overrides=[*changes, *(overrides or [])],
        network=network,
        guide=None if guide is None else str(guide),
    )
    plans = plan_dreams(inputs, output, guide=settings.dream.guide, frames=frames)
    chosen = choose_network(settings)
    if settings.dream.network is None and chosen.dream.network == VGG19:
        out.print(
            "Network: the bundled vgg19, because InceptionV3's weights are not in Keras' cache; "
            "--network inception_v3 downloads them."
        )
    written = {"frame_every": frame_every, "preserve_color": preserve_color, "strip": strip}
    failed = _run(plans, chosen, written)
    out.print(f"Finished in {format_duration(seconds_since_start())}.")
    if failed:
        raise typer.Exit(OnestrokeError.status)


def _run(
    plans: "Sequence[DreamPlan]", settings: "DreamSettings", written: Mapping[str, Any]
) -> int:
    """Runs all dreams; returns the number of photographs that failed.

    Args:
        written: how pictures are written; see ``PictureJob``.
    """
    with _open_display() as display, filter_native_logs():
        display.show_phase("starting TensorFlow")
        from onestroke.optimize.dream_inputs import open_network, read_guide
        from onestroke.optimize.picture_job import state_file_of

        network = open_network(settings.dream)
        guide = read_guide(settings.dream, network)
    failed = 0
    for plan in plans:
        try:
            with filter_native_logs():
                dream = _open_dream(plan, settings, network, guide)
            result = _run_one(plan, dream, written)
        except OnestrokeError as error:
            if len(plans) == 1:
                raise
            failed += 1
            print(f"onestroke: {error}", file=sys.stderr)
            continue
        _report(result, plan)
    for plan in plans:
        state_file_of(plan.output).unlink(missing_ok=True)
    return failed


def _open_dream(
    plan: "DreamPlan",
    settings: "DreamSettings",
    network: "DreamNetwork",
    guide: "np.ndarray | None",
) -> "Dream":
    from onestroke.optimize.dream import open_dream
    from onestroke.optimize.picture_job import state_file_of

    state_file = state_file_of(plan.output)
    return open_dream(
        plan.photograph, settings, network=network, guide=guide, state_file=state_file
    )


def _run_one(plan: "DreamPlan", dream: "Dream", written: Mapping[str, Any]) -> "Optimized":
    from onestroke.optimize.picture_job import PictureJob

    job = PictureJob(dream, plan.output, frames=plan.frames, **written)
    if dream.iteration:
        out.print(f"Resuming at iteration {dream.iteration} of {dream.iterations}.")
    with _open_display() as display, stop_at_interrupt() as stop:
        display.show_phase(f"dreaming of {plan.photograph}")
        # The states of finished pictures stay until the last picture is finished, so that an
        # interrupted command does not repeat them.
        return job.run(show=display, stop=stop, keep_state=True)


def _open_display() -> "contextlib.closing[Display]":
    return contextlib.closing(open_display(out, "iteration"))


def _report(result: "Optimized", plan: "DreamPlan") -> None:
    if not result.finished:
        out.print(
            f"Stopped and saved {plan.photograph} at iteration {result.iterations}. Run the same "
            "command to resume."
        )
        raise typer.Exit(INTERRUPTED)
    before, after = result.photograph_terms["loss"], result.picture_terms["loss"]
    out.print(f"Loss {before:.3f} -> {after:.3f}. Picture: {plan.output}")
