"""Loads thousands of damaged and hostile files as users do, and counts how that ends.

    python tools/fuzz.py                      # 1,000 files of every kind
    python tools/fuzz.py tflite --count 5000 --first 1000 --output build/fuzz

Each file is loaded through a public entry point in a child process, which is replaced when it ends
or is ended. How a file can end:

    loaded       it was read; TFLite files also painted a small picture
    refused      one line, an ``OnestrokeError``
    traceback    another exception, several lines, or a line of over 1,000 characters
    hang         more than 10 seconds
    memory       the child took more than 2 GB
    crash        the child ended

The last four are faults. Their files are kept in ``--output``, and the exit status is 1. File
number N of a kind is always the same, so a fault is found again with ``--first N --count 1``.
Seeds are made of the package's own files; ``--seeds`` names a folder with more, whose suffixes are
the kinds.
"""

import argparse
import contextlib
import io
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
from damage import STRUCTURED, damage
from PIL import Image

SECONDS = 10
MEMORY = 2 * 2**30  # bytes
LINE = 1000  # characters; a message may contain two paths
FILES_OF_CHILD = 250  # Keras keeps a little memory of every network
START_SECONDS = 120  # until a child has imported TensorFlow
FAULTS = ("traceback", "hang", "memory", "crash")
RESULTS = ("loaded", "refused", *FAULTS)
KINDS = tuple(STRUCTURED)


def make_seeds(kind: str) -> list[bytes]:
    """Returns sound files of a kind."""
    if kind in ("keras", "tflite"):
        from onestroke.models.style_file import BUNDLED

        return [BUNDLED["base_mobile"].with_suffix(f".{kind}").read_bytes()]
    if kind == "yaml":
        from onestroke import configs

        return [file.read_bytes() for file in Path(configs.__file__).parent.glob("*.yaml")]
    return _make_arrays() if kind == "npz" else _make_pictures(kind)


def _make_pictures(kind: str) -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (33, 47, 4), np.uint8)
    colour = Image.fromarray(noise[..., :3])
    smooth = colour.resize((200, 150), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274], exif[271] = 6, "maker"
    several = {"save_all": True, "append_images": [colour.rotate(9)]}
    images: dict[str, list[tuple[Image.Image, dict]]] = {
        "jpeg": [
            (smooth, {"progressive": True}),
            (smooth, {"exif": exif}),
            (smooth.convert("L"), {}),
            (smooth.convert("CMYK"), {}),
        ],
        "png": [
            (colour, several),
            (Image.fromarray(noise), {"exif": exif}),
            (colour.convert("P"), {}),
        ],
        "webp": [(smooth, {}), (Image.fromarray(noise), {"lossless": True}), (colour, several)],
        "tiff": [
            (colour, several),
            (colour, {"compression": "tiff_lzw"}),
            (colour, {"compression": "tiff_deflate"}),
            (colour, {"compression": "jpeg"}),
            (colour.convert("1"), {"compression": "group4"}),
        ],
        "bmp": [(colour, {}), (colour.convert("P"), {}), (colour.convert("1"), {})],
    }
    seeds = []
    for image, options in images[kind]:
        stream = io.BytesIO()
        image.save(stream, kind.upper(), **options)
        seeds.append(stream.getvalue())
    if kind == "bmp":
        seeds.append(_compress_bmp(seeds[1]))
    return seeds


def _compress_bmp(data: bytes) -> bytes:
    """Returns a BMP of 256 colours whose rows are runs; Pillow writes none."""
    place = int.from_bytes(data[10:14], "little")
    runs = b"\x2f\x05\0\0" * 33 + b"\0\1"
    return data[:30] + b"\1\0\0\0" + len(runs).to_bytes(4, "little") + data[38:place] + runs


def _make_arrays() -> list[bytes]:
    """Returns weights of VGG19, which are all zero, and the state of an optimisation."""
    from onestroke.models.vgg19_weights import DEPTHS, WIDTHS

    arrays, before = {}, 3
    for block, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True), 1):
        for layer in range(1, depth + 1):
            name = f"block{block}_conv{layer}"
            arrays[f"{name}/index"] = np.zeros((3, 3, before, width), np.uint8)
            arrays[f"{name}/codebook"] = np.zeros(256, np.float32)
            arrays[f"{name}/bias"] = np.zeros(width, np.float32)
            before = width
    weights, state = io.BytesIO(), io.BytesIO()
    np.savez_compressed(weights, **arrays)
    header = json.dumps({"fingerprint": "x", "level": 0, "iteration": 1})
    picture = np.zeros((8, 8, 3), np.float32)
    np.savez(state, **{"header": np.array(header), "picture": picture, "memory.step": picture})
    return [weights.getvalue(), state.getvalue()]


