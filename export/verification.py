"""Comparing an exported file with the network it was made from, in the file's own runtime."""

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
from onestroke.models.style_file import style_names
from onestroke.models.transform_network import TransformNetwork
from onestroke.pictures import resize, size_of_long_side
from onestroke.stylize.keras_painter import NetworkPainter
from onestroke.stylize.model import load
from onestroke.stylize.saved_model_painter import SavedModelPainter
from onestroke.stylize.stylizer import Painter

# Least PSNR of the worst photograph, in dB: what each way of storing reaches with some to spare.
BOUNDS: Mapping[Quantization, float] = {
    "none": 80.0,
    "float16": 60.0,
    "weights": 45.0,
    "dynamic": 38.0,
    "int8": 28.0,
}
LONG_SIDE = 384  # pixels, of the photographs for a file that takes any size: seconds, not minutes
TIMED_RUNS = 5  # the median of fewer is at the mercy of one interruption

Photographs = Mapping[str, np.ndarray]


class VerificationError(OnestrokeError):
    """An export differs more from its network than its kind may."""

    status = 1


@dataclass(frozen=True)
class Difference:
    """How far one exported picture is from the network's, in levels of 255.

    Attributes:
        picture: its name, and of several styles the style's.
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
    """What an export is, and how it compares with the network.

    Attributes:
        path: the file or folder.
        bytes: on the disk.
        operators: of a TFLite file; None for a SavedModel.
        milliseconds: median of painting the first photograph on this machine, all cores.
        bound: the least PSNR asked of every photograph, in dB.
        differences: one for each photograph and, of a SavedModel, each signature.
    """

    path: str
    bytes: int
    operators: Operators | None
    milliseconds: float
    bound: float
    differences: list[Difference]

    @property
    def worst(self) -> Difference:
        """That of the photograph with the lowest PSNR."""
        return min(self.differences, key=lambda difference: difference.psnr)


def verify(
    network: TransformNetwork, path: Path, *, options: ExportOptions, photographs: Photographs
) -> Report:
    """Paints every photograph with the network and with the file, and compares.

    A network of several styles paints them in turn, and once all of them in a blend.

    Args:
        network: what was exported.
        path: the file or folder.
        options: with which it was exported.
        photographs: by name, (height, width, 3) uint8 RGB; at least one.

    Raises:
        VerificationError: a TFLite file holds foreign operators, or the worst photograph is under
            the bound of its kind.
    """
    fitted = [(name, fit(photograph, options.size)) for name, photograph in photographs.items()]
    first = fitted[0][1]
    # An exported file sees pictures whole, so the network does too.
    reference = NetworkPainter(
        network, whole_pixels=max(p.shape[0] * p.shape[1] for _, p in fitted)
    )
    exported = load(path).painter
    painters = [("", exported, options.uint8)]  # the last: whether it gives whole numbers
    if options.format == "saved_model":
        painters.append((" as uint8", SavedModelPainter(path, "serving_default"), True))
    labels = [*style_names(network.get_config()), "a blend"]
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
            difference(name + door, paint(painter, photograph, style), expected, rounded=rounded)
            for door, painter, rounded in painters
        ]
    tflite = options.format == "tflite"
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
            f"expected built-in operators alone; there are {', '.join(report.operators.foreign)}; "
            "please report it"
        )
    if report.worst.psnr < report.bound:
        raise VerificationError(
            f"expected {report.bound:g} dB or more on every photograph; {report.worst.picture} has "
            f"{report.worst.psnr:.1f} dB; {_remedy(options.quantize)}"
        )
    return report


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Lets GPUs multiply all 24 bits of a float32; by default those since Ampere round to 11.

    So rounded, in a simulation on a processor, pictures were 72 to 79 dB from the file's.
    """
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _remedy(quantize: Quantization) -> str:
    kinds = list(BOUNDS)  # from the best to the smallest
    if quantize == kinds[0]:
        return "the file is not the network; please report it"
    return (
        f"choose --quantize {kinds[kinds.index(quantize) - 1]}, which keeps more, or train longer"
    )


def paint(painter: Painter, photograph: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Returns the whole painted picture, (height, width, 3) float32 in [0, 255].

    Args:
        painter: of a network or a file.
        photograph: (height, width, 3) uint8 RGB.
        style: (styles,) float32, the weight of each; their sum is 1.
    """
    painted = np.empty(photograph.shape, np.float32)
    for region, piece in painter.pieces(photograph, style):
        painted[region] = piece
    return painted


def fit(photograph: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Brings a photograph to the size that the file takes: its middle, without distortion.

    Args:
        photograph: (height, width, 3) uint8 RGB.
        size: (height, width); None for a file that takes any, and a long side of ``LONG_SIDE``.
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
        rounded: the file gives whole numbers; half a level is then no difference.
    """
    error = np.abs(actual.astype(np.float64) - expected)
    if rounded:
        error = np.maximum(error - 0.5, 0)
    error = np.nan_to_num(error, nan=255, posinf=255)  # no number is as wrong as can be
    power = max(float(np.mean(error**2)), 1e-12)  # equal pictures: 168 dB, not infinity
    return Difference(
        picture=picture,
        psnr=float(10 * np.log10(255**2 / power)),
        largest=float(error.max()),
        mean=float(error.mean()),
    )


def time_painting(run: Callable[[], object]) -> float:
    """Returns the median seconds of a few runs, after one that is not counted."""
    seconds = []
    for _ in range(TIMED_RUNS + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])
