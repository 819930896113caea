"""A trained style, ready to be called with pictures."""

import difflib
import math
import os
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Protocol, overload

import numpy as np
from PIL import Image

from onestroke.errors import ModelError, SettingsError, format_value
from onestroke.models.card import IDENTITY, ModelCard
from onestroke.models.presets import MINIMUM_SIDE
from onestroke.pictures import WRITABLE_SUFFIXES, PictureError, resize, shrink, to_uint8
from onestroke.stylize.colour import keep_colours
from onestroke.stylize.paint_memory import PaintMemory
from onestroke.stylize.picture_input import AnyPicture, read_input, to_image
from onestroke.stylize.strength import check_strength, fade

# Full HD and a little more: there a johnson takes 1.2 GB as a TFLite file and 2.4 as a SavedModel.
EXPORTED_PIXELS = 2**21

# No network returns a photograph exactly (base: an error of some 16 levels), and a small weight of
# a style changes the colours a lot: at 0.2 as much as the full style, in some pictures. Below this
# strength the painted picture is also cross-faded with the photograph; docs/measurements.md has
# the figures. Exported pages get the number, too.
CROSS_FADE_BELOW = 0.5

WORD_SIMILARITY = 0.8  # in [0, 1], of a word in a suggested style name, at least

Region = tuple[slice, slice]
Piece = tuple[Region, np.ndarray]
StyleChoice = str | Mapping[str, float]  # the name of one, or the weight of each by its name


