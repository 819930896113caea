"""Painting with a TFLite file, as a phone would."""

import json
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.errors import ModelError
from onestroke.pictures import PictureError
from onestroke.stylize.stylizer import Piece, check_whole

SIGNATURE = "style"
METADATA_NAME = "onestroke"
FILE_IDENTIFIER = b"TFL3"


EXTRA = ("ai_edge_litert", "ai_edge_quantizer")  # what `pip install 'onestroke[export]'` brings


def check_extra() -> None:
    """Raises a ModelError unless the packages for TFLite files are installed."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"TFLite files need {' and '.join(missing).replace('_', '-')}; "
            "pip install 'onestroke[export]'"
        )


class LiteRtPainter:
    """Runs a TFLite file that ``onestroke export`` wrote, on the processor.

    Args:
        path: the file.
        threads: how many compute; one for each core unless said otherwise.

    Raises:
        ModelError: ai-edge-litert is not installed, or the file is broken or not of ours.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.description = read_description(path)
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(str(path), num_threads=threads or os.cpu_count())
            self._run = interpreter.get_signature_runner(SIGNATURE)
            image = self._run.get_input_details()["image"]
        except (ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"{path} is broken; export it again") from error
        self._dtype = image["dtype"]
        height, width = image["shape_signature"][1:3]
        self.size = None if height < 0 else (int(height), int(width))

    @property
    def style_names(self) -> tuple[str, ...]:
        """The names of the styles that the file holds."""
        return tuple(self.description["style_names"])

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture as one piece; see ``stylizer.Painter``.

        Raises:
            PictureError: the file was exported for pictures of one other size, or the picture is
                too large to be seen whole.
        """
        height, width = picture.shape[:2]
        if self.size not in (None, (height, width)):
            raise PictureError(
                f"expected a picture of {self.size[0]}x{self.size[1]} pixels (height x width), "
                f"the size this file was exported for; received {height}x{width}; "
                "export it again without --size"
            )
        check_whole(picture)
        inputs = {"image": picture[None].astype(self._dtype)}
        if len(style) > 1:
            inputs["style"] = style[None]
        painted = self._run(**inputs)["styled"][0, :height, :width].astype(np.float32)
        yield (slice(0, height), slice(0, width)), painted


def read_description(path: Path) -> Mapping[str, Any]:
    """Returns what ``onestroke export`` wrote into a TFLite file.

    Raises:
        ModelError: the file is missing or broken, another program wrote it, or the packages for
            TFLite files are not installed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error
    check_extra()
    from ai_edge_litert import schema_py_generated as schema

    broken = f"{path} is no TFLite file that `onestroke export` wrote, or a broken one"
    if content[4:8] != FILE_IDENTIFIER:
        raise ModelError(f"{broken}; export it again")
    try:
        # All of it is read: of a file cut short, the interpreter would read beyond the end.
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        (ours,) = [entry for entry in model.metadata if entry.name == METADATA_NAME.encode()]
        return json.loads(model.buffers[ours.buffer].data.tobytes())
    # A file cut short leads anywhere: struct.error, IndexError, TypeError, ValueError, …
    except Exception as error:
        raise ModelError(f"{broken}; export it again") from error
