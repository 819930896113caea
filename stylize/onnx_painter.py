"""Paints with an ONNX file in onnxruntime, on a processor or on an accelerator."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onestroke.errors import ModelError, SettingsError, shorten_text
from onestroke.extras import check_onnx
from onestroke.machine import available_cores
from onestroke.models.card import ModelCard, parse_card
from onestroke.stylize.fixed_size import FixedSizeCanvas
from onestroke.stylize.stylizer import Piece, check_whole

METADATA_KEY = "onestroke"  # of the entry in the file's metadata that contains the card

# Field numbers of ModelProto and StringStringEntryProto in onnx.proto, fixed by the format.
METADATA_PROPS, ENTRY_KEY, ENTRY_VALUE = 14, 1, 2
GRAPH, FOREIGN_PARTS = 7, (20, 25)  # of ModelProto; programs for training, functions
NODE, INITIALIZER, SPARSE_INITIALIZER = 1, 5, 15  # of GraphProto
OPERATOR, ATTRIBUTE, DOMAIN = 4, 5, 7  # of NodeProto
TENSORS, GRAPHS = (5, 10), (6, 11)  # of AttributeProto
DATA_ELSEWHERE = (13, 14)  # of TensorProto: data in another file
VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5  # wire types of protocol buffers

# Those of onestroke's networks, and a few that other versions of tf2onnx may write. Others can
# read files, repeat parts of the network or make a tensor of any size.
OPERATORS = frozenset(
    {
        *("Add", "And", "Cast", "Clip", "Concat", "Constant", "Conv", "DepthToSpace", "Div"),
        *("Equal", "Gather", "GlobalAveragePool", "Identity", "Less", "MatMul", "Max", "Min"),
        *("Mul", "Reciprocal", "ReduceMean", "Relu", "Reshape", "Shape", "Sigmoid", "Slice"),
        *("Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    }
)

FATAL_ONLY = 4  # of onnxruntime's log levels; errors are raised anyway


@dataclass(frozen=True)
class Device:
    """A device that onnxruntime may compute on.

    Attributes:
        provider: onnxruntime's name for it.
        remedy: what to do where the installed onnxruntime does not contain it. The packages
            replace each other: all are imported as ``onnxruntime``.
    """

    provider: str
    remedy: str


def _replace_with(package: str) -> str:
    return f"`pip uninstall onnxruntime`, then `pip install {package}`"


DEVICES: Mapping[str, Device] = {
    "cpu": Device("CPUExecutionProvider", "install onnxruntime again"),
    "cuda": Device("CUDAExecutionProvider", _replace_with("onnxruntime-gpu")),
    "directml": Device("DmlExecutionProvider", _replace_with("onnxruntime-directml")),
    "coreml": Device("CoreMLExecutionProvider", "the package for macOS does"),
    "openvino": Device("OpenVINOExecutionProvider", _replace_with("onnxruntime-openvino")),
}

# Bytes for each pixel that a network sees at once, by preset; johnson and mobile were
# measured at 1024x2048 with onnxruntime 1.32, three pictures in turn; half is in proportion.
ONNX_BYTES = {"johnson": 1340, "half": 740, "mobile": 190}


class OnnxPainter:
    """Runs an ONNX file that ``onestroke export`` wrote.

    Args:
        path: the file.
        card: its card, if it was read already.
        threads: number of threads; by default one per core that the process may use.
        device: a name in ``DEVICES``.

    Raises:
        ModelError: the file is missing, broken, or not an export of onestroke.
        SettingsError: onnxruntime is not installed, or does not support the device.
    """

    survives_fork = True

    def __init__(
        self,
        path: Path,
        card: ModelCard | None = None,
        *,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        content = _read(path)
        self.card = card or _find_card(path, content)
        _check_network(path, content)
        self._path = path
        export = self.card.export
        size = export.size if export else None
        self._canvas = FixedSizeCanvas(path.name, size) if size else None
        self._channels_first = export is not None and export.options.get("layout") == "nchw"
        self._session = _open_session(path, content, threads or available_cores(), device)

    def memory(self, size: tuple[int, int]) -> int:
        """See ``stylizer.Painter``."""
        height, width = self._canvas.size if self._canvas else size
        return height * width * ONNX_BYTES[self.card.preset]

    def pieces(self, picture: np.ndarray, style: np.ndarray) -> Iterator[Piece]:
        """Paints the picture as one piece; see ``stylizer.Painter``.

        Raises:
            PictureError: the picture is too large, or too long for the file's one size.
        """
        height, width = picture.shape[:2]
        region = slice(0, height), slice(0, width)
        if self._canvas:
            yield region, self._canvas.paint(picture, lambda window: self._run(window, style))
            return
        check_whole(picture)
        yield region, self._run(picture, style)

    def _run(self, picture: np.ndarray, style: np.ndarray) -> np.ndarray:
        """Returns the paint of one picture, (height, width, 3) float32 RGB in [0, 255]."""
        image = picture[None].astype(np.float32)
        if self._channels_first:
            image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
        inputs = {"image": image}
        if len(style) > 1:
            inputs["style"] = style[None].astype(np.float32)
        try:
            (painted,) = self._session.run(["styled"], inputs)
            painted = painted.transpose(0, 2, 3, 1)[0] if self._channels_first else painted[0]
            if painted.shape != picture.shape:
                raise ValueError(f"it paints {painted.shape}")
        # onnxruntime's exceptions share no base class.
        except Exception as error:
            reason = shorten_text(" ".join(str(error).split()))
            raise ModelError(
                f"onnxruntime cannot paint with {self._path} ({reason}); export it again"
            ) from error
        return painted


def _open_session(path: Path, content: bytes, threads: int, device: str) -> Any:
    """Loads the model into onnxruntime."""
    if device not in DEVICES:
        raise SettingsError(f"unknown device {device!r}; choose one of {', '.join(DEVICES)}")
    check_onnx(write=False)
    import onnxruntime

    provider = DEVICES[device].provider
    available = onnxruntime.get_available_providers()
    if provider not in available:
        known = ", ".join(name for name, one in DEVICES.items() if one.provider in available)
        raise SettingsError(
            f"the installed onnxruntime does not support {device}, only {known}; "
            f"{DEVICES[device].remedy}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = FATAL_ONLY
    # With memory patterns, the second picture of a size took up to two thirds more memory than the
    # first, and no less time.
    options.enable_mem_pattern = False
    # Operators that an accelerator does not support run on the processor.
    providers = list(dict.fromkeys([provider, DEVICES["cpu"].provider]))
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    # onnxruntime's exceptions share no base class.
    except Exception as error:
        raise ModelError(f"onnxruntime cannot load {path} on {device}; export it again") from error
    if session.get_providers()[0] != provider:
        raise SettingsError(
            f"onnxruntime cannot start {device}; check its driver and libraries, or leave out "
            f"--device {device}"
        )
    return session


def read_onnx_card(path: Path) -> ModelCard:
    """Returns the card that ``onestroke export`` wrote into the metadata of an ONNX file.

    Needs neither onnx nor onnxruntime.

    Raises:
        ModelError: the file is missing, broken, or not an export of onestroke.
    """
    return _find_card(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error


def _find_card(path: Path, content: bytes) -> ModelCard:
    try:
        entries = [
            dict(_fields(entry)) for number, entry in _fields(content) if number == METADATA_PROPS
        ]
        metadata = {bytes(entry[ENTRY_KEY]): bytes(entry[ENTRY_VALUE]) for entry in entries}
        values = json.loads(metadata[METADATA_KEY.encode()])
    # A truncated file or one of another format fails anywhere: IndexError, KeyError, ValueError, …
    except Exception as error:
        raise ModelError(
            f"{path} is not an ONNX file that `onestroke export` wrote, or it is damaged; "
            "export it again"
        ) from error
    return parse_card(values, str(path))


def _check_network(path: Path, content: bytes) -> None:
    """Raises a ModelError for a network that reads other files, or has other operators."""
    try:
        for number, part in _fields(content):
            if number in FOREIGN_PARTS:
                raise ValueError("functions")
            if number == GRAPH:
                _check_graph(part)
    # As in `_find_card`.
    except Exception as error:
        raise ModelError(
            f"{path} is damaged, or its network is not one of onestroke ({error}); export it again"
        ) from error


def _check_graph(graph: memoryview) -> None:
    for number, part in _fields(graph):
        if number == SPARSE_INITIALIZER:
            raise ValueError("sparse tensors")
        if number == INITIALIZER:
            _check_tensor(part)
        if number == NODE:
            _check_node(part)


def _check_node(node: memoryview) -> None:
    for number, value in _fields(node):
        if number == OPERATOR and bytes(value).decode() not in OPERATORS:
            raise ValueError(f"operator {bytes(value[:40]).decode()!r}")
        if number == DOMAIN and bytes(value) not in (b"", b"ai.onnx"):
            raise ValueError("operators of another domain")
        if number == ATTRIBUTE:
            for kind, part in _fields(value):
                if kind in GRAPHS:
                    raise ValueError("a network in the network")
                if kind in TENSORS:
                    _check_tensor(part)


def _check_tensor(tensor: memoryview) -> None:
    if any(number in DATA_ELSEWHERE and value for number, value in _fields(tensor)):
        raise ValueError("data in another file")


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """Yields number and value of every field of a protocol buffer; submessages stay bytes.

    Raises:
        ValueError: the message is truncated, or not a protocol buffer.
    """
    message, position = memoryview(message), 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if kind == LENGTH_DELIMITED:
            length, position = _varint(message, position)
        elif kind in (FIXED_32, FIXED_64):
            length = 4 if kind == FIXED_32 else 8
        else:
            raise ValueError(f"unknown wire type {kind}")
        if position + length > len(message):
            raise ValueError("truncated field")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Returns the number that begins at ``position``, and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("a varint of more than ten bytes")
