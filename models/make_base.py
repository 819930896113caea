"""Packs the style file of a run for the package: its numbers in 16 bits, compressed.

    python models/make_base.py runs/base base  # base_mobile

writes ``models/base.keras``. Keras reads such a file as any other, into 32 bits.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

from onestroke.models.style_file import BUNDLED, find_style_file

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
NOTICE = (
    "Learnt from reproductions of paintings in the public domain, each by a painter who died in "
    "1955 or earlier. Apache-2.0, as onestroke itself."
)


def pack(source: Path, target: Path) -> None:
    """Writes the style file ``source`` to ``target``, with 16 bits a number and a notice."""
    change = {CONFIG: _add_notice, WEIGHTS: _halve}
    packed = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, bytes)(old.read(name)))
    target.write_bytes(packed.getvalue())


def _add_notice(content: bytes) -> bytes:
    """Returns the model's description with the notice in its metadata."""
    model = json.loads(content)
    model["config"]["metadata"]["notice"] = NOTICE
    return json.dumps(model, ensure_ascii=False).encode()


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
    pack(find_style_file(sys.argv[1]), BUNDLED[sys.argv[2]])
