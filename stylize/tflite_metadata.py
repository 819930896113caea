"""What onestroke writes into a TFLite file besides the network: the model card and a checksum.

The card is read with the few bytes of the FlatBuffers format that lead to it. The schema
classes of ``ai_edge_litert`` parse every number of the network in Python, which takes longer than
painting a picture. The checksum is that of the whole file: an interpreter that is given a file cut
short reads beyond its end.
"""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from onestroke.errors import ModelError
from onestroke.models.card import ModelCard, parse_card

FILE_IDENTIFIER = b"TFL3"
CARD_NAME = "onestroke"
CHECKSUM_NAME = "onestroke_crc32"  # of the file, with zeros in the place of the checksum itself
EMPTY_CHECKSUM = bytes(4)
BUFFER_ALIGNMENT = 16  # bytes, which TFLite's schema requires of every buffer (`force_align`)

# Fields of tables in TensorFlow's tensorflow/compiler/mlir/lite/schema/schema.fbs, by position.
MODEL_BUFFERS, MODEL_METADATA = 4, 6
METADATA_NAME, METADATA_BUFFER = 0, 1
BUFFER_DATA = 0

# More would take minutes, as all may lead to one place; a johnson network has 210 buffers.
MAX_TABLES, MAX_METADATA = 20_000, 32


def is_tflite(path: Path) -> bool:
    """Returns whether a file is a TFLite file, of any program; known by its content."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == FILE_IDENTIFIER
    except OSError:
        return False


def read_tflite_card(path: Path) -> ModelCard:
    """Returns the card in a TFLite file that onestroke wrote.

    Raises:
        ModelError: the file is missing or damaged, or another program wrote it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot open {path}: {error.strerror}") from error
    try:
        entries = find_metadata(content)
        stored = entries[CHECKSUM_NAME]
        if content[stored] != compute_checksum(content, stored):
            raise ValueError("the checksum differs")
        values = json.loads(content[entries[CARD_NAME]])
    # A damaged file leads anywhere: beyond its end, to other names, to broken text.
    except (struct.error, IndexError, KeyError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} is damaged, or not a TFLite file written by onestroke; export it again"
        ) from error
    card = parse_card(values, str(path))
    if card.export is None:
        raise ModelError(f"{path} does not record how it was exported; export it again")
    return card


def find_metadata(content: bytes) -> dict[str, slice]:
    """Returns where the metadata of a TFLite file are, by name.

    Raises:
        struct.error, IndexError, ValueError: it is not a TFLite file, or a damaged one.
    """
    if content[4:8] != FILE_IDENTIFIER:
        raise ValueError("no TFLite file")
    reader = TableReader(content)
    model = reader.follow(0)
    buffers = reader.tables(model, MODEL_BUFFERS)
    found = {}
    entries = reader.tables(model, MODEL_METADATA)
    if len(entries) > MAX_METADATA:
        raise ValueError("too many metadata")
    for entry in entries:
        name = content[reader.vector(entry, METADATA_NAME)].decode()
        place = reader.field(entry, METADATA_BUFFER)
        buffer = buffers[reader.number("<I", place) if place else 0]
        found[name] = reader.vector(buffer, BUFFER_DATA)
    return found


