"""Checks the network of a TFLite file before LiteRT sees it.

LiteRT trusts a file: an offset beyond the end, an operator with too few inputs or a stride of 0
ends the process, and forty operators that double a tensor take all memory. Three checks exclude
that. The offsets of every table lead into the file. The operators are those of onestroke's
networks, with the inputs and options that they need, and each reads what was computed before. The
shapes, inferred for two sizes of picture, need about the memory and the time of such a network.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.errors import ModelError
from onestroke.models.card import ModelCard

Shape = tuple[int, ...]

# Fields of tables in TensorFlow's tensorflow/compiler/mlir/lite/schema/schema.fbs, by position.
CODES, SUBGRAPHS, BUFFERS, METADATA, SIGNATURES = 1, 2, 4, 6, 7  # of Model
DESCRIPTION, METADATA_BUFFERS, MODEL_FIELDS = 3, 5, 8
TENSORS, INPUTS, OUTPUTS, OPERATORS, GRAPH_NAME = 0, 1, 2, 3, 4  # of SubGraph
SHAPE, TYPE, BUFFER, NAME, QUANTIZATION, VARIABLE, SPARSITY = 0, 1, 2, 3, 4, 5, 6  # of Tensor
SIGNATURE, VARIANTS, EXTERNAL = 7, 9, 10
DATA, OFFSET, SIZE = 0, 1, 2  # of Buffer
CODE_INDEX, OP_INPUTS, OP_OUTPUTS, OPTIONS_TYPE, OPTIONS = 0, 1, 2, 3, 4  # of Operator
FLAGS, INTERMEDIATES = 7, 8
FOREIGN_OPTIONS = (5, 9, 10, 11, 12)  # custom and large ones
OLD_CODE, CUSTOM_CODE, CODE = 0, 1, 3  # of OperatorCode

WIDTHS = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 9: 1}  # bytes of an element, by tensor type
INT32 = 2
ZERO_POINTS = {3: (0, 255), 9: (-128, 127)}  # lowest and highest, by tensor type
ADD, CONCATENATE, CONVOLVE, DEPTHWISE, DEPTH_TO_SPACE, DEQUANTIZE = 0, 2, 3, 4, 5, 6
MULTIPLY, CONNECT, LOGISTIC, RESHAPE, MEAN, SUBTRACT, SLICE = 18, 9, 14, 22, 40, 41, 45
CAST, RSQRT, QUANTIZE, ROUND = 53, 76, 114, 116
DIVIDE, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, RELU, SQRT = 42, 55, 57, 99, 19, 75

MAX_COUNT = 20_000  # tables of a kind; a johnson network has 1,000 tensors
MAX_RANK, MAX_INPUTS, MAX_SIDE = 5, 64, 2**22
# Bytes that live at once and multiplications for each pixel, by preset: about three times those of
# our networks (of a johnson network 520 and 163,000, of a mobile one 97 and 15,000).
MAX_BYTES = {"johnson": 1500, "half": 800, "mobile": 350}
MAX_WORK = {"johnson": 500_000, "half": 150_000, "mobile": 50_000}
MAX_PIXELS = 2**22  # of the size that a file names
FIXED_BYTES, FIXED_WORK = 2**26, 10**9  # of constants, whatever the picture's size
SIDES = (32, 256)  # of pictures for which a file of any size is checked; memory may grow faster


@dataclass(frozen=True)
class Operator:
    """How an operator is recognised, and what its output has.

    Attributes:
        infer: returns the output's shape from the inputs' shapes, the options and the constants.
        inputs: the least and the largest number.
        table: type of its options; 0 if it needs none.
        options: position, format and allowed range of each number among its options.
    """

    infer: Callable[[list[Shape], dict[str, int], list[Any]], Shape]
    inputs: tuple[int, int] = (1, 1)
    table: int = 0
    options: dict[str, tuple[int, str, range]] = field(default_factory=dict)


def check_tflite_file(path: Path, card: ModelCard) -> None:
    """Raises a ModelError unless LiteRT can run the network of a file safely.

    Args:
        path: the TFLite file.
        card: its card.
    """
    try:
        check_tflite_network(path.read_bytes(), card)
    # A damaged file leads anywhere: to axes, constants and numbers that do not exist.
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise ModelError(
            f"{path} is damaged, or its network is not one of onestroke ({error}); export it again"
        ) from error


def check_tflite_network(content: bytes, card: ModelCard) -> None:
    """Raises a ValueError unless LiteRT can run the network of a file safely.

    Args:
        content: the TFLite file.
        card: its card.
    """
    network = _Network(content)
    size = card.export.size if card.export else None
    for height, width in [size] if size else [(side, side) for side in SIDES]:
        network.check_size(height, width, card.preset)


class _Network:
    """The one graph of a TFLite file, read with all its offsets checked."""

    def __init__(self, content: bytes) -> None:
        self.file = file = _File(content)
        model = _Tables(file, file.follow(np.zeros(1, np.int64)))
        if model.slots[0] > 4 + 2 * MODEL_FIELDS:
            raise ValueError("a part that onestroke does not write")
        model.check_texts(DESCRIPTION)
        model.check_vectors((METADATA_BUFFERS, 4))
        self.buffers = self._read_buffers(model.tables(BUFFERS))
        self._check_names(model)
        graphs = model.tables(SUBGRAPHS)
        if len(graphs.places) != 1:
            raise ValueError("more than one graph")
        self.inputs, self.outputs = graphs.lists(INPUTS)[0], graphs.lists(OUTPUTS)[0]
        graphs.check_texts(GRAPH_NAME)
        self._read_tensors(graphs.tables(TENSORS))
        self._read_operators(graphs.tables(OPERATORS), model.tables(CODES))
        self._check_order()

    def _read_buffers(self, buffers: "_Tables") -> tuple[np.ndarray, np.ndarray]:
        if max(buffers.numbers(OFFSET, "<u4").max(), buffers.numbers(SIZE, "<u4").max()) > 1:
            raise ValueError("a buffer outside of its table")
        return buffers.vectors(DATA, 1)

    def _check_names(self, model: "_Tables") -> None:
        entries = model.tables(METADATA)
        entries.check_texts(0)
        if entries.numbers(1, "<u4").max() >= len(self.buffers[0]):
            raise ValueError("metadata without a buffer")
        signatures = model.tables(SIGNATURES)
        signatures.check_texts(2)
        if len(signatures.places) != 1 or signatures.numbers(4, "<u4").max() > 0:
            raise ValueError("more than one signature")
        self.named = []
        for index in (0, 1):
            entries = signatures.tables(index)
            entries.check_texts(0)
            self.named += entries.numbers(1, "<u4").tolist()

    def _read_tensors(self, tensors: "_Tables") -> None:
        tensors.check_absent((VARIABLE, SPARSITY, VARIANTS))
        tensors.check_texts(NAME)
        if tensors.numbers(EXTERNAL, "<u4").max() > 0:
            raise ValueError("a tensor in another file")
        self.shapes = [tuple(shape) for shape in tensors.lists(SHAPE)]
        self.kinds = tensors.numbers(TYPE, "<i1").tolist()
        stored = tensors.numbers(BUFFER, "<u4")
        if not set(self.kinds) <= set(WIDTHS) or stored.max() >= len(self.buffers[0]):
            raise ValueError("a tensor of another type, or without a buffer")
        self.starts, self.sizes = (each[stored].tolist() for each in self.buffers)
        # -1 where a side changes with the picture; without a signature none does.
        self.signatures = [
            tuple(signature) or shape
            for signature, shape in zip(tensors.lists(SIGNATURE), self.shapes, strict=True)
        ]
        for shape, kind, size in zip(self.shapes, self.kinds, self.sizes, strict=True):
            if len(shape) > MAX_RANK or any(not 0 <= side <= MAX_SIDE for side in shape):
                raise ValueError(f"a tensor of shape {shape}")
            if size and math.prod(shape) * WIDTHS[kind] != size:
                raise ValueError(f"{size} bytes for a tensor of shape {shape}")
        places = tensors.follow(QUANTIZATION)
        kinds = [kind for kind, place in zip(self.kinds, places, strict=True) if place]
        self._check_quantization(_Tables(self.file, places[places > 0]), kinds)

    def _check_quantization(self, quantized: "_Tables", kinds: Sequence[int]) -> None:
        """Checks the numbers that kernels of 8 bits divide by and shift by."""
        quantized.check_absent((5,))
        quantized.check_vectors((0, 4), (1, 4))
        content = self.file.content
        for start, count in zip(*quantized.vectors(2, 4), strict=True):
            scales = np.frombuffer(content, "<f4", count, start)
            if not ((scales > 1e-20) & (scales < 1e20)).all():
                raise ValueError("a scale that is not positive and finite")
        for kind, start, count in zip(kinds, *quantized.vectors(3, 8), strict=True):
            zeros = np.frombuffer(content, "<i8", count, start)
            low, high = ZERO_POINTS.get(kind, (0, 0))
            if not ((zeros >= low) & (zeros <= high)).all():
                raise ValueError("a zero point out of range")

    def _read_operators(self, operators: "_Tables", codes: "_Tables") -> None:
        operators.check_absent(FOREIGN_OPTIONS)
        operators.check_vectors((FLAGS, 1), (INTERMEDIATES, 4))
        codes.check_absent((CUSTOM_CODE,))
        known = np.maximum(codes.numbers(OLD_CODE, "<i1"), codes.numbers(CODE, "<i4"))
        indices = operators.numbers(CODE_INDEX, "<u4")
        if indices.max() >= len(known) or not set(known.tolist()) <= set(KINDS):
            raise ValueError("an operator that onestroke's networks do not have")
        self.codes = known[indices].tolist()
        self.reads, self.writes = operators.lists(OP_INPUTS), operators.lists(OP_OUTPUTS)
        tables = operators.numbers(OPTIONS_TYPE, "<u1")
        places = operators.follow(OPTIONS)
        self.options: list[dict[str, int]] = [{} for _ in self.codes]
        for code in set(self.codes):
            kind = KINDS[code]
            of_kind = np.flatnonzero(known[indices] == code)
            bare = places[of_kind] == 0
            if (tables[of_kind] != np.where(bare, 0, kind.table)).any():
                raise ValueError("an operator with the options of another one")
            self._read_options(kind, of_kind[~bare], places[of_kind[~bare]])
            for name, (_, _, allowed) in kind.options.items():
                if any(self.options[index].setdefault(name, 0) not in allowed for index in of_kind):
                    raise ValueError(f"an operator whose {name} is not supported")

    def _read_options(self, kind: "Operator", indices: np.ndarray, places: np.ndarray) -> None:
        options = _Tables(self.file, places)
        for name, (position, form, _) in kind.options.items():
            for index, number in zip(indices, options.numbers(position, form), strict=True):
                self.options[index][name] = int(number)
        if kind is KINDS[RESHAPE]:
            options.check_vectors((0, 4))

    def _check_order(self) -> None:
        """Checks that every tensor is there before it is read, and is computed once."""
        count = len(self.shapes)
        constant = [size > 0 for size in self.sizes]
        ready = [*constant]
        places = [*self.inputs, *self.outputs, *self.named]
        places += [place for each in (*self.reads, *self.writes) for place in each]
        if not all(-1 <= place < count for place in places):
            raise ValueError("a tensor that does not exist")
        for place in self.inputs:
            if place < 0 or ready[place]:
                raise ValueError("an input that has a value")
            ready[place] = True
        for code, reads, writes in zip(self.codes, self.reads, self.writes, strict=True):
            least, most = KINDS[code].inputs
            if not least <= len(reads) <= most or len(writes) != 1 or -1 in reads[:least]:
                raise ValueError("an operator of another number of tensors")
            if not all(place < 0 or ready[place] for place in reads):
                raise ValueError("an operator that reads what is not computed")
            if writes[0] < 0 or ready[writes[0]]:
                raise ValueError("a tensor that is computed twice")
            ready[writes[0]] = True
        if not all(place >= 0 and ready[place] for place in (*self.outputs, *self.named)):
            raise ValueError("an output that is not computed")
        self.constants = [
            self._integers(place) if constant[place] and self.kinds[place] == INT32 else None
            for place in range(count)
        ]

    def _integers(self, place: int) -> list[int]:
        start, size = self.starts[place], self.sizes[place]
        return np.frombuffer(self.file.content, "<i4", min(size // 4, 2 * MAX_RANK), start).tolist()

    def check_size(self, height: int, width: int, preset: str) -> None:
        """Raises a ValueError if a picture of a size needs too much memory or time."""
        shapes = list(self.shapes)
        pixels = height * width
        if pixels > MAX_PIXELS:
            raise ValueError(f"pictures of {height}x{width} pixels")
        most_bytes = FIXED_BYTES + MAX_BYTES[preset] * pixels
        most_work = FIXED_WORK + MAX_WORK[preset] * pixels
        for place in self.inputs:
            if len(shapes[place]) == 4 and shapes[place][3] == 3:
                if math.prod(shapes[place]) > MAX_PIXELS * 3:
                    raise ValueError(f"a picture of shape {shapes[place]}")
                shapes[place] = (1, height, width, 3)
        last = {place: step for step, each in enumerate(self.reads) for place in each}
        last |= dict.fromkeys(self.outputs, len(self.reads))
        size, work = sum(self._bytes(shapes, place) for place in self.inputs), 0
        for step, code in enumerate(self.codes):
            reads, (target,) = self.reads[step], self.writes[step]
            known = [shapes[place] for place in reads if place >= 0]
            values = [self.constants[place] for place in reads if place >= 0]
            shape = KINDS[code].infer(known, self.options[step], values)
            if len(shape) > MAX_RANK or any(not 1 <= side <= MAX_SIDE for side in shape):
                raise ValueError(f"a tensor of shape {shape}")
            # XNNPACK reads as many weights as the file names, whatever was computed.
            named = self.signatures[target]
            if len(named) != len(shape) or any(
                left not in (-1, right) for left, right in zip(named, shape, strict=True)
            ):
                raise ValueError(f"a tensor of shape {shape} that is named {named}")
            shapes[target] = shape
            size += self._bytes(shapes, target)
            work += math.prod(shape) * _taps(code, known) + sum(map(math.prod, known))
            if size > most_bytes or work > most_work:
                raise ValueError(f"too much memory or work for {height}x{width} pixels")
            for place in {*reads, target}:
                if last.get(place, step) == step and place >= 0 and not self.sizes[place]:
                    size -= self._bytes(shapes, place)

    def _bytes(self, shapes: Sequence[Shape], place: int) -> int:
        return math.prod(shapes[place]) * WIDTHS[self.kinds[place]]


def _taps(code: int, shapes: list[Shape]) -> int:
    """Returns the multiplications for each number of the output."""
    if code in (CONVOLVE, CONNECT):
        return math.prod(shapes[1][1:])
    return math.prod(shapes[1][1:3]) if code == DEPTHWISE else 1


def _same(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    return shapes[0]


def _broadcast(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    return np.broadcast_shapes(*shapes)


def _convolve(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    (batch, height, width, channels), (filters, rows, columns, depth) = shapes[:2]
    if channels != depth:
        raise ValueError("a kernel of another number of channels")
    return (
        batch,
        _slide(height, rows, options["row stride"], options["row dilation"], options["padding"]),
        _slide(
            width, columns, options["column stride"], options["column dilation"], options["padding"]
        ),
        filters,
    )


def _convolve_channels(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    one, rows, columns, channels = shapes[1]
    if one != 1 or channels != shapes[0][3] * options["multiplier"]:
        raise ValueError("a kernel of another number of channels")
    return (
        *_convolve([shapes[0], (1, rows, columns, shapes[0][3])], options, values)[:3],
        channels,
    )


def _slide(side: int, taps: int, stride: int, dilation: int, padding: int) -> int:
    """Returns how often a kernel fits; ``padding`` is 0 for a padded and 1 for a plain side."""
    fits = side if padding == 0 else side - (taps - 1) * (dilation or 1)
    if fits < 1 or taps < 1:
        raise ValueError("a picture smaller than its kernel")
    return -(-fits // stride)


def _connect(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    (units, depth), numbers = shapes[1], math.prod(shapes[0])
    if not depth or numbers % depth or shapes[0][-1] != depth:
        raise ValueError("a matrix of another size")
    return (*shapes[0][:-1], units) if options["kept axes"] else (numbers // depth, units)


def _concatenate(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    axis = range(len(shapes[0]))[options["axis"]]
    if len({(len(shape), *shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        raise ValueError("parts of different sizes")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _slice(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    axes = zip(shapes[0], *values[1:4], strict=True)
    result = []
    for axis, (side, begin, end, stride) in enumerate(axes):
        bit = 1 << axis
        part = slice(
            None if options["from the start"] & bit else begin,
            None if options["to the end"] & bit else end,
            stride,
        )
        if not options["dropped axes"] & bit:
            result.append(len(range(*part.indices(side))))
        elif not -side <= begin < side:
            raise ValueError("a place beyond a tensor")
    return tuple(result)


def _mean(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    axes = {range(len(shapes[0]))[axis] for axis in values[1]}
    if options["kept axes"]:
        return tuple(1 if axis in axes else side for axis, side in enumerate(shapes[0]))
    return tuple(side for axis, side in enumerate(shapes[0]) if axis not in axes)


def _reshape(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    known, numbers = math.prod(side for side in values[1] if side != -1), math.prod(shapes[0])
    result = tuple(numbers // known if side == -1 else side for side in values[1])
    if math.prod(result) != numbers:
        raise ValueError("a shape of another size")
    return result


def _unpack_blocks(shapes: list[Shape], options: dict[str, int], values: list[Any]) -> Shape:
    batch, height, width, channels = shapes[0]
    block = options["block"]
    if channels % block**2:
        raise ValueError("channels that fill no block")
    return batch, height * block, width * block, channels // block**2


_BYTE, _NUMBER = "<u1", "<i4"
_SMALL, _FLAG, _AXES = range(1, 9), range(2), range(32)
_STRIDES = {
    "padding": (0, _BYTE, _FLAG),
    "column stride": (1, _NUMBER, _SMALL),
    "row stride": (2, _NUMBER, _SMALL),
}
# 0 stands for the default of a dilation, 1.
_DILATIONS = {"column dilation": (4, _NUMBER, range(2)), "row dilation": (5, _NUMBER, range(2))}
_DEPTHWISE_DILATIONS = {
    "column dilation": (5, _NUMBER, range(2)),
    "row dilation": (6, _NUMBER, range(2)),
}

KINDS = {
    ADD: Operator(_broadcast, (2, 2), 11),
    MULTIPLY: Operator(_broadcast, (2, 2), 21),
    SUBTRACT: Operator(_broadcast, (2, 2), 28),
    CONCATENATE: Operator(
        _concatenate, (1, MAX_INPUTS), 10, {"axis": (0, _NUMBER, range(-MAX_RANK, MAX_RANK))}
    ),
    CONVOLVE: Operator(_convolve, (2, 3), 1, {**_STRIDES, **_DILATIONS}),
    DEPTHWISE: Operator(
        _convolve_channels,
        (2, 3),
        2,
        {**_STRIDES, "multiplier": (3, _NUMBER, _SMALL), **_DEPTHWISE_DILATIONS},
    ),
    CONNECT: Operator(_connect, (2, 3), 8, {"kept axes": (2, _BYTE, _FLAG)}),
    DEPTH_TO_SPACE: Operator(_unpack_blocks, table=94, options={"block": (0, _NUMBER, _SMALL)}),
    MEAN: Operator(_mean, (2, 2), 27, {"kept axes": (0, _BYTE, _FLAG)}),
    RESHAPE: Operator(_reshape, (2, 2), 17),
    SLICE: Operator(
        _slice,
        (4, 4),
        32,
        {
            "from the start": (0, _NUMBER, _AXES),
            "to the end": (1, _NUMBER, _AXES),
            "ellipsis": (2, _NUMBER, range(1)),
            "new axes": (3, _NUMBER, range(1)),
            "dropped axes": (4, _NUMBER, _AXES),
            "lengths": (5, _BYTE, range(1)),
        },
    ),
    LOGISTIC: Operator(_same),
    RSQRT: Operator(_same),
    ROUND: Operator(_same),
    DEQUANTIZE: Operator(_same, table=38),
    QUANTIZE: Operator(_same, table=89),
    CAST: Operator(_same, table=37),
    # Other versions of TensorFlow's converter may write these in their place.
    DIVIDE: Operator(_broadcast, (2, 2), 29),
    MAXIMUM: Operator(_broadcast, (2, 2), 39),
    MINIMUM: Operator(_broadcast, (2, 2), 39),
    SQUARED_DIFFERENCE: Operator(_broadcast, (2, 2), 76),
    RELU: Operator(_same),
    SQRT: Operator(_same),
}
"""The operators of onestroke's networks, by their number in TFLite's schema."""


class _File:
    """The bytes of a file, read at many places at once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes = np.frombuffer(content, np.uint8)

    def numbers(self, places: np.ndarray, form: str) -> np.ndarray:
        """Returns int64 numbers of a NumPy format."""
        width = np.dtype(form).itemsize
        if len(places) and (places.min() < 0 or places.max() + width > len(self.bytes)):
            raise ValueError("an offset beyond the end")
        cells = self.bytes[places[:, None] + np.arange(width)]
        return np.ascontiguousarray(cells).view(form)[:, 0].astype(np.int64)

    def follow(self, places: np.ndarray) -> np.ndarray:
        """Returns where the offsets at the places lead."""
        return places + self.numbers(places, "<u4")


