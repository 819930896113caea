"""Files of one size that are made from a runtime file."""

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

import onestroke
from onestroke.export.sized_file import fix_size
from onestroke.models.style_file import BUNDLED
from onestroke.stylize.runtime_file import runtime_file_of
from onestroke.stylize.tflite_metadata import read_tflite_card

SIZE = (48, 64)


def test_file_of_one_size_paints_like_the_runtime_file(tmp_path: Path) -> None:
    runtime_file = runtime_file_of(BUNDLED["base_mobile"])  # its kernels have 16 bits
    file = tmp_path / "sized.tflite"
    file.write_bytes(fix_size(runtime_file, SIZE))
    card = read_tflite_card(file)
    assert card.export.size == SIZE
    assert card.style_names == read_tflite_card(runtime_file).style_names
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    sized, runtime = (onestroke.load(file).painter for file in (file, runtime_file))
    style = np.eye(len(card.style_names), dtype=np.float32)[3]
    moments = runtime.moments(picture, style)
    np.testing.assert_allclose(sized.moments(picture, style), moments, rtol=1e-3, atol=1e-3)
    painted = [next(iter(painter.pieces(picture, style)))[1] for painter in (sized, runtime)]
    np.testing.assert_allclose(*painted, atol=0.1)


def test_gpus_support_the_operators() -> None:
    """WebGPU runs no file with an operator that converts kernels or drops an axis."""
    content = fix_size(runtime_file_of(BUNDLED["base_mobile"]), SIZE)
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = [code.builtinCode for code in model.operatorCodes]
    for operator in model.subgraphs[0].operators:
        kind = kinds[operator.opcodeIndex]
        assert kind != schema.BuiltinOperator.DEQUANTIZE
        if kind == schema.BuiltinOperator.STRIDED_SLICE:
            assert operator.builtinOptions.shrinkAxisMask == 0
