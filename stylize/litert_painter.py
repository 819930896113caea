"""Painting with a TFLite file, as a phone would."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onestroke.errors import ModelError
from onestroke.extras import check_tflite
from onestroke.models.card import ModelCard, parse_card
from onestroke.stylize.stylizer import Piece, check_fixed_size, check_whole

SIGNATURE = "style"
METADATA_NAME = "onestroke"
FILE_IDENTIFIER = b"TFL3"

# XNNPACK's flags, as its delegate for TFLite numbers them; whoever gives some gives all. Kernels of
# 8 bits, signed, unsigned and dynamic, are its defaults. With the last, addresses do not outlive a
# convolution, which otherwise keeps one for every tap of its kernel at every pixel.
SIGNED_8_BITS, UNSIGNED_8_BITS, DYNAMIC_8_BITS, SHORT_LIVED_ADDRESSES = 0x1, 0x2, 0x8, 0x20
DEFAULT_FLAGS = SIGNED_8_BITS | UNSIGNED_8_BITS | DYNAMIC_8_BITS
FRUGAL_FLAGS = DEFAULT_FLAGS | SHORT_LIVED_ADDRESSES
FRUGAL_FROM = 2**18  # pixels: up to 512 x 512 memory is no trouble, and keeping them 5 % faster


class LiteRtPainter:
    """Runs a TFLite file that ``onestroke export`` wrote, on the processor.

    Args:
        path: the file.
        card: its card, if it was read already.
        threads: how many compute; one for each core unless said otherwise.

    Raises:
        ModelError: the file is broken or not of ours.
        SettingsError: ai-edge-litert is not installed.
    """

    def __init__(
        self, path: Path, card: ModelCard | None = None, *, threads: int | None = None
    ) -> None:
        self.card = card or read_tflite_card(path)
        self._path = path
        self._threads = threads or os.cpu_count() or 1
        self.size = self.card.export.size if self.card.export else None
        self._flags: int | None = None
        self._prepared: tuple[int, int] | None = None
        self._load(DEFAULT_FLAGS if self.size is None else _flags(*self.size))

    def _load(self, flags: int) -> None:
        """Loads the file, unless it is loaded with these flags of XNNPACK."""
        if flags == self._flags:
            return
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.options import CpuOptions, Options

        cpu = CpuOptions(num_threads=self._threads, xnnpack_flags=flags)
        try:
            self._model = CompiledModel.from_file(str(self._path), options=Options(cpu_options=cpu))
            image = self._model.get_input_tensor_details(SIGNATURE)["image"]
        except (ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"{self._path} is broken; export it again") from error
        self._dtype = np.dtype(image["dtype"])
        self._flags = flags

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture as one piece; see ``stylizer.Painter``.

        Raises:
            PictureError: the file was exported for pictures of one other size, or the picture is
                too large to be seen whole.
        """
        height, width = picture.shape[:2]
        check_fixed_size(picture, self.size)
        check_whole(picture)
        self._prepare(height, width)
        self._inputs["image"].write(picture.astype(self._dtype).ravel())
        if len(style) > 1:
            self._inputs["style"].write(style)
        self._model.run_by_name(SIGNATURE, self._inputs, self._outputs)
        painted = self._outputs["styled"].read(math.prod(self._painted), self._dtype)
        painted = painted.reshape(self._painted)[0, :height, :width].astype(np.float32)
        yield (slice(0, height), slice(0, width)), painted

    def _prepare(self, height: int, width: int) -> None:
        """Lays out the memory for pictures of one size; kept until another one comes."""
        if self._prepared == (height, width):
            return
        self._prepared = None  # until all of it is laid out
        self._load(_flags(height, width))
        model = self._model
        if self.size is None:
            model.resize_input_tensor_by_name(SIGNATURE, "image", [1, height, width, 3])
        self._inputs = {
            name: model.create_input_buffer_by_name(SIGNATURE, name)
            for name in model.get_input_tensor_details(SIGNATURE)
        }
        self._outputs = {"styled": model.create_output_buffer_by_name(SIGNATURE, "styled")}
        self._painted = model.get_output_tensor_details(SIGNATURE)["styled"]["shape"]
        self._prepared = height, width


def _flags(height: int, width: int) -> int:
    return DEFAULT_FLAGS if height * width <= FRUGAL_FROM else FRUGAL_FLAGS


def is_tflite(path: Path) -> bool:
    """Returns whether a file is a TFLite file, of any program; known by its content."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == FILE_IDENTIFIER
    except OSError:
        return False


def read_tflite_card(path: Path) -> ModelCard:
    """Returns the card that ``onestroke export`` wrote into a TFLite file.

    Raises:
        ModelError: the file is missing or broken, or another program wrote it.
        SettingsError: ai-edge-litert is not installed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error
    check_tflite(write=False)
    from ai_edge_litert import schema_py_generated as schema

    broken = f"{path} is not a TFLite file that `onestroke export` wrote, or is broken"
    if content[4:8] != FILE_IDENTIFIER:
        raise ModelError(f"{broken}; export it again")
    try:
        # All of the file is parsed: the interpreter would read beyond the end of a truncated one.
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        (ours,) = [entry for entry in model.metadata if entry.name == METADATA_NAME.encode()]
        values = json.loads(model.buffers[ours.buffer].data.tobytes())
    # A truncated file raises struct.error, IndexError, TypeError, ValueError and others.
    except Exception as error:
        raise ModelError(f"{broken}; export it again") from error
    return _check_export(parse_card(values, str(path)), path)


def _check_export(card: ModelCard, path: Path) -> ModelCard:
    if card.export is None:
        raise ModelError(f"{path} does not record how it was exported; export it again")
    return card