class TableReader:
    """Follows the offsets of a FlatBuffers file, never beyond its end.

    Args:
        content: the file.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    def number(self, kind: str, position: int) -> int:
        """Reads one number; ``kind`` is that of ``struct``."""
        if position < 0:
            raise ValueError("a position before the beginning")
        return struct.unpack_from(kind, self.content, position)[0]

    def follow(self, position: int) -> int:
        """Returns the position that the offset at ``position`` leads to."""
        return position + self.number("<I", position)

    def field(self, table: int, index: int) -> int | None:
        """Returns the position of a table's field, None where the field has its default."""
        layout = table - self.number("<i", table)
        slot = 4 + 2 * index
        if slot >= self.number("<H", layout):
            return None
        offset = self.number("<H", layout + slot)
        return table + offset if offset else None

    def vector(self, table: int, index: int, width: int = 1) -> slice:
        """Returns where the elements of a field are that holds a vector; empty without the field.

        Raises:
            ValueError: the vector ends beyond the file.
        """
        place = self.field(table, index)
        if place is None:
            return slice(0, 0)
        start = self.follow(place) + 4
        stop = start + width * self.number("<I", start - 4)
        if stop > len(self.content):
            raise ValueError("a vector beyond the end")
        return slice(start, stop)

    def tables(self, table: int, index: int) -> list[int]:
        """Returns the positions of the tables in a field that holds a vector of them."""
        places = self.vector(table, index, width=4)
        if places.stop - places.start > 4 * MAX_TABLES:
            raise ValueError("too many tables")
        return [self.follow(position) for position in range(places.start, places.stop, 4)]


def compute_checksum(content: bytes, stored: slice) -> bytes:
    """Returns the checksum of a file; ``stored`` is where the file keeps it."""
    checksum = zlib.crc32(content[: stored.start])
    checksum = zlib.crc32(EMPTY_CHECKSUM, checksum)
    return zlib.crc32(content[stored.stop :], checksum).to_bytes(4, "little")


def write_card(content: bytes, card: ModelCard) -> bytes:
    """Returns a TFLite file with the card and the checksum in its metadata.

    Equal constants are stored once. Tensors of a signature get the names that they have in it,
    others their index, as OpenVINO does not read a file without names; in a runtime file, which
    LiteRT reads, others have none. Together that saves a tenth of a small network.

    Args:
        content: the TFLite file, from a converter or a quantiser.
        card: what the file holds; stored as JSON.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for stored in model.buffers:
        if stored.offset > 1:  # the quantiser puts large ones behind the tables
            stored.data = np.frombuffer(content, np.uint8, stored.size, stored.offset)
            stored.offset = stored.size = 0
    _merge_buffers(model)
    named = card.export is None or card.export.format != "runtime"
    for subgraph in model.subgraphs:
        for index, tensor in enumerate(subgraph.tensors):
            tensor.name = str(index).encode() if named else None
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        for entry in (*signature.inputs, *signature.outputs):
            tensors[entry.tensorIndex].name = entry.name
    for name, data in (
        (CARD_NAME, card.model_dump_json().encode()),
        (CHECKSUM_NAME, EMPTY_CHECKSUM),
    ):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name = name.encode()
        entry.buffer = len(model.buffers) - 1
        model.metadata = [*(model.metadata or []), entry]
    builder = AlignedBuilder(len(content))
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    packed = bytes(builder.Output())
    place = find_metadata(packed)[CHECKSUM_NAME]
    return packed[: place.start] + compute_checksum(packed, place) + packed[place.stop :]


class AlignedBuilder(flatbuffers.Builder):
    """Writes every buffer to a multiple of ``BUFFER_ALIGNMENT`` in the file.

    The code that flatbuffers generates for Python ignores the schema's ``force_align``. Buffers
    are the arrays of bytes; aligned shapes and lists of inputs would add 20 kB to a small network.
    """

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802  # flatbuffers calls it
        """Pads the file, then writes the array."""
        if x.dtype == np.uint8:
            self.Prep(BUFFER_ALIGNMENT, x.nbytes)
        return super().CreateNumpyVector(x)


def _merge_buffers(model: Any) -> None:
    """Stores equal constants of a network once."""
    merged: list[Any] = []
    place_of: dict[Any, int] = {}
    places: list[int] = []
    for index, buffer in enumerate(model.buffers):
        data = None if buffer.data is None else bytes(buffer.data)
        key = (index,) if index == 0 or not data else data  # the first one means none
        if key not in place_of:
            place_of[key] = len(merged)
            merged.append(buffer)
        places.append(place_of[key])
    model.buffers = merged
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = places[tensor.buffer]
    for entry in model.metadata or []:
        entry.buffer = places[entry.buffer]
