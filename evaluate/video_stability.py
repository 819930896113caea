"""How much a painted video flickers: temporal warping error, and flicker of still regions.

The definitions are in docs/video.md. Only style and content loss need TensorFlow and Keras.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onestroke.errors import OnestrokeError, SettingsError
from onestroke.evaluate.frame_losses import FrameLoss, open_frame_loss
from onestroke.extras import check_flow, check_plots
from onestroke.files import check_writable, expand_path, number_duplicates, write_text, write_whole
from onestroke.picture_search import find_pictures
from onestroke.pictures import read_picture, shrink
from onestroke.stylize.model import load
from onestroke.stylize.optical_flow import (
    average_nearby,
    estimate_flow,
    largest_difference,
    measure_disagreement,
    points_inside,
    sum_squares,
    warp,
)
from onestroke.stylize.smoothing import Smoother
from onestroke.stylize.stylizer import StyleChoice
from onestroke.stylize.video_reader import VideoReader, open_video

AGREE_WITHIN = 20  # shades; a larger difference of the warped clip means occlusion or wrong flow
STILL_DIFFERENCE = 3.0  # shades between two frames of the clip, averaged over a square
STILL_SQUARE = 9  # side of the square, in pixels
STILL_MOTION = 0.5  # pixels
STILL_SHARE = 0.02  # of a frame; smaller still regions are not measured
LOSS_EVERY = 5  # frames: the loss network takes as long as the painting of several
FLO_MAGIC = 202021.25
CLIP, PLAIN, SMOOTH = "the clip", "frame by frame", "--smooth"


@dataclass(frozen=True)
class VideoEvaluationOptions:
    """The options of a measurement.

    Attributes:
        style: of each model; None for its default.
        max_size: longest side of the frames, in pixels.
        frames: of each clip, at most.
        painting: of the style, for style and content loss; a run folder records its own.
    """

    style: StyleChoice | None = None
    max_size: int = 640
    frames: int = 50
    painting: str | None = None


@dataclass(frozen=True)
class Stability:
    """What was measured for one clip and one way to paint it.

    Attributes:
        clip, model: their names; the model of the unpainted clip is "".
        way: how the frames were painted.
        warping_errors: RMSE in [0, 1] of each frame against the one before, moved along.
        flickers: RMSE in [0, 1] of each frame against the one before, where the clip is still; None
            where too little of it is.
        styles, contents: style and content loss of each frame; None where not measured.
    """

    clip: str
    model: str
    way: str
    warping_errors: list[float] = field(default_factory=list)
    flickers: list[float | None] = field(default_factory=list)
    styles: list[float | None] = field(default_factory=list)
    contents: list[float | None] = field(default_factory=list)

    @property
    def warping_error(self) -> float:
        """The mean over all frames."""
        return float(np.mean(self.warping_errors))

    @property
    def flicker(self) -> float | None:
        """The mean over the frames that have still regions."""
        return _mean(self.flickers)

    @property
    def style(self) -> float | None:
        """The mean style loss of the measured frames."""
        return _mean(self.styles)

    @property
    def content(self) -> float | None:
        """The mean content loss of the measured frames."""
        return _mean(self.contents)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@dataclass(frozen=True)
class FramePair:
    """Two frames, and where they show the same.

    Attributes:
        previous, frame: (height, width, 3) uint8 RGB in [0, 255].
        flow: (height, width, 2) float32 in pixels, from ``frame`` to ``previous``.
        same: (height, width) bool, where the pixels of both are the same point.
        still: (height, width) bool, where nothing moves.
        begins: whether ``previous`` does not continue the pair before.
    """

    previous: np.ndarray
    frame: np.ndarray
    flow: np.ndarray
    same: np.ndarray
    still: np.ndarray
    begins: bool = False


def evaluate_videos(
    models: Sequence[str],
    videos: Sequence[Path | str],
    folder: Path,
    options: VideoEvaluationOptions,
    *,
    flow_folder: Path | None = None,
    show: Callable[[str], object] = lambda line: None,
) -> list[Stability]:
    """Measures painted videos, and writes ``stability.json`` and a plot for each clip.

    Args:
        models: what ``onestroke.load`` takes.
        videos: files, or folders with one picture for each frame.
        folder: for the report.
        options: what to measure.
        flow_folder: with pairs of pictures and their true flow; see ``read_flow_pairs``.
        show: called with a line for each part of the work.

    Raises:
        OnestrokeError: a model or a clip is missing or broken, or a package is not installed.
    """
    check_flow()
    check_plots()
    folder = expand_path(folder)
    check_writable(folder)
    sources: dict[str, Callable[[], Iterable[FramePair]]] = {}
    names = number_duplicates(expand_path(video).stem for video in videos)
    for name, video in zip(names, videos, strict=True):
        read = _open_frames(video, options)
        sources[name] = partial(_pair_frames, read)
    if flow_folder:
        pairs = read_flow_pairs(flow_folder)
        sources[f"{expand_path(flow_folder).name} (true flow)"] = partial(iter, pairs)
    if not sources:
        raise SettingsError("there is nothing to measure; choose clips with --video or --flow")
    losses = {
        model: loss
        for model in models
        if (loss := open_frame_loss(model, options.style, options.painting))
    }
    stylizers = {model: load(model) for model in models}
    results = []
    for name, pairs_of in sources.items():
        show(name)
        paints = {
            model: partial(stylizer, style=options.style) for model, stylizer in stylizers.items()
        }
        results += measure_clip(name, pairs_of(), paints, losses)
    _write_report(folder, results, options)
    return results


def measure_clip(
    clip: str,
    pairs: Iterable[FramePair],
    paints: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    losses: Mapping[str, FrameLoss] | None = None,
) -> list[Stability]:
    """Measures the clip itself, then each model frame by frame and smoothed.

    Args:
        clip: its name.
        pairs: its frames.
        paints: for each model, what paints one frame.
        losses: for some of the models, what measures a painted frame.
    """
    original = Stability(clip, "", CLIP)
    losses = losses or {}
    painters = [_Painter(clip, name, paint, losses.get(name)) for name, paint in paints.items()]
    for pair in pairs:
        _add(original, pair, pair.previous, pair.frame)
        for painter in painters:
            painter.add(pair)
    if not original.warping_errors:
        raise OnestrokeError(f"{clip} has fewer than two frames; choose a longer clip")
    return [original, *(result for one in painters for result in (one.plain, one.smooth))]


class _Painter:
    """Paints a clip with one model, each frame once, and measures both ways."""

    def __init__(
        self,
        clip: str,
        model: str,
        paint: Callable[[np.ndarray], np.ndarray],
        loss: FrameLoss | None,
    ) -> None:
        self.plain = Stability(clip, model, PLAIN)
        self.smooth = Stability(clip, model, SMOOTH)
        self._paint = paint
        self._loss = loss

    def add(self, pair: FramePair) -> None:
        if not self.plain.warping_errors or pair.begins:
            self._smoother = Smoother(lambda frame: self._painted)
            self._painted = self._paint(pair.previous)
            self._smoothed = self._smoother(pair.previous)
        before, smooth_before = self._painted, self._smoothed
        self._painted = self._paint(pair.frame)
        self._smoothed = self._smoother(pair.frame)
        loss = self._loss if len(self.plain.styles) % LOSS_EVERY == LOSS_EVERY - 1 else None
        loss = self._loss if pair.begins else loss
        _add(self.plain, pair, before, self._painted, loss)
        _add(self.smooth, pair, smooth_before, self._smoothed, loss)


def _add(
    result: Stability,
    pair: FramePair,
    before: np.ndarray,
    after: np.ndarray,
    loss: FrameLoss | None = None,
) -> None:
    result.warping_errors.append(warping_error(before, after, pair.flow, pair.same))
    result.flickers.append(still_flicker(before, after, pair.still))
    style, content = loss(pair.frame, after) if loss else (None, None)
    result.styles.append(style)
    result.contents.append(content)


def warping_error(
    before: np.ndarray, after: np.ndarray, flow: np.ndarray, same: np.ndarray
) -> float:
    """Returns how far a frame is from the one before, moved along: RMSE in [0, 1].

    Lai et al. 2018, "Learning Blind Video Temporal Consistency", section 4.2, take the mean of the
    squares over the pixels that are not occluded; this is its root, as in Gao et al. 2018,
    "ReCoNet", section 4.3.

    Args:
        before, after: (height, width, 3) RGB in [0, 255].
        flow: (height, width, 2) float32 in pixels, from ``after`` to ``before``.
        same: (height, width) bool, the pixels to compare.
    """
    if not same.any():
        return 0.0
    return _rmse(warp(before, flow)[same], after[same])


def still_flicker(before: np.ndarray, after: np.ndarray, still: np.ndarray) -> float | None:
    """Returns the RMSE in [0, 1] of two frames where nothing moves; None if that is too little."""
    return _rmse(before[still], after[still]) if still.mean() >= STILL_SHARE else None


def _rmse(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one.astype(np.float32) - other) ** 2)) / 255)


def _open_frames(
    video: Path | str, options: VideoEvaluationOptions
) -> Callable[[], Iterator[np.ndarray]]:
    """Checks a clip, and returns what reads its frames."""
    if expand_path(video).is_dir():
        pictures = find_pictures(video)[: options.frames]
        return lambda: (shrink(read_picture(p).pixels, options.max_size) for p in pictures)
    info = open_video(video, max_size=options.max_size)

    def read() -> Iterator[np.ndarray]:
        reader = VideoReader(info)
        try:
            for _, (_, frame) in zip(range(options.frames), reader, strict=False):
                yield frame
        finally:
            reader.close()

    return read


def _pair_frames(read: Callable[[], Iterator[np.ndarray]]) -> Iterator[FramePair]:
    previous = None
    for frame in read():
        if previous is not None and previous.shape == frame.shape:
            yield compare_frames(previous, frame)
        previous = frame


def compare_frames(previous: np.ndarray, frame: np.ndarray) -> FramePair:
    """Estimates the flow between two frames, (height, width, 3) uint8 RGB in [0, 255]."""
    flow = estimate_flow(frame, previous)
    opposite = estimate_flow(previous, frame)
    same = _agree(previous, frame, flow) & (measure_disagreement(flow, opposite) < 1)
    difference = average_nearby(largest_difference(previous, frame), STILL_SQUARE)
    still = (difference < STILL_DIFFERENCE) & (sum_squares(flow) < STILL_MOTION**2)
    return FramePair(previous, frame, flow, same, still)


def _agree(previous: np.ndarray, frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    difference = largest_difference(warp(previous, flow), frame)
    return points_inside(flow) & (difference < AGREE_WITHIN)


def read_flow_pairs(folder: Path | str) -> list[FramePair]:
    """Reads pairs of pictures with their true flow: ``Nimg0``, ``Nimg1`` and ``Nflow.flo``.

    The flow leads from the first picture to the second one, so the second one takes the place of
    the frame before.

    Raises:
        OnestrokeError: there is no pair, or a file is missing or broken.
    """
    place = expand_path(folder)
    pairs = []
    for path in sorted(place.glob("*flow.flo")):
        flow = read_flow(path)
        stem = path.name.removesuffix("flow.flo")
        pictures = [_read_frame(_find_one(place, f"{stem}img{k}")) for k in (0, 1)]
        if any(picture.shape[:2] != flow.shape[:2] for picture in pictures):
            raise OnestrokeError(f"{path} and its pictures differ in size; check the files")
        first, second = pictures
        still = np.zeros(flow.shape[:2], bool)
        pairs.append(FramePair(second, first, flow, _agree(second, first, flow), still, True))
    if not pairs:
        raise OnestrokeError(f"no files *flow.flo in {place}; check the folder")
    return pairs


def _read_frame(path: Path) -> np.ndarray:
    """Reads a picture, also of the kind in which many data sets of optical flow come."""
    if path.suffix != ".ppm":
        return read_picture(path).pixels
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except OSError as error:
        raise OnestrokeError(f"{path} cannot be read; download it again") from error


def _find_one(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}.*"))
    if not found:
        raise OnestrokeError(f"{folder / stem}.* does not exist; check the folder")
    return found[0]


def read_flow(path: Path) -> np.ndarray:
    """Reads a .flo file of the Middlebury benchmark, (height, width, 2) float32 in pixels.

    Baker et al. 2011, "A Database and Evaluation Methodology for Optical Flow".
    """
    data = path.read_bytes()
    sizes = np.frombuffer(data, "<i4", 2, 4) if len(data) >= 12 else (0, 0)
    width, height = int(sizes[0]), int(sizes[1])
    magic = np.frombuffer(data, "<f4", 1)[0] if len(data) >= 12 else 0
    if magic != np.float32(FLO_MAGIC) or len(data) < 12 + 8 * width * height:
        raise OnestrokeError(f"{path} is no .flo file, or is cut short; download it again")
    flow = np.frombuffer(data, "<f4", 2 * width * height, 12)
    return flow.reshape(height, width, 2).astype(np.float32)


def _write_report(
    folder: Path, results: Sequence[Stability], options: VideoEvaluationOptions
) -> None:
    record: dict[str, Any] = {
        "options": asdict(options),
        "results": [
            {
                **asdict(result),
                "warping_error": result.warping_error,
                "flicker": result.flicker,
                "style": result.style,
                "content": result.content,
            }
            for result in results
        ],
    }
    text = json.dumps(record, indent=1) + "\n"
    write_text(folder / "stability.json", text)
    for clip in dict.fromkeys(result.clip for result in results):
        lines = [result for result in results if result.clip == clip]
        name = f"stability_{''.join(c if c.isalnum() or c in '-_' else '_' for c in clip)}.png"
        write_whole(folder / name, partial(_plot, clip, lines))


def _plot(clip: str, results: Sequence[Stability], path: Path) -> None:
    """Draws what was measured of each frame."""
    from matplotlib.figure import Figure

    series: dict[str, list[Sequence[float | None]]] = {
        "warping error": [one.warping_errors for one in results],
        "flicker of still regions": [one.flickers for one in results],
        "style loss": [one.styles for one in results],
        "content loss": [one.contents for one in results],
    }
    losses = any(one.style is not None for one in results)
    shown = dict(list(series.items())[: 4 if losses else 2])
    figure = Figure(figsize=(11, 2 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown) // 2, 2).ravel()
    for panel, (title, lines) in zip(panels, shown.items(), strict=True):
        for result, values in zip(results, lines, strict=True):
            known = [(at, v) for at, v in enumerate(values, start=2) if v is not None]
            panel.plot(
                *np.reshape(known, (-1, 2)).T,
                {CLIP: ":", PLAIN: "-", SMOOTH: "--"}[result.way],
                marker=".",
                markersize=3,
                label=f"{Path(result.model).name} {result.way}".strip(),
            )
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("frame")
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.suptitle(clip, fontsize=10)
    figure.savefig(path, dpi=110)
