"""TFLite files contain only built-in operators, run in XNNPACK, and paint like the network."""

import contextlib
import struct
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from onestroke.errors import ModelError, SettingsError
from onestroke.export.export_options import ExportOptions, Quantization
from onestroke.export.export_pictures import comparison_photographs
from onestroke.export.exporter import export_card
from onestroke.export.operators import inspect_operators
from onestroke.export.tflite_file import (
    convert_to_tflite,
    measure_ranges,
    quantize,
)
from onestroke.export.verification import BOUNDS, difference, fit_to_size
from onestroke.models.card import ModelCard
from onestroke.models.presets import PRESETS
from onestroke.models.style_file import BUNDLED, load_network
from onestroke.models.transform_network import TransformNetwork
from onestroke.pictures import PictureError
from onestroke.stylize import litert_painter
from onestroke.stylize.litert_painter import LiteRtPainter
from onestroke.stylize.litert_runner import FrugalRunner, PlainRunner
from onestroke.stylize.tflite_metadata import find_metadata, read_tflite_card, write_card

ONE_STYLE = np.ones(1, np.float32)
FOREIGN = "is damaged, or not a TFLite file written by onestroke"
PRESETS_TO_QUANTIZE = ("mobile", "half")  # the kernels of half are stored behind the tables


def card_of(size: tuple[int, int] | None = None) -> ModelCard:
    options = ExportOptions("tflite", size=size)
    return export_card(TransformNetwork("mobile").card, options)


@pytest.fixture(scope="module")
def network() -> TransformNetwork:
    keras.utils.set_random_seed(0)
    return TransformNetwork("mobile")


@pytest.fixture(scope="module")
def resizable(network: TransformNetwork) -> bytes:
    return convert_to_tflite(network)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def painted(
    content: bytes, tmp_path: Path, photograph: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    path = tmp_path / "style.tflite"
    path.write_bytes(write_card(content, card_of(size)))
    ((region, piece),) = LiteRtPainter(path).pieces(photograph, ONE_STYLE)
    assert photograph[region].shape == piece.shape == photograph.shape
    return piece


def expected(network: TransformNetwork, photograph: np.ndarray) -> np.ndarray:
    return np.asarray(network(photograph[None].astype(np.float32)))[0]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [None, (33, 47)])
@pytest.mark.parametrize("uint8", [False, True])
def test_operators_are_built_in_and_in_one_partition(
    preset: str, size: tuple[int, int] | None, uint8: bool
) -> None:
    operators = inspect_operators(
        convert_to_tflite(TransformNetwork(preset), size=size, uint8=uint8)
    )
    assert operators.foreign == []
    assert operators.partitions == 1
    # XNNPACK does not support the casts from and to uint8.
    outside = round((1 - operators.delegated) * sum(operators.counts.values()))
    assert outside == (2 if uint8 else 0)


def test_operators_outside_xnnpack_are_counted() -> None:
    import tensorflow as tf

    class Joined(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), name="image")])
        def join(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            six = tf.concat([image * k for k in range(1, 7)], axis=1)  # XNNPACK takes five at most
            return {"styled": six + 1}

    joined = Joined()
    signature = joined.join.get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([signature], joined).convert()
    operators = inspect_operators(content)
    assert operators.partitions == 2
    assert operators.delegated == pytest.approx(1 - 1 / sum(operators.counts.values()))


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (60, 101)])
def test_resizable_file_accepts_every_size(
    network: TransformNetwork, resizable: bytes, tmp_path: Path, size: tuple[int, int]
) -> None:
    photograph = picture(*size)
    result = painted(resizable, tmp_path, photograph)
    np.testing.assert_allclose(result, expected(network, photograph), atol=0.05)


