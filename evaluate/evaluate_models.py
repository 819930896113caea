"""An evaluation: from photographs and models to tables, plots and pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onestroke.data.photograph_sources import read_some
from onestroke.errors import SettingsError
from onestroke.evaluate.blind_sheet import write_blind_sheet
from onestroke.evaluate.comparison import Comparison, Opponent, compare_pictures
from onestroke.evaluate.counterparts import find_counterparts
from onestroke.evaluate.subjects import Subject, build_subjects, plan_subjects
from onestroke.extras import check_plots
from onestroke.files import check_writable, expand_path
from onestroke.machine import describe_gpus, describe_machine
from onestroke.optimize.picture_inputs import check_optimization_memory

if TYPE_CHECKING:
    from onestroke.evaluate.evaluation import Result, Speed
    from onestroke.evaluate.face_fidelity import FaceReport

EVALUATED_SIZES = (256, 512)  # sides of the square pictures, in pixels
WHOLE_SIDE = 640  # long side of whole photographs, which faces and the yardstick need, in pixels
TIMED_SIZES = (256, 512, 1024)
MEASURED_PACKAGES = ("tensorflow", "keras", "scipy", "numpy")


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of an evaluation.

    Attributes:
        sizes: sides of the square pictures, in pixels.
        iterations: largest number of iterations of each optimisation; 0 for no optimisation.
        until_overtaken: whether each optimisation stops when it equals the network.
        count: number of photographs, taken evenly from the source.
        timed_sizes: sides to time, in pixels; None for ``sizes`` if given, else ``TIMED_SIZES``.
        faces: whether to measure how many faces are still recognised.
        against: folders with pictures of the same photographs that something else made; one for
            all networks, or one for each.
        seed: of the order of the blind sheet.
    """

    sizes: Sequence[int] = ()
    iterations: int = 100
    until_overtaken: bool = False
    count: int = 8
    timed_sizes: Sequence[int] | None = None
    faces: bool = False
    against: Sequence[Path | str] = ()
    seed: int = 0

    @property
    def evaluated_sizes(self) -> Sequence[int]:
        """Sides of the pictures to measure."""
        return self.sizes or EVALUATED_SIZES

    @property
    def short_side(self) -> int | None:
        """The short side that the photographs need, in pixels; None for their own size."""
        return None if self.against else max(*self.evaluated_sizes, WHOLE_SIDE)

    @property
    def speed_sizes(self) -> list[int]:
        """Sides to time; none without optimisations, with which a pass is compared."""
        default = (self.sizes or TIMED_SIZES) if self.iterations else ()
        return [side for side in self.timed_sizes or default if side]


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation.

    Attributes:
        results: one per network and size.
        speeds: times of the first style of every model.
        comparisons: of whole pictures by the yardstick, one per network.
        faces: how many faces are still recognised; None if that was not measured.
    """

    results: "Sequence[Result]"
    speeds: "Sequence[Speed]"
    comparisons: Sequence[Comparison]
    faces: "FaceReport | None" = None


def evaluate_models(
    models: Sequence[str],
    data: Sequence[str],
    folder: Path,
    options: EvaluationOptions,
    *,
    styles: Sequence[str] = (),
    overrides: Sequence[str] = (),
    show: Callable[[str], object] = lambda line: None,
) -> Evaluation:
    """Evaluates every style of every model and writes the report.

    Args:
        models: style files, run folders, exports, or names of bundled models.
        data: photographs not trained on; see ``data.photograph_sources``.
        folder: the folder of the report.
        options: see ``EvaluationOptions``.
        styles: the paintings; see ``subjects.plan_subjects``.
        overrides: changes of the recorded settings, as ``section.key=value``.
        show: called with a line for each part of the work.

    Raises:
        OnestrokeError: a model, a photograph, a painting or an option is missing, broken or wrong.
    """
    if options.iterations:
        check_plots()
        side = max(options.evaluated_sizes)
        check_optimization_memory((side, side))
    folder = expand_path(folder)
    check_writable(folder)
    plans = [plan_subjects(model, styles, overrides) for model in models]
    opponents, stems = _find_opponents(options.against)
    photographs = read_some(data, options.count, options.short_side, stems=stems)
    enlarged = _count_enlarged(photographs, options.evaluated_sizes)
    for side, number in enlarged.items():
        if number:
            show(f"{number} of {len(photographs)} photographs are enlarged to {side} px.")
    # TensorFlow takes seconds to start, so the inputs are checked before.
    from onestroke.evaluate.baselines import Baselines
    from onestroke.evaluate.evaluation import evaluate, measure_speed
    from onestroke.evaluate.report import write_report

    reader = None
    if options.faces:
        from onestroke.models.face_reader import open_face_reader

        reader = open_face_reader()
    by_model = [build_subjects(plan) for plan in plans]
    subjects = [subject for subjects in by_model for subject in subjects]
    comparisons = compare_pictures(
        subjects, photographs, opponents, long_side=WHOLE_SIDE, show=show
    )
    first = next(iter(photographs.values()))
    speeds = measure_speed([subjects[0] for subjects in by_model], first, options.speed_sizes)
    baselines = Baselines(
        options.iterations, folder / "baseline", until_overtaken=options.until_overtaken
    )
    results = evaluate(subjects, photographs, baselines, sizes=options.evaluated_sizes, show=show)
    about = _describe_run(data, enlarged, options, subjects)
    about["yardstick"] = [comparison.record() for comparison in comparisons]
    faces = None
    if reader:
        from onestroke.evaluate.face_fidelity import measure_faces, write_face_sheet

        show("faces")
        faces = measure_faces(subjects, photographs, reader, WHOLE_SIDE)
        about["faces"] = faces.record()
        if faces.models:
            write_face_sheet(folder / "faces.jpg", faces)
    write_report(folder, results, speeds=speeds, about=about)
    if opponents:
        write_blind_sheet(folder, comparisons, seed=options.seed)
    return Evaluation(results, speeds, comparisons, faces)


def _find_opponents(folders: Sequence[Path | str]) -> tuple[list[Opponent], set[str] | None]:
    """Finds pictures to compare with, and the names that all folders contain; None without."""
    found = find_counterparts(folders)
    if not found:
        return [], None
    opponents = [Opponent(str(f), by_name) for f, by_name in zip(folders, found, strict=True)]
    stems = set.intersection(*map(set, found))
    if not stems:
        raise SettingsError(
            "no name is in all folders of --against; evaluate the networks one by one"
        )
    return opponents, stems


def _count_enlarged(photographs: Mapping[str, np.ndarray], sizes: Sequence[int]) -> dict[int, int]:
    """Returns for each size how many photographs are smaller."""
    return {
        side: sum(min(photograph.shape[:2]) < side for photograph in photographs.values())
        for side in sizes
    }


def _describe_run(
    data: Sequence[str],
    enlarged: Mapping[int, int],
    options: EvaluationOptions,
    subjects: Sequence[Subject],
) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **describe_machine(MEASURED_PACKAGES),
        "gpus": describe_gpus(),
        "photographs": list(data),
        "enlarged": dict(enlarged),
        "baseline_iterations": options.iterations,
        "until_overtaken": options.until_overtaken,
        "models": [subject.record() for subject in subjects],
    }
