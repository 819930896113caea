"""A SavedModel is loaded with TensorFlow only, and paints like the network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import onestroke
from onestroke.errors import ModelError
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import export_card
from onestroke.export.saved_model_file import write_saved_model
from onestroke.models.style_file import load_network
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.saved_model_painter import CARD_FILE, read_saved_model_card

# Like a server: TensorFlow without onestroke.
SERVER = """
import sys
import numpy as np
import tensorflow as tf

folder, image, painted = sys.argv[1:]
signatures = tf.saved_model.load(folder).signatures
image = np.load(image)
inputs = {"style": tf.constant([[0.0, 1.0]] * len(image))} if "style" in str(
    signatures["float32"].structured_input_signature) else {}
bytes_out = signatures["serving_default"](image=tf.constant(image), **inputs)["styled"]
floats = signatures["float32"](image=tf.cast(image, tf.float32), **inputs)["styled"]
assert "onestroke" not in sys.modules
np.savez(painted, bytes=bytes_out.numpy(), floats=floats.numpy())
"""


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 33, 46, 3), dtype=np.uint8)


def serve(folder: Path, batch: np.ndarray, tmp_path: Path) -> dict[str, np.ndarray]:
    np.save(tmp_path / "image.npy", batch)
    arguments = [str(folder), str(tmp_path / "image.npy"), str(tmp_path / "painted.npz")]
    subprocess.run([sys.executable, "-c", SERVER, *arguments], check=True, cwd=tmp_path)
    return dict(np.load(tmp_path / "painted.npz"))


def test_one_style_in_plain_tensorflow(tmp_path: Path, batch: np.ndarray) -> None:
    network = TransformNetwork("mobile")
    write_saved_model(network, tmp_path / "model", network.card)
    painted = serve(tmp_path / "model", batch, tmp_path)
    expected = np.asarray(network(batch.astype(np.float32)))
    np.testing.assert_allclose(painted["floats"], expected, atol=0.01)
    assert painted["bytes"].dtype == np.uint8
    assert np.abs(painted["bytes"] - expected).max() <= 0.51
    assert read_saved_model_card(tmp_path / "model") == network.card


def test_several_styles_are_an_input(tmp_path: Path, batch: np.ndarray, style_file: Path) -> None:
    network = load_network(style_file)
    write_saved_model(network, tmp_path / "model", network.card)
    painted = serve(tmp_path / "model", batch, tmp_path)
    second = np.float32([[0, 1], [0, 1]])
    expected = np.asarray(network({"image": batch.astype(np.float32), "style": second}))
    np.testing.assert_allclose(painted["floats"], expected, atol=0.01)


def test_first_style_is_the_default(tmp_path: Path, batch: np.ndarray, style_file: Path) -> None:
    import tensorflow as tf

    network = load_network(style_file)
    write_saved_model(network, tmp_path / "model", network.card)
    first = np.float32([[1, 0], [1, 0]])
    expected = np.asarray(network({"image": batch.astype(np.float32), "style": first}))
    model = tf.saved_model.load(str(tmp_path / "model"))  # kept: it owns the variables
    painted = model.serving_default(tf.constant(batch))["styled"].numpy()
    assert np.abs(painted - expected).max() <= 0.51
    # As in TensorFlow Serving: a session whose inputs are those of the request.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "model"))
        signature = graph.signature_def["serving_default"]
        assert signature.method_name == "tensorflow/serving/predict"
        assert list(signature.defaults) == ["style"]
        # A request over REST names them; see docs/exporting.md.
        assert set(signature.inputs) == {"image", "style"}
        assert set(signature.outputs) == {"styled"}  # a single one, so the answer has no names
        fed = {signature.inputs["image"].name: batch}
        served = session.run(signature.outputs["styled"].name, fed)
        request = json.dumps({"inputs": {"image": batch.tolist(), "style": [[0, 1], [0, 1]]}})
        named = {
            signature.inputs[name].name: np.asarray(
                values, tf.dtypes.as_dtype(signature.inputs[name].dtype).as_numpy_dtype
            )
            for name, values in json.loads(request)["inputs"].items()
        }
        answered = session.run(signature.outputs["styled"].name, named)
    assert np.abs(served - expected).max() <= 0.51
    second = network({"image": batch.astype(np.float32), "style": np.float32([[0, 1], [0, 1]])})
    assert np.abs(answered - np.asarray(second)).max() <= 0.51


@pytest.mark.slow
def test_saved_model_cli_lists_the_named_inputs(tmp_path: Path, style_file: Path) -> None:
    network = load_network(style_file)
    write_saved_model(network, tmp_path / "model", network.card)
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "show"]
    command += ["--dir", str(tmp_path / "model"), "--tag_set", "serve"]
    command += ["--signature_def", "serving_default"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in ("inputs['image']", "dtype: DT_UINT8", "inputs['style']", "outputs['styled']"):
        assert line in shown


def test_broken_saved_model(tmp_path: Path, style_file: Path) -> None:
    folder = tmp_path / "model"
    network = load_network(style_file)
    write_saved_model(network, folder, export_card(network.card, ExportOptions("saved_model")))
    assert onestroke.load(folder).style_names == ("wave", "scream")
    (folder / "saved_model.pb").write_bytes(b"cut off")
    with pytest.raises(ModelError, match="model is a broken SavedModel; export it again"):
        onestroke.load(folder)


@pytest.mark.parametrize("content", ["{}", "3", "no JSON"])
def test_folders_of_other_programs(tmp_path: Path, content: str) -> None:
    (tmp_path / CARD_FILE).parent.mkdir()
    (tmp_path / CARD_FILE).write_text(content)
    with pytest.raises(ModelError, match=r"is not a SavedModel that|has a broken model card"):
        read_saved_model_card(tmp_path)