def test_large_pictures_use_the_flags_that_save_memory(
    resizable: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "style.tflite"
    path.write_bytes(write_card(resizable, card_of()))
    painter = LiteRtPainter(path)
    ((_, plain),) = painter.pieces(picture(48, 64), ONE_STYLE)
    assert isinstance(painter._runner, PlainRunner)
    monkeypatch.setattr(litert_painter, "PLAIN_UP_TO", 40 * 64)
    ((_, larger),) = painter.pieces(picture(50, 64), ONE_STYLE)
    assert isinstance(painter._runner, FrugalRunner)
    ((_, frugal),) = painter.pieces(picture(48, 64), ONE_STYLE)
    assert larger.shape == (50, 64, 3)
    np.testing.assert_allclose(frugal, plain, atol=1e-3)


def test_fixed_size(network: TransformNetwork, tmp_path: Path) -> None:
    content = convert_to_tflite(network, size=(33, 47))
    photograph = picture(33, 47)
    result = painted(content, tmp_path, photograph, (33, 47))
    np.testing.assert_allclose(result, expected(network, photograph), atol=0.05)
    assert painted(content, tmp_path, picture(48, 64), (33, 47)).shape == (48, 64, 3)


def test_uint8_input_and_output(network: TransformNetwork, tmp_path: Path) -> None:
    photograph = picture(32, 48)
    result = painted(convert_to_tflite(network, uint8=True), tmp_path, photograph)
    np.testing.assert_array_equal(result, np.rint(result))
    assert np.abs(result - expected(network, photograph)).max() <= 0.55


def test_several_styles_are_an_input(style_file: Path, tmp_path: Path) -> None:
    network = load_network(style_file)
    path = tmp_path / "two.tflite"
    card = export_card(network.card, ExportOptions("tflite"))
    path.write_bytes(write_card(convert_to_tflite(network), card))
    photograph, second = picture(32, 48), np.float32([0, 1])
    ((_, result),) = LiteRtPainter(path).pieces(photograph, second)
    inputs = {"image": photograph[None].astype(np.float32), "style": second[None]}
    np.testing.assert_allclose(result, np.asarray(network(inputs))[0], atol=0.05)


@pytest.mark.parametrize("size", [None, (33, 47)])
def test_openvino_paints_like_the_network(
    style_file: Path, tmp_path: Path, size: tuple[int, int] | None
) -> None:
    import openvino

    network = load_network(style_file)
    path = tmp_path / "two.tflite"
    card = export_card(network.card, ExportOptions("tflite", size=size))
    path.write_bytes(write_card(convert_to_tflite(network, size=size), card))
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    photograph = picture(33, 47)[None].astype(np.float32)
    inputs = {"image": photograph, "style": np.float32([[0.25, 0.75]])}
    painted = compiled(inputs)["styled"][:, :33, :47]
    np.testing.assert_allclose(painted, np.asarray(network(inputs)), atol=0.05)


@pytest.mark.parametrize(
    ("quantization", "smaller", "near"),
    [("float16", 1.5, 0.5), ("weights", 2, 6), ("dynamic", 2, 20)],
)
@pytest.mark.parametrize(
    "preset", ["mobile", "half"]
)  # half's kernels are stored behind the tables
def test_quantized_files(
    tmp_path: Path, preset: str, quantization: Quantization, smaller: float, near: float
) -> None:
    keras.utils.set_random_seed(0)
    network = TransformNetwork(preset)
    whole = convert_to_tflite(network)
    content = quantize(whole, quantization)
    assert len(content) < len(whole) / smaller
    operators = inspect_operators(content)
    assert (operators.foreign, operators.partitions, operators.delegated) == ([], 1, 1)
    photograph = picture(64, 64)
    result = painted(content, tmp_path, photograph)
    difference = np.abs(result - expected(network, photograph))
    assert 0 < difference.max() < near


def inspect_plain(content: bytes) -> tuple[dict[int, str], list[dict]]:
    """Returns the types of the tensors and the operators, in order, without XNNPACK's changes."""
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    types = {t["index"]: np.dtype(t["dtype"]).name for t in interpreter.get_tensor_details()}
    return types, interpreter._get_ops_details()


def kernels(content: bytes) -> Counter[str]:
    """Counts the convolutions by the type of their input and that of their kernel."""
    types, nodes = inspect_plain(content)
    inputs = [node["inputs"][:2] for node in nodes if node["op_name"] == "CONV_2D"]
    return Counter("*".join(types[tensor] for tensor in pair) for pair in inputs)


@pytest.mark.parametrize(
    ("quantization", "computed"),
    [("weights", "float32*float32"), ("dynamic", "float32*int8"), ("int8", "int8*int8")],
)
def test_inner_convolutions_are_computed_in_8_bits(
    network: TransformNetwork, quantization: Quantization, computed: str
) -> None:
    photographs = [{"image": picture(32, 32)[None].astype(np.float32)}]
    whole = convert_to_tflite(network, size=(32, 32))
    content = quantize(whole, quantization, measure_ranges(whole, photographs))
    # A kernel that is only stored in 8 bits is converted to float32 before its convolution.
    inner = {computed: 14} if quantization != "weights" else {}
    assert kernels(content) == Counter({"float32*float32": 20 - sum(inner.values())} | inner)


@pytest.mark.parametrize("quantization", ["weights", "dynamic"])
@pytest.mark.parametrize("preset", PRESETS_TO_QUANTIZE)
def test_first_and_last_kernels_stay_in_float32(preset: str, quantization: Quantization) -> None:
    content = quantize(convert_to_tflite(TransformNetwork(preset)), quantization)
    types, nodes = inspect_plain(content)
    converted = {n["outputs"][0]: n["inputs"][0] for n in nodes if n["op_name"] == "DEQUANTIZE"}
    kernels = [n["inputs"][1] for n in nodes if n["op_name"] == "CONV_2D"]
    stored = [types[converted.get(kernel, kernel)] for kernel in kernels]
    assert stored == ["float32"] * 2 + ["int8"] * (len(kernels) - 4) + ["float32"] * 2


def test_bundled_network_exceeds_the_bounds_of_8_bits(tmp_path: Path) -> None:
    network = load_network(BUNDLED["base_mobile"])
    path = tmp_path / "styles.tflite"
    card = export_card(network.card, ExportOptions("tflite"))
    # A lake without waves, in the two styles that make most of small differences.
    photograph = fit_to_size(comparison_photographs()["mountain-lake"], (216, 384))
    whole = convert_to_tflite(network)
    for style in ("irises", "contrast_of_forms"):
        weights = np.float32([name == style for name in card.style_names])
        inputs = {"image": photograph[None].astype(np.float32), "style": weights[None]}
        painted = np.asarray(network(inputs))[0]
        for quantization in ("weights", "dynamic"):
            path.write_bytes(write_card(quantize(whole, quantization), card))
            ((_, result),) = LiteRtPainter(path).pieces(photograph, weights)
            psnr = difference(style, result, painted).psnr
            assert psnr > BOUNDS[quantization] + 1.5, (style, quantization)


def test_int8_with_ranges_of_a_smaller_size(network: TransformNetwork, tmp_path: Path) -> None:
    photographs = [{"image": picture(48, 48)[None].astype(np.float32)}]
    ranges = measure_ranges(
        convert_to_tflite(network, size=(48, 48)), photographs
    )  # at a smaller size
    content = quantize(convert_to_tflite(network, size=(64, 64)), "int8", ranges)
    operators = inspect_operators(content)
    assert (operators.foreign, operators.partitions, operators.delegated) == ([], 1, 1)
    difference = painted(content, tmp_path, picture(64, 64), (64, 64))
    difference = np.abs(difference - expected(network, picture(64, 64)))
    assert 0 < difference.mean() < 3


def test_description_is_stored_in_the_file(resizable: bytes, tmp_path: Path) -> None:
    path = tmp_path / "style.tflite"
    card = card_of().model_copy(update={"licence": "mine"})
    path.write_bytes(write_card(resizable, card))
    assert read_tflite_card(path) == card


@pytest.mark.parametrize("quantization", ["none", "dynamic"])
@pytest.mark.parametrize(
    "preset", ["mobile", "half"]
)  # half's kernels are stored behind the tables
def test_buffers_are_aligned(preset: str, quantization: Quantization) -> None:
    content = quantize(convert_to_tflite(TransformNetwork(preset)), quantization)
    content = write_card(content, card_of())
    model = schema.Model.GetRootAs(content)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    filled = [buffer.DataAsNumpy() for buffer in buffers if buffer.DataLength()]
    assert len(filled) > 30
    start = np.frombuffer(content, np.uint8).ctypes.data
    assert {(data.ctypes.data - start) % 16 for data in filled} == {0}
    assert filled[-2].tobytes() == card_of().model_dump_json().encode()


def test_truncated_files(resizable: bytes, tmp_path: Path) -> None:
    path = tmp_path / "short.tflite"
    whole = write_card(resizable, card_of())
    for length in (len(whole) // 4, len(whole) // 2, len(whole) - 5000):
        path.write_bytes(whole[:length])
        with pytest.raises(
            ModelError,
            match=FOREIGN,
        ):
            LiteRtPainter(path)


def test_every_damaged_byte_is_found(resizable: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    whole = write_card(resizable, card_of())
    for position in np.random.default_rng(0).integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=FOREIGN):
            read_tflite_card(path)


def test_offsets_that_lead_nowhere_are_errors(resizable: bytes) -> None:
    whole = write_card(resizable, card_of())
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for position in random.integers(0, 200, 4):
            damaged[position] = random.integers(256)
        with contextlib.suppress(ValueError, IndexError, struct.error):
            for place in find_metadata(bytes(damaged)).values():
                assert 0 <= place.start <= place.stop <= len(whole)


def test_too_large_picture(
    resizable: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onestroke.stylize.stylizer.EXPORTED_PIXELS", 32 * 32)
    with pytest.raises(PictureError, match="received 32x33; shrink it with --max-size, paint"):
        painted(resizable, tmp_path, picture(32, 33))


def test_missing_package(resizable: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "style.tflite").write_bytes(write_card(resizable, card_of()))
    monkeypatch.setattr("onestroke.extras.RUN_TFLITE", ("ai_edge_lite",))
    with pytest.raises(SettingsError, match=r"need ai-edge-lite; pip install 'onestroke\[export"):
        LiteRtPainter(tmp_path / "style.tflite")


@pytest.mark.parametrize("content", [b"", b"no model", b"\0\0\0\0TFL3 and nothing"])
def test_files_of_other_formats(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=FOREIGN):
        LiteRtPainter(path)


def test_tflite_file_of_another_program(resizable: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(resizable)
    with pytest.raises(ModelError, match=FOREIGN):
        LiteRtPainter(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot open .*none\.tflite: No such file"):
        LiteRtPainter(tmp_path / "none.tflite")
