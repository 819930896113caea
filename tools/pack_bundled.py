"""Packs the style file of a run for the package: its numbers in 16 bits, compressed.

    python tools/pack_bundled.py runs/base base report_512  # or base_mobile

writes ``models/base.keras``, and into it what reports of ``onestroke evaluate`` say of its styles.
Keras reads such a file as any other, into 32 bits.
"""

import io
import json
import sys
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from onestroke.models.style_file import (
    BUNDLED,
    find_style_file,
    painted_styles,
    read_config,
    style_names,
)

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
NOTICE = (
    "The styles of base and base_mobile were learnt from reproductions of paintings in the public "
    "domain, each by a painter who died in 1955 or earlier. Apache-2.0, as onestroke itself."
)


def pack(source: Path, target: Path, reports: Sequence[Path] = ()) -> None:
    """Writes a style file with 16 bits a number, a notice and figures.

    Args:
        source: the style file.
        target: where to write.
        reports: folders of ``onestroke evaluate``, which measured the source at one size.

    Raises:
        ValueError: the reports are not of each of its styles once.
        OverflowError: a number is too large.
    """
    about: dict[str, Any] = {"notice": NOTICE}
    if reports:
        about["evaluated"] = _figures(reports, painted_styles(style_names(read_config(source))))
    change: dict[str, Callable[[bytes], bytes]] = {
        CONFIG: partial(_describe, about=about),
        WEIGHTS: _halve,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, bytes)(old.read(name)))
    target.write_bytes(packed.getvalue())


def _describe(content: bytes, about: dict[str, Any]) -> bytes:
    """Returns the model's description with more in its metadata."""
    model = json.loads(content)
    model["config"]["metadata"] |= about
    return json.dumps(model, ensure_ascii=False).encode()


def _figures(reports: Sequence[Path], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the mean losses of each style, and of how many photographs of which side they are."""
    results = [
        result
        for report in reports
        for result in json.loads((report / "report.json").read_text(encoding="utf-8"))["results"]
    ]
    measured = [result["model"].rpartition(":")[2] for result in results]
    if sorted(measured) != sorted(names):
        raise ValueError(f"expected figures of {', '.join(names)}; got {', '.join(measured)}")
    figures = {
        name: {
            "style": round(result["mean"]["style"], 5),
            "style_share": round(result["style_share"], 5),
            "content": round(result["mean"]["content"], 5),
            "photographs": len(result["photographs"]),
            "size": result["size"],
        }
        for name, result in zip(measured, results, strict=True)
    }
    return {name: figures[name] for name in names}


def _halve(content: bytes) -> bytes:
    """Returns the HDF5 file with every array in float16.

    Raises:
        OverflowError: a number is too large for it.
    """
    halved = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(halved, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                with np.errstate(over="ignore"):
                    numbers = item[()].astype(np.float16)
                if not np.isfinite(numbers).all():
                    raise OverflowError(f"{name} holds a number beyond 65504")
                new[name] = numbers
            else:
                new.require_group(name)
            new[name].attrs.update(item.attrs)

        old.visititems(copy)
        new.attrs.update(old.attrs)
    return halved.getvalue()


if __name__ == "__main__":
    run, name, *evaluated = sys.argv[1:]
    pack(find_style_file(run), BUNDLED[name], [Path(folder) for folder in evaluated])