class _Tables:
    """Tables of one kind: where their fields are."""

    def __init__(self, file: _File, places: np.ndarray) -> None:
        if len(places) > MAX_COUNT:
            raise ValueError("too many tables")
        self.file, self.places = file, places
        self.layouts = places - file.numbers(places, "<i4")
        self.slots = file.numbers(self.layouts, "<u2")
        self.lengths = file.numbers(self.layouts + 2, "<u2")
        ends = (self.layouts + self.slots, places + self.lengths)
        if len(places) and max(end.max() for end in ends) > len(file.bytes):
            raise ValueError("a table beyond the end")

    def fields(self, index: int, width: int = 4) -> np.ndarray:
        """Returns the places of a field; 0 where it has its default."""
        slot = 4 + 2 * index
        stored = slot + 2 <= self.slots
        offsets = np.zeros_like(self.places)
        offsets[stored] = self.file.numbers(self.layouts[stored] + slot, "<u2")
        if (offsets[offsets > 0] + width > self.lengths[offsets > 0]).any():
            raise ValueError("a field beyond its table")
        return np.where(offsets > 0, self.places + offsets, 0)

    def numbers(self, index: int, form: str) -> np.ndarray:
        """Returns a number of every table; 0 is the default."""
        places = self.fields(index, np.dtype(form).itemsize)
        result = np.zeros_like(places)
        result[places > 0] = self.file.numbers(places[places > 0], form)
        return result

    def follow(self, index: int) -> np.ndarray:
        """Returns where the offset in a field leads; 0 without the field."""
        places = self.fields(index)
        result = np.zeros_like(places)
        result[places > 0] = self.file.follow(places[places > 0])
        return result

    def vectors(self, index: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns start and count of the vector in a field of every table."""
        starts, counts = self.follow(index), np.zeros_like(self.places)
        there = starts > 0
        counts[there] = self.file.numbers(starts[there], "<u4")
        starts[there] += 4
        if len(starts) and (starts + width * counts).max() > len(self.file.bytes):
            raise ValueError("a vector beyond the end")
        return starts, counts

    def check_vectors(self, *fields: tuple[int, int]) -> None:
        """Raises a ValueError for a vector beyond the end; fields are index and width."""
        for index, width in fields:
            self.vectors(index, width)

    def check_texts(self, index: int) -> None:
        """Raises a ValueError for a text that does not end with a zero in the file."""
        starts, counts = self.vectors(index, 1)
        if self.file.numbers((starts + counts)[starts > 0], "<u1").any():
            raise ValueError("a text without an end")

    def check_absent(self, indices: Sequence[int]) -> None:
        """Raises a ValueError if a table has a field that onestroke does not write."""
        for index in indices:
            if self.fields(index, 1).any():
                raise ValueError("a part that onestroke does not write")

    def lists(self, index: int) -> list[list[int]]:
        """Returns the int32 numbers of the vector in a field of every table."""
        starts, counts = self.vectors(index, 4)
        if (len(counts) and counts.max() > MAX_COUNT) or (starts % 4).any():
            raise ValueError("a vector that is too long or not aligned")
        return [
            np.frombuffer(self.file.content, "<i4", count, start).tolist()
            for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
        ]

    def tables(self, index: int) -> "_Tables":
        """Returns the tables in the vectors of a field."""
        starts, counts = self.vectors(index, 4)
        if counts.sum() > MAX_COUNT:
            raise ValueError("too many tables")
        places = [np.arange(count) * 4 + start for start, count in zip(starts, counts, strict=True)]
        if not counts.all():
            raise ValueError("a list without an entry")
        return _Tables(self.file, self.file.follow(np.concatenate(places)))
