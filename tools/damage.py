"""Damaged and hostile versions of files, for ``tools/fuzz.py``.

Every function takes the bytes of a sound file and a generator of random numbers, and returns other
bytes. Half of the damage is blind. The other half keeps what a decoder checks first (lengths,
checksums, archives), so that the damage reaches the code behind those checks.
"""

import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from onestroke.stylize.tflite_metadata import (
    CHECKSUM_NAME,
    TableReader,
    compute_checksum,
    find_metadata,
)

Damage = Callable[[bytes, random.Random], bytes]

EXTREMES = (0, 1, 2, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER = 256  # bytes in which most formats keep sizes
BOMB = 2**29  # bytes that an archive unpacks to


def damage_anything(data: bytes, chance: random.Random) -> bytes:
    """Flips bits, cuts, repeats, splices, or writes extreme numbers, without knowing the format."""
    return chance.choice(
        (_flip, _flip, _cut, _remove, _repeat, _splice, _write_number, _write_number, _fill)
    )(data, chance)


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.choice((1, 2, 4, 16, 256, 4096)))


def _remove(data: bytes, chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    return data[:start] + data[stop:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    return data[:stop] + data[start:stop] * chance.choice((1, 2, 100)) + data[stop:]


def _splice(data: bytes, chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    place = chance.randrange(len(data))
    return data[:place] + data[start:stop] + data[place + stop - start :]


def _write_number(data: bytes, chance: random.Random) -> bytes:
    """Writes an extreme number where sizes and lengths are, mostly near the start."""
    end = len(data) if chance.random() < 0.3 else min(HEADER, len(data))
    place = chance.randrange(max(1, end - 4))
    number = chance.choice((*EXTREMES, chance.getrandbits(32)))
    width, order = chance.choice((2, 4)), chance.choice(("little", "big"))
    content = (number & (2 ** (8 * width) - 1)).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:place] + content + data[place + width :]


def _fill(data: bytes, chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    return data[:start] + chance.choice((b"\0", b"\xff")) * (stop - start) + data[stop:]


def damage_png(data: bytes, chance: random.Random) -> bytes:
    """Changes, repeats, drops or moves one chunk; lengths and checksums stay right."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        chunks.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    index = chance.randrange(len(chunks))
    name, content = chunks[index]
    action = chance.randrange(7)
    if action == 0:
        chunks.insert(index, (name, content))
    elif action == 1:
        chunks.insert(chance.randrange(len(chunks)), chunks.pop(index))
    elif action == 2:
        chunks[index] = (name, zlib.compress(bytes(chance.choice((0, 9, 10**6)))))
    elif action == 3:
        kind = chance.choice((b"acTL", b"fcTL", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"zTXt"))
        text = b"a\0\0" + zlib.compress(bytes(10**7)) if kind in (b"iCCP", b"zTXt") else b""
        chunks.insert(1, (kind, text or chance.randbytes(chance.choice((0, 1, 8, 26, 900)))))
    elif action == 4:
        sizes = struct.pack(">II", *(chance.choice((1, 64, 5000, 140000, 2**31 - 1)),) * 2)
        rest = bytes((chance.choice((1, 2, 4, 8, 16)), chance.randrange(7), 0, 0, 1))
        chunks[0] = (b"IHDR", sizes + rest)
    elif content:
        chunks[index] = (name, damage_anything(content, chance))
    return data[:8] + b"".join(
        struct.pack(">I4s", len(content), name)
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def damage_jpeg(data: bytes, chance: random.Random) -> bytes:
    """Changes one segment, its length kept, or repeats scans thousands of times."""
    segments, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segments.append((place, place + 2 + length))
        if data[place + 1] == 0xDA:
            break
        place += 2 + length
    start, stop = chance.choice(segments)
    action = chance.randrange(4)
    if action == 0:
        return data[:start] + data[start:stop] * chance.choice((2, 50)) + data[stop:]
    if action == 1:  # the size of the picture
        for begin, _ in segments:
            if data[begin + 1] in (0xC0, 0xC1, 0xC2):
                sides = struct.pack(">HH", *(chance.choice((0, 1, 3000, 5700, 65500)),) * 2)
                data = data[: begin + 5] + sides + data[begin + 9 :]
    if action == 2 or (action == 1 and chance.random() < 0.5):
        scan = data[data.rfind(b"\xff\xda") : data.rfind(b"\xff\xd9")]
        return data[:-2] + scan * chance.choice((10, 3000)) + b"\xff\xd9"
    if action == 3 and stop - start > 4:
        inside = damage_anything(data[start + 4 : stop], chance)
        inside = inside[: stop - start - 4].ljust(stop - start - 4, b"\0")
        return data[: start + 4] + inside + data[stop:]
    return data


def damage_webp(data: bytes, chance: random.Random) -> bytes:
    """Changes what is inside the container, whose length stays right, or animates it."""
    inside = damage_anything(data[12:], chance)
    if chance.random() < 0.2:
        side = chance.choice((0, 100, 2**24 - 2)).to_bytes(3, "little")
        inside = b"VP8X" + struct.pack("<I", 10) + b"\x3e\0\0\0" + side * 2 + inside
    return b"RIFF" + struct.pack("<I", len(inside) + 4) + b"WEBP" + inside


def damage_tiff(data: bytes, chance: random.Random) -> bytes:
    """Changes the entries of the first directory, or adds thousands of directories."""
    order = "<" if data[:2] == b"II" else ">"
    place = struct.unpack(f"{order}I", data[4:8])[0]
    count = struct.unpack(f"{order}H", data[place : place + 2])[0]
    changed = bytearray(data)
    action = chance.randrange(5)
    end = place + 2 + 12 * count
    if action == 0:  # a chain of directories without an end, or a very long one
        pages = chance.choice((1, 30_000))
        chain = bytearray()
        for page in range(pages):
            at = len(data) + 18 * page
            following = at + 18 if page + 1 < pages else place
            chain += struct.pack(f"{order}HHHIII", 1, 254, 4, 1, 0, following)
        changed[end : end + 4] = struct.pack(f"{order}I", len(data))
        return bytes(changed + chain)
    for _ in range(chance.choice((1, 1, 3))):
        entry = place + 2 + 12 * chance.randrange(count)
        kind, width = chance.choice((("H", 0), ("H", 2), ("I", 4), ("I", 8), ("I", 8)))
        number = chance.choice((*EXTREMES, chance.getrandbits(16), chance.randrange(1, 20)))
        content = struct.pack(f"{order}{kind}", number & (0xFFFF if kind == "H" else 0xFFFFFFFF))
        changed[entry + width : entry + width + len(content)] = content
    return bytes(changed)


def damage_bmp(data: bytes, chance: random.Random) -> bytes:
    """Changes numbers of the header, which says how the rows are packed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        place, width = chance.choice(
            ((10, 4), (14, 4), (18, 4), (22, 4), (28, 2), (30, 4), (46, 4))
        )
        number = chance.choice((*EXTREMES, 4, 8, 16, 24, 32, 40, 108, 124, 5000, 140_000))
        changed[place : place + width] = (number % 256**width).to_bytes(width, "little")
    return bytes(changed)


def damage_style_file(data: bytes, chance: random.Random) -> bytes:
    """Packs the archive anew, with another card, other weights or other members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    action = chance.randrange(6)
    if action < 3:
        name = chance.choice(("config.json", "config.json", "metadata.json"))
        values = json.loads(members[name])
        for _ in range(chance.choice((1, 1, 2))):
            _change_json(values, chance)
        members[name] = json.dumps(values).encode()
    elif action < 5:
        name = "model.weights.h5"
        members[name] = damage_anything(members[name], chance)
    return _pack(members, chance)


def damage_arrays(data: bytes, chance: random.Random) -> bytes:
    """Packs an ``.npz`` anew, with another header, other numbers or other members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(members))
    content = members[name]
    action = chance.randrange(6)
    if action < 3:
        end = 10 + int.from_bytes(content[8:10], "little")
        shape = chance.choice(
            ("()", "(0,)", "(-1,)", "(2**62,)", "(1000000000,)", "(4611686018427387904, 4)", "(1,)")
        )
        kind = chance.choice(("'|O'", "'<f4'", "'<U1000000'", "'|V0'", "[('a', '|O')]", "'<M8[s]'"))
        order = chance.choice(("True", "False", "1", "None"))
        header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
        if chance.random() < 0.2:
            header = chance.choice(
                (b"[" * 9000, b"{", b"'\\x", b"\xff\xfe", b"(" * 400 + b")" * 400)
            )
        members[name] = (
            b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content[end:]
        )
    elif action == 3:
        members[name] = chance.choice(
            (b"", b"\x93NUMPY", b"cos\nsystem\n", content[:7], content[8:])
        )
    elif action == 4:
        members[name] = damage_anything(content, chance)
    else:
        del members[name]
    return _pack(members, chance)


HOSTILE_NAMES = ("../outside", "/tmp/outside", "a/../../b", "C:\\outside", "assets/x", "x\0y", "")


def _pack(members: dict[str, bytes], chance: random.Random) -> bytes:
    """Returns an archive, sometimes with a hostile member, a bomb, or another compression."""
    stream = io.BytesIO()
    kind = chance.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about names that occur twice
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, kind, compresslevel=1)
        if chance.random() < 0.2:
            entry = zipfile.ZipInfo(chance.choice(HOSTILE_NAMES) or chance.choice(list(members)))
            entry.external_attr = chance.choice((0, 0o120777 << 16, 0o40755 << 16))
            archive.writestr(entry, chance.choice((b"/etc/passwd", b"", b"\x93NUMPY")))
        if chance.random() < 0.02:
            bomb = zipfile.ZipInfo(chance.choice(list(members)))
            bomb.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(bomb, "w", force_zip64=True) as file:
                for _ in range(BOMB // 2**20):
                    file.write(bytes(2**20))
    return stream.getvalue()


def _change_json(values: Any, chance: random.Random) -> None:
    """Replaces, removes or repeats one value of a JSON document."""
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        keys = (
            node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        )
        for key in keys:
            places.append((node, key))
            collect(node[key])

    collect(values)
    node, key = chance.choice(places)
    if chance.random() < 0.2:
        del node[key]
        return
    node[key] = chance.choice(
        (
            *(None, True, -1, 0, 10**9, 10**400, 1.5, float("nan"), "", "x" * 10**6, "\ud800", {}),
            *([], [[]] * 1000, _deep(600), {"class_name": "Lambda", "module": "keras.layers"}),
            *("../../etc/passwd", "\x1b[31m<script>", {"registered_name": "x>Y"}),
        )
    )


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def damage_tflite(data: bytes, chance: random.Random) -> bytes:
    """Damages the network of a TFLite file and writes the checksum that fits."""
    if chance.random() < 0.25:
        return _seal(damage_anything(data, chance))
    reader, changed = TableReader(data), bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 4))):
        place, width = chance.choice(_PLACES)(reader, chance)
        number = chance.choice((*EXTREMES, chance.randrange(1000), 2**24, 10**9))
        if place is not None:
            changed[place : place + width] = (number % 256**width).to_bytes(width, "little")
    return _seal(bytes(changed))