class Painter(Protocol):
    """Runs one kind of file: a Keras network, a SavedModel, a TFLite file."""

    @property
    def card(self) -> ModelCard:
        """What the file records about itself."""

    @property
    def survives_fork(self) -> bool:
        """Whether a process that was forked after loading can paint."""

    def memory(self, size: tuple[int, int]) -> int:
        """Returns an estimate of the bytes that painting a picture of a (height, width) takes."""

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture, piece by piece.

        Args:
            picture: (height, width, 3) uint8 RGB.
            style: (styles,) float32, the weight of each.

        Yields:
            A region of the picture, its rows and columns, and the paint for it,
            (height, width, 3) float32 RGB in [0, 255]. The regions cover the picture once.

        Raises:
            PictureError: the file cannot paint pictures of this size.
        """


class Stylizer:
    """Repaints pictures in the style of a trained network.

    Pictures come out in the size they came in. Style files and runs paint large ones in tiles
    without seams; exports for other runtimes refuse them. Several threads may call one stylizer:
    a picture is painted after the other.

    A process that is forked after loading (``gunicorn --preload``, ``multiprocessing`` on Linux)
    paints with LiteRT. TensorFlow would wait for threads that it no longer has, so there, models
    that run with Keras, and SavedModels, raise an error: load them in each process.

    Args:
        painter: what runs the network; ``onestroke.load`` makes the one that a file needs.
        name: name of the model, shown by ``repr``.

    Example:
        >>> stylizer = onestroke.load("runs/wave")
        >>> painted = stylizer(photograph, strength=0.8)
    """

    def __init__(self, painter: Painter, *, name: str = "") -> None:
        self.painter = painter
        self.name = name
        self._lock = threading.Lock()  # a painter has one memory, prepared for one size
        self._memory = PaintMemory(painter.memory)
        self._process = os.getpid()

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names of the network's styles."""
        return self.painter.card.style_names

    def __repr__(self) -> str:
        card = self.painter.card
        names, default = ", ".join(card.style_names), card.style_names[card.default]
        return f"<Stylizer {self.name or card.preset}; default style {default}; styles {names}>"

    @overload
    def __call__(
        self,
        picture: np.ndarray,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        style: StyleChoice | None = None,
        paint_size: int | None = None,
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self,
        picture: Image.Image | Path | str,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        style: StyleChoice | None = None,
        paint_size: int | None = None,
    ) -> Image.Image: ...

    def __call__(
        self,
        picture: AnyPicture,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        style: StyleChoice | None = None,
        paint_size: int | None = None,
    ) -> np.ndarray | Image.Image:
        """Paints one picture.

        Args:
            picture: ``(height, width, 3)`` uint8 RGB, a Pillow image, or the path of a picture.
                Both sides have at least 16 pixels.
            strength: from 0, the photograph unchanged, to 1, the full style. A network with the
                style ``photograph`` interpolates between the two styles, and below 0.5 also fades
                into the pixels of the photograph; other networks only fade.
            preserve_color: take the luminance of the painted picture and the chroma of the
                photograph.
            style: the name of a style, or weights by name for a blend; only the proportions matter.
                None for the default style of the model.
            paint_size: long side in pixels at which a larger picture is painted. The result is then
                enlarged, and with it the strokes.

        Returns:
            The painted picture at the size of the input: an array for an array, else a Pillow
            image.

        Raises:
            PictureError: the picture is missing, broken, too small, or too large for the memory.
            SettingsError: an argument is out of range, a style is unknown, or TensorFlow paints in
                a forked process.
            ModelError: the file cannot paint the picture.
        """
        if not isinstance(picture, Image.Image | Path | str):
            return self._paint(picture, strength, preserve_color, style, paint_size)
        source = read_input(picture)
        painted = self._paint(source.pixels, strength, preserve_color, style, paint_size)
        return to_image(painted, source.alpha)

    def _paint(
        self,
        picture: np.ndarray,
        strength: float,
        preserve_color: bool,
        style: StyleChoice | None,
        paint_size: int | None,
    ) -> np.ndarray:
        self._check_process()
        check_picture(picture)
        check_strength(strength)
        check_side("a paint size", paint_size)
        weights = weigh_styles(style, self.style_names, default=self.painter.card.default)
        if strength == 0:
            return picture.copy()
        if IDENTITY in self.style_names:
            back = weigh_styles(IDENTITY, self.style_names)
            weights = back + np.float32(strength) * (weights - back)
            strength = min(1.0, strength / CROSS_FADE_BELOW)
        result = np.empty_like(picture)
        with self._lock:
            for region, painted in self._pieces(picture, weights, paint_size):
                photograph = picture[region]
                if preserve_color:
                    painted = keep_colours(photograph, painted)
                result[region] = fade(photograph, painted, strength)
        return result

    def _check_process(self) -> None:
        """Prepares for painting in a process that was forked after loading."""
        if os.getpid() == self._process:
            return
        if not self.painter.survives_fork:
            raise SettingsError(
                "the model was loaded before this process was forked, and TensorFlow does not "
                "work then; load it in each process, or use LiteRT"
            )
        self._lock = threading.Lock()  # a thread of the other process may have held it
        self._process = os.getpid()

    def _pieces(
        self, picture: np.ndarray, weights: np.ndarray, paint_size: int | None
    ) -> Iterator[Piece]:
        if paint_size is None or max(picture.shape[:2]) <= paint_size:
            self._memory.check(picture.shape[:2])
            yield from self._finite_pieces(picture, weights)
            return
        small = shrink(picture, paint_size)
        if min(small.shape[:2]) < MINIMUM_SIDE:
            raise PictureError(
                f"the picture would be painted at {small.shape[0]}x{small.shape[1]} (height x "
                f"width); both sides need {MINIMUM_SIDE} pixels; choose a larger paint size"
            )
        self._memory.check(small.shape[:2])
        paint = np.empty_like(small)
        for region, painted in self._finite_pieces(small, weights):
            paint[region] = to_uint8(painted)
        height, width = picture.shape[:2]
        yield (slice(0, height), slice(0, width)), resize(paint, (height, width)).astype(np.float32)

    def _finite_pieces(self, picture: np.ndarray, weights: np.ndarray) -> Iterator[Piece]:
        """Yields the pieces of the painter; damaged weights give infinite ones."""
        for region, painted in self.painter.pieces(picture, weights):
            if not np.isfinite(painted).all():
                raise ModelError(
                    f"{self.name or 'the model'} is damaged: what it paints is not finite; copy it "
                    "again, or train it again"
                )
            yield region, painted


