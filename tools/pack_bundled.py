"""Packs the style file of a run as a bundled model: float16 weights, compressed.

    python tools/pack_bundled.py runs/base base report_512  # or base_mobile

writes ``models/base.keras`` and adds to its card a notice and the figures that ``onestroke
evaluate`` left in the folder ``report_512``. Keras reads the file into float32 as any other. Then
writes ``models/base.tflite``, the same weights for painting without TensorFlow. Without a run,
``python tools/pack_bundled.py base`` writes the second file only.
"""

import io
import json
import sys
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from onestroke.export.tflite_file import quantize
from onestroke.models.card import Figures, ModelCard
from onestroke.models.style_file import BUNDLED, find_style_file, read_card
from onestroke.stylize.runtime_file import write_runtime_file

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
NOTICE = (
    "The styles of base and base_mobile were learned from reproductions of paintings in the public "
    "domain, each by a painter who died in 1955 or earlier. Apache-2.0, as onestroke itself."
)


def pack(source: Path, target: Path, reports: Sequence[Path] = ()) -> None:
    """Writes a style file with float16 weights, a notice and figures.

    Args:
        source: the style file.
        target: the file to write.
        reports: folders of ``onestroke evaluate``, which measured the source at one size.

    Raises:
        ValueError: the reports do not contain each of its styles once.
        OverflowError: a weight is too large for float16.
    """
    card = read_card(source)
    figures = _read_figures(reports, card.painted_names) if reports else {}
    packed = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == CONFIG:
                content = _replace_card(content, _complete_card(card, figures))
            elif name == WEIGHTS:
                content = _halve(content)
            new.writestr(name, content)
    target.write_bytes(packed.getvalue())


def _complete_card(card: ModelCard, figures: dict[str, Figures]) -> ModelCard:
    """Returns the card with the notice in every painted style, and with new figures."""
    styles = tuple(
        style.model_copy(
            update={"notice": NOTICE, "figures": figures.get(style.name, style.figures)}
        )
        if style.name in card.painted_names
        else style
        for style in card.styles
    )
    return card.model_copy(update={"styles": styles})


def _replace_card(content: bytes, card: ModelCard) -> bytes:
    model = json.loads(content)
    model["config"]["card"] = card.model_dump(mode="json")
    return json.dumps(model, ensure_ascii=False).encode()


def _read_figures(reports: Sequence[Path], names: Sequence[str]) -> dict[str, Figures]:
    """Returns the figures of each style."""
    results = [
        result
        for report in reports
        for result in json.loads((report / "report.json").read_text(encoding="utf-8"))["results"]
    ]
    measured = [result["model"].rpartition(":")[2] for result in results]
    if sorted(measured) != sorted(names):
        raise ValueError(f"expected figures of {', '.join(names)}; got {', '.join(measured)}")
    return {
        name: Figures(
            style=round(result["mean"]["style"], 5),
            style_share=round(result["style_share"], 5),
            content=round(result["mean"]["content"], 5),
            photographs=len(result["photographs"]),
            size=result["size"],
        )
        for name, result in zip(measured, results, strict=True)
    }


def _halve(content: bytes) -> bytes:
    """Returns the HDF5 file with every array as float16.

    Raises:
        OverflowError: a number is too large.
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
    *source, name = sys.argv[1:3]
    if source:
        pack(find_style_file(source[0]), BUNDLED[name], [Path(folder) for folder in sys.argv[3:]])
    compress = partial(quantize, quantization="float16")
    print(f"{write_runtime_file(BUNDLED[name], compress=compress):.1f} dB")
