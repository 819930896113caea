"""The runtime file: a TFLite file that paints pictures of any size without TensorFlow.

It lies beside a style file, as ``style.tflite`` beside ``style.keras``. Its one signature,
``style``, has the inputs

    image        (1, height, width, 3) float32 RGB in [0, 255]
    style        (1, styles) float32, the weight of each; only if there are several styles
    moments      (2, 1, 1, channels) float32, mean and variance for each normalisation in turn
    own_share    (1, 1, 1, 1) float32: 1 normalises by the picture's own moments, 0 by ``moments``

and the outputs

    styled       float32 RGB in [0, 255], its sides rounded up to multiples of the stride
    own_moments  (2, 1, 1, channels) float32, the picture's own moments

One signature instead of three (a whole picture, its moments, a tile of it) makes the file of a
small network a fifth smaller and loads in half the time.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onestroke.errors import ModelError
from onestroke.files import write_whole
from onestroke.models.card import ExportEntry, ModelCard
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.models.style_file import load_network
from onestroke.stylize.litert_painter import (
    MOMENTS,
    OWN_MOMENTS,
    OWN_SHARE,
    STYLE,
    STYLED,
    LiteRtPainter,
)
from onestroke.stylize.litert_runner import IMAGE, SIGNATURE
from onestroke.stylize.tflite_metadata import read_tflite_card, write_card

if TYPE_CHECKING:
    from onestroke.models.transform_network import TransformNetwork

SUFFIX = ".tflite"
STYLE_FILE_HASH = "style_file_sha256"  # in the options of the card's export
BOUND, COMPRESSED_BOUND = 80.0, 60.0  # dB: the least PSNR between network and file
SIDES = (96, 123)  # pixels of the picture that both paint; an odd one, which is cropped


def runtime_file_of(style_file: Path) -> Path:
    """Returns where the runtime file of a style file belongs."""
    return style_file.with_suffix(SUFFIX)


def find_runtime_file(style_file: Path) -> Path | None:
    """Returns the runtime file of a style file; None if there is none, or one of other weights.

    Raises:
        ModelError: it is damaged.
    """
    path = runtime_file_of(style_file)
    if not path.is_file():
        return None
    export = read_tflite_card(path).export
    source = export.options.get(STYLE_FILE_HASH) if export else None
    return path if source == hash_style_file(style_file) else None


def write_runtime_file(
    style_file: Path,
    path: Path | None = None,
    *,
    compress: Callable[[bytes], bytes] | None = None,
) -> float:
    """Writes the runtime file of a style file, compared with the network before it gets its name.

    Args:
        style_file: the trained network.
        path: where to write; by default beside the style file.
        compress: stores the kernels of the TFLite file in 16 bits.

    Returns:
        The PSNR of the worst style, in dB.

    Raises:
        ModelError: the style file is broken, or a style differs from the network by more than
            ``BOUND`` or ``COMPRESSED_BOUND`` allow; nothing is written then.
    """
    network = load_network(style_file)
    content = convert_network(network)
    if compress:
        content = compress(content)
    quantize = "float16" if compress else "none"
    card = runtime_card(network, hash_style_file(style_file), quantize=quantize)
    content = write_card(content, card)
    path = path or runtime_file_of(style_file)
    bound = COMPRESSED_BOUND if compress else BOUND
    measured = []

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)
        psnr = _compare(network, temporary)
        if psnr < bound:
            raise ModelError(
                f"{path} would differ from its network: {psnr:.1f} dB instead of {bound:g} or "
                "more; please report it"
            )
        measured.append(psnr)

    write_whole(path, write)
    return measured[0]


def runtime_card(
    network: "TransformNetwork", style_file_hash: str | None, *, quantize: str = "none"
) -> ModelCard:
    """Returns the card of a runtime file.

    Args:
        network: the network that the file runs.
        style_file_hash: of the style file that has the same weights, if one has.
        quantize: how kernels are stored.
    """
    entry = ExportEntry(
        format="runtime",
        quantize=quantize,
        image=f"RGB in [0, 255], both sides at least {MINIMUM_SIDE} pixels",
        styled="RGB in [0, 255], sides rounded up to multiples of the stride; keep the top left",
        style=None if network.styles == 1 else "(1, styles) float32, weights whose sum is 1",
        options={STYLE_FILE_HASH: style_file_hash} if style_file_hash else {},
    )
    return network.card.model_copy(update={"export": entry})


def convert_network(network: "TransformNetwork", size: tuple[int, int] | None = None) -> bytes:
    """Returns a network as a TFLite file with the signature above, without a description.

    Args:
        network: the trained network.
        size: (height, width) of every picture or tile; None for any size.
    """
    import tensorflow as tf

    module = tf.Module()
    # By name: TensorFlow does not find the variables inside those of Keras.
    module.network_variables = [variable.value for variable in network.variables]
    module.paint = _runtime_graph(network, size or (None, None))
    with tempfile.TemporaryDirectory() as folder:
        signature = module.paint.get_concrete_function()
        tf.saved_model.save(module, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def _runtime_graph(network: "TransformNetwork", size: tuple[int, int] | tuple[None, None]) -> Any:
    """Returns the ``tf.function`` of the inputs above that gives the outputs above."""
    import tensorflow as tf

    from onestroke.models.transform_network import Flow

    class MixedFlow(Flow):
        """Normalises by a mixture of the picture's own moments and given ones."""

        def __init__(self, style: Any, given: Any, own_share: Any) -> None:
            super().__init__(style, moments=None)
            self.given = given
            self.own_share = own_share
            self.own: list[Any] = []
            self.channels = 0

        def next_moments(self, x: Any) -> Any:
            own = tf.concat(network.down[0].norm.moments(x), axis=0)
            self.own.append(own)
            before, self.channels = self.channels, self.channels + x.shape[-1]
            given = self.given[..., before : self.channels]
            mixed = self.own_share * own + (1 - self.own_share) * given
            return mixed[:1], mixed[1:]

    connect = network.paint_uncropped if size[0] is None else network.paint

    def paint(image: Any, moments: Any, own_share: Any, style: Any = None) -> dict[str, Any]:
        flow = MixedFlow(style, moments, own_share)
        painted = connect(image, flow)
        return {STYLED: painted, OWN_MOMENTS: tf.concat(flow.own, axis=-1)}

    specs = [
        tf.TensorSpec((1, *size, 3), tf.float32, name=IMAGE),
        tf.TensorSpec((2, 1, 1, network.normalised_channels), tf.float32, name=MOMENTS),
        tf.TensorSpec((1, 1, 1, 1), tf.float32, name=OWN_SHARE),
    ]
    if network.styles > 1:
        specs.append(tf.TensorSpec((1, network.styles), tf.float32, name=STYLE))
    return tf.function(paint, input_signature=specs)


def _compare(network: "TransformNetwork", path: Path) -> float:
    """Returns the PSNR between the network's pictures and the file's, of the worst style, in dB."""
    from onestroke.stylize.keras_painter import KerasPainter

    picture = np.random.default_rng(0).integers(0, 256, (*SIDES, 3), dtype=np.uint8)
    reference, painter = KerasPainter(network), LiteRtPainter(path)
    worst = 1e-12  # equal pictures: 168 dB, not infinity
    for style in np.eye(network.styles, dtype=np.float32):
        ((_, expected),) = reference.pieces(picture, style)
        ((_, actual),) = painter.pieces(picture, style)
        power = np.mean((actual.astype(np.float64) - expected) ** 2)
        worst = max(worst, float(np.nan_to_num(power, nan=255.0**2)))
    return float(10 * np.log10(255**2 / worst))


def hash_style_file(path: Path) -> str:
    """Returns the SHA-256 of a style file, by which its runtime file names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