Place = tuple[int | None, int]  # where a number is, and its bytes


def _of_graph(reader: TableReader, field: int, chance: random.Random) -> int:
    """Returns a tensor (field 0) or an operator (field 3)."""
    (graph,) = reader.tables(reader.follow(0), 2)
    return chance.choice(reader.tables(graph, field))


def _in_vector(reader: TableReader, table: int, field: int, chance: random.Random) -> Place:
    numbers = reader.vector(table, field, 4)
    if numbers.start == numbers.stop:
        return None, 4
    return chance.randrange(numbers.start, numbers.stop, 4), 4


def _in_tensor(reader: TableReader, chance: random.Random) -> Place:
    """Chooses a shape, the type, the buffer, or a number of the quantisation."""
    tensor, field = _of_graph(reader, 0, chance), chance.choice((0, 0, 1, 2, 4, 7))
    place = reader.field(tensor, field)
    if field in (0, 7):
        return _in_vector(reader, tensor, field, chance)
    if field == 4 and place is not None:
        return _in_vector(reader, reader.follow(place), chance.choice((0, 2, 3)), chance)
    return place, 1 if field == 1 else 4


def _in_operator(reader: TableReader, chance: random.Random) -> Place:
    """Chooses the code, an input, an output, or an option."""
    operator, field = _of_graph(reader, 3, chance), chance.randrange(5)
    place = reader.field(operator, field)
    if field in (1, 2):
        return _in_vector(reader, operator, field, chance)
    if field == 4 and place is not None:
        return reader.field(reader.follow(place), chance.randrange(6)), chance.choice((1, 4))
    return place, 1 if field == 3 else 4


