"""Painting with a TFLite file on the processor, without TensorFlow.

A runtime file (``style.tflite`` of a run, ``base.tflite``) paints pictures of any size, large ones
in tiles; see ``keras_painter`` for the method. An export for phones sees pictures whole, or in
windows of its one size.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from onestroke.errors import ModelError, shorten_text
from onestroke.extras import check_tflite
from onestroke.machine import available_cores
from onestroke.models.card import ModelCard
from onestroke.models.presets import PRESETS
from onestroke.models.style_file import BUNDLED
from onestroke.stylize.fixed_size import FixedSizeCanvas
from onestroke.stylize.litert_runner import FrugalRunner, PlainRunner, Runner
from onestroke.stylize.stylizer import EXPORTED_PIXELS, Piece, check_whole
from onestroke.stylize.tflite_metadata import read_tflite_card
from onestroke.stylize.tflite_structure import check_tflite_file
from onestroke.stylize.tiles import kept_side, plan_tiles, thumbnail

STYLE, MOMENTS, OWN_SHARE = "style", "moments", "own_share"  # inputs, besides the image
STYLED, OWN_MOMENTS = "styled", "own_moments"  # outputs

# Bytes for each pixel that a network sees at once, measured with ai-edge-litert 2.3 at 512x768 and
# 1024x1024 pixels, by preset: with the plain runner and with the frugal one.
PLAIN_BYTES = {"johnson": 1400, "half": 780, "mobile": 340}
FRUGAL_BYTES = {"johnson": 900, "half": 520, "mobile": 160}
PLAIN_UP_TO = 400 * 10**6  # bytes; above, less memory is preferred to speed
# Bytes up to which a picture is painted whole. 1024x1024 pixels in tiles took 3.1 s instead of 1.1.
WHOLE_UP_TO = 1450 * 10**6
# Bytes for a tile: 100 megapixels then take 1 GB beside the picture and the result.
TILE_UP_TO = 850 * 10**6

_BUNDLED = frozenset(file.with_suffix(".tflite") for file in BUNDLED.values())


class LiteRtPainter:
    """Runs a TFLite file that onestroke wrote.

    Args:
        path: the file.
        card: its card, if it was read already.
        threads: how many compute; by default one for each core that the process may use.
        whole_pixels: the area up to which a runtime file sees the whole picture.

    Raises:
        ModelError: the file is damaged, or another program wrote it.
        SettingsError: ai-edge-litert is not installed.
    """

    survives_fork = True

    def __init__(
        self,
        path: Path,
        card: ModelCard | None = None,
        *,
        threads: int | None = None,
        whole_pixels: int | None = None,
    ) -> None:
        self.card = card or read_tflite_card(path)
        check_tflite(write=False)
        if path not in _BUNDLED:
            check_tflite_file(path, self.card)
        self._path = path
        self._threads = threads or available_cores()
        size = self.card.export.size if self.card.export else None
        self._canvas = FixedSizeCanvas(path.name, size) if size else None
        self._preset = self.card.preset
        self._runner: Runner | None = None
        shapes = self._start(self._kind(size or (1, 1))).input_shapes()
        self._several_styles = STYLE in shapes
        self._moments = np.zeros(shapes[MOMENTS], np.float32) if MOMENTS in shapes else None
        bytes_per_pixel = FRUGAL_BYTES[self._preset]
        self.whole_pixels = whole_pixels or min(EXPORTED_PIXELS, WHOLE_UP_TO // bytes_per_pixel)
        self._tile_pixels = min(self.whole_pixels, TILE_UP_TO // bytes_per_pixel)

    def memory(self, size: tuple[int, int]) -> int:
        """See ``stylizer.Painter``; a large picture takes the memory of a tile."""
        size = self._canvas.size if self._canvas else size
        pixels = size[0] * size[1]
        if self._moments is not None and pixels > self.whole_pixels:
            pixels = self._tile_pixels
        plain = pixels * PLAIN_BYTES[self._preset]
        return plain if plain <= PLAIN_UP_TO else pixels * FRUGAL_BYTES[self._preset]

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture, in tiles if it is large; see ``stylizer.Painter``.

        Raises:
            PictureError: the file is an export, and the picture is too large to be seen whole, or
                too long for the file's one size.
        """
        height, width = picture.shape[:2]
        if self._canvas:
            painted = self._canvas.paint(picture, lambda window: self._run(window, style)[STYLED])
            yield (slice(0, height), slice(0, width)), painted
            return
        if self._moments is None:
            check_whole(picture)
        elif height * width > self.whole_pixels:
            moments = self.moments(thumbnail(picture, self._tile_pixels), style)
            yield from self.tiles(picture, style, moments)
            self._runner = None  # a large picture's file needs the memory
            return
        yield (slice(0, height), slice(0, width)), self._run(picture, style)[STYLED]

    def moments(self, picture: np.ndarray, style: np.ndarray) -> np.ndarray:
        """Returns mean and variance of every normalisation, of a picture seen whole.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.

        Returns:
            (2, 1, 1, channels) float32, the channels of all normalisations in turn.
        """
        return self._run(picture, style)[OWN_MOMENTS]

    def tiles(self, picture: np.ndarray, style: np.ndarray, moments: np.ndarray) -> Iterator[Piece]:
        """Paints the picture tile by tile, every normalisation with the moments given.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.
            moments: from ``moments``, of the whole picture.
        """
        preset = PRESETS[self._preset]
        grid = {"margin": preset.reach, "stride": preset.stride}
        side = kept_side(self._tile_pixels, **grid)
        for rows, columns in plan_tiles(picture.shape[:2], side=max(side, preset.stride), **grid):
            painted = self._run(picture[rows.read, columns.read], style, moments)[STYLED]
            yield (rows.kept, columns.kept), painted[rows.kept_of_read, columns.kept_of_read]

    def _run(
        self, picture: np.ndarray, style: np.ndarray, moments: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns the outputs of the file for one picture; the paint has its size, in float32.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.
            moments: those that replace the picture's own, of a runtime file.
        """
        height, width = picture.shape[:2]
        runner = self._start(self._kind((height, width)))
        inputs = {"image": picture[None].astype(runner.input_type())}
        if self._several_styles:
            inputs[STYLE] = style[None].astype(np.float32)
        if self._moments is not None:
            inputs[MOMENTS] = self._moments if moments is None else moments
            inputs[OWN_SHARE] = np.full((1, 1, 1, 1), float(moments is None), np.float32)
        try:
            runner.resize(height, width)
            outputs = dict(runner.run(inputs))
            outputs[STYLED] = outputs[STYLED][0, :height, :width].astype(np.float32)
            if outputs[STYLED].shape != picture.shape:
                raise ValueError(f"it paints {outputs[STYLED].shape}")
        except (ValueError, RuntimeError, KeyError, IndexError) as error:
            self._runner = None
            reason = shorten_text(" ".join(str(error).split()))
            raise ModelError(
                f"LiteRT cannot paint {height}x{width} pixels with {self._path} ({reason}); export "
                "it again"
            ) from error
        return outputs

    def _kind(self, size: tuple[int, int]) -> type[PlainRunner] | type[FrugalRunner]:
        """Returns what runs pictures of one size."""
        needed = size[0] * size[1] * PLAIN_BYTES[self._preset]
        return PlainRunner if needed <= PLAIN_UP_TO else FrugalRunner

    def _start(self, kind: type[PlainRunner] | type[FrugalRunner]) -> Runner:
        """Returns the runner of a kind, in the place of one of the other kind."""
        if not isinstance(self._runner, kind):
            self._runner = None  # its memory first
            try:
                self._runner = kind(self._path, self._threads)
            except (ValueError, RuntimeError, KeyError) as error:
                raise ModelError(f"LiteRT cannot load {self._path}; export it again") from error
        return self._runner
