"""Compares an exported file with its network, in the file's own runtime."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from onestroke.errors import OnestrokeError
from onestroke.export.export_options import ExportOptions, Quantization
from onestroke.export.operators import Operators, inspect_operators
from onestroke.files import size_on_disk
from onestroke.models.transform_network import TransformNetwork
from onestroke.pictures import resize, size_of_long_side
from onestroke.stylize.keras_painter import KerasPainter
from onestroke.stylize.model import load
from onestroke.stylize.saved_model_painter import SavedModelPainter
from onestroke.stylize.stylizer import Painter

# Required PSNR of the worst photograph, in dB. Every quantization exceeds its bound by a margin.
BOUNDS: Mapping[Quantization, float] = {
    "none": 80.0,
    "float16": 60.0,
    "weights": 45.0,
    "dynamic": 38.0,
    "int8": 28.0,
}
LONG_SIDE = 384  # pixels, of the photographs for a file of any size; keeps verification fast
TIMED_RUNS = 5  # the median of fewer is sensitive to one interruption

Photographs = Mapping[str, np.ndarray]


class VerificationError(OnestrokeError):
    """An export differs from its network by more than its quantization allows."""

    status = 1


@dataclass(frozen=True)
class Difference:
    """The difference between one picture of an export and the network's, in levels of 255.

    Attributes:
        picture: the name of the photograph and, for several styles, of the style.
        psnr: peak signal-to-noise ratio, in dB.
        largest: absolute difference of one value.
        mean: absolute difference over all values.
    """

    picture: str
    psnr: float
    largest: float
    mean: float


@dataclass(frozen=True)
class Report:
    """What an export contains, and how it compares with the network.

    Attributes:
        path: the file or folder.
        bytes: size on disk.
        operators: of a TFLite file; None for other formats.
        milliseconds: median time to paint the first photograph on this machine, all cores.
        bound: the PSNR required of every photograph, in dB.
        differences: one for each photograph and, for a SavedModel, each signature.
    """

    path: str
    bytes: int
    operators: Operators | None
    milliseconds: float
    bound: float
    differences: list[Difference]

    @property
    def worst(self) -> Difference:
        """The difference of the photograph with the lowest PSNR."""
        return min(self.differences, key=lambda difference: difference.psnr)


def verify_export(
    network: TransformNetwork, path: Path, *, options: ExportOptions, photographs: Photographs
) -> Report:
    """Paints every photograph with the network and with the file, and compares.

    A network of several styles paints each style in turn, and finally a blend of all.

    Args:
        network: what was exported.
        path: the file or folder.
        options: those of the export.
        photographs: by name, (height, width, 3) uint8 RGB; at least one.

    Raises:
        VerificationError: a TFLite file contains foreign operators, or the worst photograph is
            below the bound.
    """
    fitted = [
        (name, fit_to_size(photograph, options.size)) for name, photograph in photographs.items()
    ]
    first = fitted[0][1]
    # Exported files do not paint in tiles, so the network must not either.
    reference = KerasPainter(network, whole_pixels=max(p.shape[0] * p.shape[1] for _, p in fitted))
    exported = load(path).painter
    painters = [("", exported, options.uint8)]  # the last: whether the output is rounded
    if options.format == "saved_model":
        painters.append((" as uint8", SavedModelPainter(path, signature="serving_default"), True))
    labels = [*network.card.style_names, "a blend"]
    styles = np.eye(network.styles, dtype=np.float32)
    if network.styles > 1:
        styles = np.vstack([styles, np.full_like(styles[:1], 1 / network.styles)])
    differences = []
    for index in range(max(len(fitted), len(styles))):  # every photograph and every style
        (name, photograph), style = fitted[index % len(fitted)], styles[index % len(styles)]
        name += f" in {labels[index % len(styles)]}" if network.styles > 1 else ""
        with _full_float32():
            expected = paint(reference, photograph, style)
        differences += [
            difference(name + kind, paint(painter, photograph, style), expected, rounded=rounded)
            for kind, painter, rounded in painters
        ]
    tflite = options.format in ("tflite", "runtime")
    report = Report(
        path=str(path),
        bytes=size_on_disk(path),
        operators=inspect_operators(path.read_bytes()) if tflite else None,
        milliseconds=1000 * time_painting(lambda: paint(exported, first, styles[0])),
        bound=BOUNDS[options.quantize],
        differences=differences,
    )
    if report.operators and report.operators.foreign:
        raise VerificationError(
            f"the file contains {', '.join(report.operators.foreign)}, which phones do not "
            "support; please report this"
        )
    if report.worst.psnr < report.bound:
        raise VerificationError(
            f"{report.worst.picture} has {report.worst.psnr:.1f} dB, less than the "
            f"{report.bound:g} dB required of every photograph; {_remedy(options.quantize)}"
        )
    return report


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Disables TensorFloat-32, in which NVIDIA GPUs since Ampere round factors to 11 bits.

    With such rounding, simulated on a processor, pictures had 72 to 79 dB.
    """
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _remedy(quantize: Quantization) -> str:
    kinds = list(BOUNDS)  # from the most accurate to the smallest
    if quantize == kinds[0]:
        return "the export computes something else than the network; please report this"
    return (
        f"choose --quantize {kinds[kinds.index(quantize) - 1]}, which is more accurate, or train "
        "longer"
    )


def paint(painter: Painter, photograph: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Returns the whole painted picture, (height, width, 3) float32 in [0, 255].

    Args:
        painter: of a network or a file.
        photograph: (height, width, 3) uint8 RGB.
        style: (styles,) float32, the weight of each; the sum is 1.
    """
    painted = np.empty(photograph.shape, np.float32)
    for region, piece in painter.pieces(photograph, style):
        painted[region] = piece
    return painted


def fit_to_size(photograph: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Resizes a photograph to the size of an exported file and crops the centre.

    Args:
        photograph: (height, width, 3) uint8 RGB.
        size: (height, width); None for a file of any size resizes to a long side of ``LONG_SIDE``.
    """
    if size is None:
        return resize(photograph, size_of_long_side(photograph.shape[:2], LONG_SIDE))
    height, width = photograph.shape[:2]
    factor = max(size[0] / height, size[1] / width)
    large = resize(
        photograph, (max(size[0], round(height * factor)), max(size[1], round(width * factor)))
    )
    top, left = (large.shape[0] - size[0]) // 2, (large.shape[1] - size[1]) // 2
    return large[top : top + size[0], left : left + size[1]]


def difference(
    picture: str, actual: np.ndarray, expected: np.ndarray, *, rounded: bool = False
) -> Difference:
    """Compares two painted pictures, float32 in [0, 255].

    Args:
        picture: its name.
        actual: from the exported file.
        expected: from the network.
        rounded: the file returns whole numbers; differences up to half a level are ignored.
    """
    error = np.abs(actual.astype(np.float64) - expected)
    if rounded:
        error = np.maximum(error - 0.5, 0)
    error = np.nan_to_num(error, nan=255, posinf=255)  # NaN counts as the largest error
    power = max(float(np.mean(error**2)), 1e-12)  # equal pictures: 168 dB, not infinity
    return Difference(
        picture=picture,
        psnr=float(10 * np.log10(255**2 / power)),
        largest=float(error.max()),
        mean=float(error.mean()),
    )


def time_painting(run: Callable[[], object]) -> float:
    """Returns the median seconds of a few runs after one warm-up run."""
    seconds = []
    for _ in range(TIMED_RUNS + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])