def _in_constant(reader: TableReader, chance: random.Random) -> Place:
    """Chooses a number of a small constant: axes and bounds of slices."""
    buffers = [reader.vector(each, 0) for each in reader.tables(reader.follow(0), 4)]
    chosen = chance.choice([each for each in buffers if 4 <= each.stop - each.start <= 64])
    return chance.randrange(chosen.start, chosen.stop - 3, 4), 4


_PLACES = (_in_tensor, _in_operator, _in_constant)


def _seal(data: bytes) -> bytes:
    """Returns a TFLite file with the checksum of its content, where its place can be found."""
    try:
        place = find_metadata(data)[CHECKSUM_NAME]
    except (struct.error, IndexError, KeyError, ValueError):
        return data
    checksum = compute_checksum(data, place)[: place.stop - place.start]
    return data[: place.start] + checksum + data[place.stop :]


YAML_VALUES = (
    *(
        "2001-99-99",
        "2001-01-01 99:99:99",
        "1" * 5000,
        "0x" + "f" * 5000,
        "9" * 400,
        "1:" * 500 + "1",
    ),
    *(".nan", ".inf", "1e400", "~", "''", "[]", "{}", "!!python/object/apply:os.system [id]"),
    *(
        "!!binary x",
        "!!timestamp x",
        "!!int x",
        "!!float x",
        "!!set {a, b}",
        "!!omap [a]",
        "*a",
        "&a",
    ),
    *("[" * 300 + "]" * 300, "[" * 20_000, "{a: " * 300 + "}" * 300, "? [a]", "<<: 1", "|", ">"),
    *(
        "'\\ud800'",
        '"\\ud800"',
        '"\\x1b[2J"',
        "&a [*a]",
        "%TAG ! x",
        "---",
        "...",
        "!<x> y",
        "@",
        "`",
    ),
)