def weigh_styles(
    style: StyleChoice | None, names: Sequence[str], *, default: int = 0
) -> np.ndarray:
    """Returns the weight of each style of a network, ``(styles,)`` float32, their sum 1.

    Args:
        style: a name, or weights by name, of which only the proportions matter; None for the
            default.
        names: of the network's styles.
        default: index of the default style.

    Raises:
        SettingsError: a style is unknown, no weight is above 0, or the type is wrong.
    """
    if style is None:
        style = names[default]
    if isinstance(style, str):
        style = {style: 1.0}
    if not isinstance(style, Mapping):
        raise SettingsError(
            "expected the name of a style, or weights by name as {'wave': 0.6, 'scream': 0.4}; "
            f"received {style!r}"
        )
    known = [_composed(name) for name in names]
    asked = {_composed(name): weight for name, weight in style.items()}
    for name in asked:
        if name not in known:
            start = name.rpartition(":")[0]
            if start in known:
                raise SettingsError(
                    f"the weight in {name!r} is not a number; write --style {start}:0.6, in Python "
                    f"{{{start!r}: 0.6}}"
                )
            if Path(name).suffix.lower() in WRITABLE_SUFFIXES:
                raise SettingsError(
                    f"{name!r} is a picture, not a style of the model; learn it with `onestroke "
                    "train --init base --style PICTURE --data PHOTOGRAPHS`, or paint one "
                    "photograph with `onestroke optimize`"
                )
            raise SettingsError(
                f"unknown style {name!r}{_hint(name, names)} the model has {', '.join(names)}"
            )
    numbers = {name: _to_float(weight) for name, weight in asked.items()}
    weights = np.array([numbers.get(name, 0.0) for name in known], np.float64)
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.max() > 0):
        received = ", ".join(f"{name}:{format_value(weight)}" for name, weight in asked.items())
        raise SettingsError(
            "style weights must be finite numbers from 0 on, and one of them above 0; "
            f"received {received or 'none'}"
        )
    weights /= weights.max()  # the sum of very large ones would be infinite
    return (weights / weights.sum()).astype(np.float32)


def _to_float(weight: object) -> float:
    """Returns a weight as a float; not a number for what is none."""
    try:
        return float(weight) if isinstance(weight, Real) else math.nan
    except OverflowError:
        return math.inf


def _composed(name: str) -> str:
    """Returns a name with composed accents; macOS writes file names with separate ones."""
    return unicodedata.normalize("NFC", str(name))


def _hint(name: str, names: Sequence[str]) -> str:
    """Suggests the most similar style, by its whole name or else by a word of it."""
    asked = name.lower().replace(" ", "_")
    whole = {known.lower(): known for known in names}
    # Short words such as "of" are similar to too many.
    words = {word: whole[known] for known in whole for word in known.split("_") if len(word) > 3}
    alike = [whole[known] for known in difflib.get_close_matches(asked, whole, 1)] or [
        words[word] for word in difflib.get_close_matches(asked, words, 1, WORD_SIMILARITY)
    ]
    return f"; did you mean {alike[0]}?" if alike else ";"


def check_side(what: str, pixels: int | None) -> None:
    """Raises a SettingsError for a side that is no integer or has too few pixels to paint."""
    if pixels is None:
        return
    if not isinstance(pixels, Integral):
        kind = type(pixels).__name__
        raise SettingsError(f"expected {what} as an int; received the {kind} {pixels!r}")
    if pixels < MINIMUM_SIDE:
        raise SettingsError(
            f"expected {what} of {MINIMUM_SIDE} pixels or more; received {format_value(pixels)}"
        )


def note_paint_size(
    source: Path | str, size: tuple[int, ...], paint_size: int | None
) -> str | None:
    """Returns a line about a paint size that has no effect on a picture; None if it has one.

    Args:
        source: name of the picture.
        size: (height, width, ...) of the picture.
        paint_size: the long side at which it was to be painted.
    """
    side = max(size[:2])
    if paint_size is None or paint_size <= side:
        return None
    return (
        f"--paint-size {paint_size} has no effect on {source}, whose long side has {side} pixels; "
        f"choose a smaller one, such as {max(MINIMUM_SIDE, side // 2)}"
    )


def check_whole(picture: np.ndarray) -> None:
    """Raises a PictureError for a picture that an exported file cannot see whole in the memory."""
    height, width = picture.shape[:2]
    if height * width > EXPORTED_PIXELS:
        raise PictureError(
            f"expected a picture of {EXPORTED_PIXELS / 1e6:.1f} megapixels at most, which an "
            f"exported file sees whole; received {height}x{width}; shrink it with --max-size, "
            "paint it at a smaller --paint-size, or with the style file, in tiles"
        )


def check_picture(picture: np.ndarray) -> None:
    """Raises a PictureError unless the array is a picture that a network can paint."""
    expected = "expected a picture of (height, width, 3) uint8 RGB in [0, 255]"
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"{expected}; received a {type(picture).__name__}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"{expected}; received {picture.shape} {picture.dtype}")
    height, width = picture.shape[:2]
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(
            f"expected a picture of at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels; "
            f"received {height}x{width} (height x width); enlarge it first"
        )