def open_loader(kind: str, folder: Path) -> Callable[[bytes], object]:
    """Returns a function that loads a file of a kind as a user does."""
    path = folder / f"file.{kind}"

    def from_file(load: Callable[[], object]) -> Callable[[bytes], object]:
        def write_and_load(data: bytes) -> object:
            path.write_bytes(data)
            return load()

        return write_and_load

    if kind == "keras":
        import onestroke

        return from_file(lambda: onestroke.load(path, runtime="keras"))
    if kind == "tflite":
        import onestroke

        picture = np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)
        return from_file(lambda: onestroke.load(path)(picture))
    if kind == "yaml":
        from onestroke.train.settings import read_recipe

        return from_file(lambda: read_recipe(path))
    if kind == "npz":
        from onestroke.models.vgg19_weights import load_vgg19_weights
        from onestroke.optimize.optimization_state import load_state

        def load_arrays() -> object:
            with contextlib.suppress(zipfile.BadZipFile, ValueError, NotImplementedError):
                if "header.npy" in zipfile.ZipFile(path).namelist():
                    return load_state(path, "x", [(8, 8)])
            return load_vgg19_weights(path)

        return from_file(load_arrays)
    import onestroke

    return lambda data: onestroke.read_picture(data, with_metadata=True).over_white()


def run_child(kind: str, first: int, last: int, seeds: Path | None) -> None:
    """Loads files one by one and prints a line before and after each, for the parent."""
    from onestroke.errors import OnestrokeError

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print, too
    with tempfile.TemporaryDirectory() as folder:
        load = open_loader(kind, Path(folder))
        sound = _read_seeds(kind, seeds)
        for seed in sound[:2]:
            with contextlib.suppress(OnestrokeError):
                load(seed)
        for number in range(first, last):
            data = damage(kind, sound, number)
            print("begin", number, file=answers, flush=True)
            Path("/proc/self/clear_refs").write_text("5")  # the peak of memory, from here on
            result, text = "loaded", ""
            try:
                load(data)
            except OnestrokeError as error:
                text = str(error)
                result = "traceback" if "\n" in text or len(text) > LINE else "refused"
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                text = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
                result = "traceback"
            if _memory("self", "VmHWM") > MEMORY:
                result = "memory"
            print("end", number, result, ascii(text[:300]), file=answers, flush=True)


def _read_seeds(kind: str, folder: Path | None) -> list[bytes]:
    more = sorted(folder.glob(f"*.{kind}")) if folder else []
    return make_seeds(kind) + [path.read_bytes() for path in more]


def _memory(process: int | str, field: str) -> int:
    """Returns the bytes of memory that a process has (VmRSS) or had at most (VmHWM)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def run_kind(
    kind: str, first: int, last: int, seeds: Path | None
) -> Iterator[tuple[int, str, str]]:
    """Yields the number of each file, how it ended, and the message."""
    while first < last:
        count = min(last - first, FILES_OF_CHILD)
        command = [sys.executable, __file__, kind, "--first", str(first), "--count", str(count)]
        command += ["--child"] + (["--seeds", str(seeds)] if seeds else [])
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            for number, result, text in _follow(child):
                yield number, result, text
                first = number + 1
            child.kill()


def _follow(child: subprocess.Popen) -> Iterator[tuple[int, str, str]]:
    """Yields the results of a child until it ends; ends it at the limits."""
    output = cast(IO[bytes], child.stdout)
    selector = selectors.DefaultSelector()
    selector.register(output, selectors.EVENT_READ)
    current, begun, rest, part = None, time.monotonic(), b"", None
    while True:
        if selector.select(timeout=0.05):
            part = os.read(output.fileno(), 2**16)
            rest += part
        *lines, rest = rest.split(b"\n")
        for line in lines:
            event, number, *others = line.decode().split(" ", 3)
            begun, current = time.monotonic(), int(number) if event == "begin" else None
            if event == "end":
                yield int(number), others[0], others[1]
        if part == b"":
            status = child.wait()
            if current is not None:
                yield current, "crash", f"exit status {status}"
            elif status:
                raise SystemExit(f"a child ended with status {status} outside of a file")
            return
        if current is None:
            if time.monotonic() - begun > START_SECONDS:
                raise SystemExit("a child does not start")
        elif time.monotonic() - begun > SECONDS:
            yield current, "hang", f"more than {SECONDS} s"
            return
        elif _memory(child.pid, "VmRSS") > MEMORY:
            yield current, "memory", "more than 2 GB"
            return


def main() -> int:
    """Reads the command line and prints the counts."""
    parser = argparse.ArgumentParser(description="load damaged files and count how that ends")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="KIND")
    parser.add_argument("--first", type=int, default=0, metavar="N")
    parser.add_argument("--count", type=int, default=1000, metavar="N")
    parser.add_argument("--seeds", type=Path, metavar="DIR")
    parser.add_argument("--output", type=Path, default=Path("build", "fuzz"), metavar="DIR")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    last = options.first + options.count
    if options.child:
        run_child(options.kinds[0], options.first, last, options.seeds)
        return 0
    print(f"{'kind':8}", *(f"{result:>10}" for result in RESULTS))
    faults = 0
    for kind in options.kinds or KINDS:
        counts: Counter[str] = Counter()
        sound = _read_seeds(kind, options.seeds)
        for number, result, text in run_kind(kind, options.first, last, options.seeds):
            counts[result] += 1
            if result in FAULTS:
                options.output.mkdir(parents=True, exist_ok=True)
                file = options.output / f"{result}_{number}.{kind}"
                file.write_bytes(damage(kind, sound, number))
                print(f"{file}: {text}", file=sys.stderr, flush=True)
        print(f"{kind:8}", *(f"{counts[result]:10}" for result in RESULTS), flush=True)
        faults += sum(counts[result] for result in FAULTS)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