def damage_yaml(data: bytes, chance: random.Random) -> bytes:
    """Replaces a value or a key by one that parsers stumble over, or adds exploding anchors."""
    lines = data.decode().splitlines()
    action = chance.randrange(6)
    if action == 0:
        return (_explosion(chance) + "\n".join(lines)).encode()
    index = chance.randrange(len(lines))
    key, colon, _ = lines[index].partition(":")
    value = chance.choice(YAML_VALUES)
    if action == 1:
        lines.insert(index, f"{value}: 1")
    elif action == 2:
        lines.insert(index, lines[chance.randrange(len(lines))])
    elif action == 3:
        lines[index] = chance.choice(("\t", " ", "  - ", "? ", "- ", "# ")) + lines[index]
    else:
        lines[index] = f"{key}{colon or ':'} {value}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _explosion(chance: random.Random) -> str:
    """Returns anchors that refer to each other: few lines, billions of entries."""
    form = chance.choice(("[{}]", "{{<<: [{}]}}", "{{a: {}}}", "[[{}], x]"))
    lines = ["a0: &a0 {x: y}" if "<<" in form else "a0: &a0 [x, y]"]
    for number in range(1, chance.choice((3, 12, 40))):
        again = ", ".join([f"*a{number - 1}"] * 9) if "{a:" not in form else f"*a{number - 1}"
        lines.append(f"a{number}: &a{number} " + form.format(again))
    key = chance.choice(("train", "style", "x", "data"))
    lines.append(f"{key}: *a{number}")
    return "\n".join(lines) + "\n"


STRUCTURED: dict[str, Damage] = {
    "jpeg": damage_jpeg,
    "png": damage_png,
    "webp": damage_webp,
    "tiff": damage_tiff,
    "bmp": damage_bmp,
    "keras": damage_style_file,
    "tflite": damage_tflite,
    "npz": damage_arrays,
    "yaml": damage_yaml,
}


def damage(kind: str, seeds: Sequence[bytes], number: int) -> bytes:
    """Returns damaged file ``number`` of a kind; the same for the same seeds."""
    chance = random.Random(f"{kind} {number}")
    data = chance.choice(seeds)
    ways = (damage_anything, STRUCTURED[kind])
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if len(data) > 16:
            try:
                data = chance.choice(ways)(data, chance)
            except Exception:  # already too damaged to be taken apart
                data = damage_anything(data, chance)
    return data
