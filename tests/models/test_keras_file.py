"""Keras' files of strangers: no code runs, no other file is read, memory is limited."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import onestroke
from onestroke.errors import ModelError
from onestroke.models.dream_network import open_dream_network
from onestroke.models.face_encoder import trained_encoder
from onestroke.models.keras_file import CONFIG, WEIGHTS, UnsafeFileError, check_arrays
from onestroke.models.style_file import find_style_file, load_network, read_card
from onestroke.models.vgg19_weights import load_vgg19_weights


@keras.saving.register_keras_serializable(package="stranger")
class Foreign(keras.layers.Layer):
    """A layer of another package, which Keras would build."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        Foreign.built_once = True

    def call(self, x: object) -> object:
        return x


def foreign_model() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, Foreign(name="mixed4")(keras.layers.Conv2D(2, 3)(image)))


def lambda_model() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.Lambda(lambda x: x * 2, name="mixed4")(image))


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_network(find_style_file(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_description_of_layers_in_a_style_file_is_not_used(style_file, tmp_path):
    """Whatever the file says of its layers, the network is that of its card."""
    members = members_of(style_file)
    config = json.loads(members[CONFIG])
    hostile = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}}
    config |= {"module": "os", "class_name": "system", "compile_config": hostile}
    config["build_config"] = {"input_shape": [10**9]}
    config["config"] |= {"name": hostile, "layers": [hostile]}
    members[CONFIG] = json.dumps(config).encode()
    network = load_network(pack(tmp_path / "a.keras", members))
    for one, other in zip(network.weights, load_network(style_file).weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [foreign_model, lambda_model])
def test_models_that_run_code_are_no_style_files(make, tmp_path):
    make().save(tmp_path / "a.keras")
    assert "is a Keras model of another program" in refusal(tmp_path / "a.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", [foreign_model, lambda_model])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_models_that_run_code_are_not_dreamt_of(make, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    make().save(path)
    Foreign.built_once = False
    with pytest.raises(
        ModelError, match=r"contains '(Foreign|Lambda|stranger>Foreign)', which may run"
    ):
        open_dream_network(str(path), ["mixed4"])
    assert not Foreign.built_once


def test_face_encoders_that_run_code_are_refused(tmp_path):
    foreign_model().save(tmp_path / "a.keras")
    with pytest.raises(ModelError, match="contains 'Foreign', which may run code"):
        trained_encoder(tmp_path / "a.keras")


@pytest.mark.parametrize(
    "name", ["../outside", "/tmp/outside", "a/../../b", "assets/words.txt", "C:\\outside", CONFIG]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_members_are_refused(name, style_file, tmp_path):
    path = pack(tmp_path / "a.keras", members_of(style_file))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"{}")
    assert ", and is not read; copy it again" in refusal(path)


def test_links_are_refused(style_file, tmp_path):
    path = pack(tmp_path / "a.keras", members_of(style_file))
    link = zipfile.ZipInfo("secret")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "contains 'secret', and is not read" in refusal(path)


def test_compressions_that_unpack_at_a_stroke_are_refused(style_file, tmp_path):
    path = pack(tmp_path / "a.keras", members_of(style_file), zipfile.ZIP_LZMA)
    assert "has a compression that Keras does not write" in refusal(path)


def test_metadata_of_gigabytes_are_refused(style_file, tmp_path):
    members = members_of(style_file) | {"metadata.json": b" " * 2**23}
    path = pack(tmp_path / "a.keras", members, zipfile.ZIP_DEFLATED)
    assert "has a metadata.json that is too large" in refusal(path)


def test_pickles_in_place_of_weights_are_refused(style_file, tmp_path):
    members = members_of(style_file) | {WEIGHTS: pickle.dumps(np.ones(3))}
    assert "is broken" in refusal(pack(tmp_path / "a.keras", members))


def hdf5(change) -> h5py.File:
    file = h5py.File(io.BytesIO(), "w")
    change(file)
    return file


def with_objects(file):
    file.create_dataset("x", (3,), h5py.vlen_dtype(np.uint8))


def with_large_chunks(file):
    file.create_dataset("x", (1,), "f4", maxshape=(None,), chunks=(2**28,), compression="gzip")


def with_circles(file):
    group = file.create_group("a")
    for name in "bcdefgh":
        group[name] = group


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_objects, "refers to another file"),
        (with_large_chunks, "unpacks to 1073 MB, more than the 1 MB that are read"),
        (with_circles, "groups that contain each other"),
        (lambda file: file.create_dataset("x", (2**40,), "f4", chunks=(9,)), "unpacks to 43980"),
        (lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")), "another file"),
        (lambda file: file.__setitem__("x", h5py.SoftLink("/y")), "refers to another file"),
    ],
    ids=range(6),
)
def test_arrays_that_are_too_large_or_elsewhere_are_refused(change, reason):
    with hdf5(change) as file, pytest.raises(UnsafeFileError, match=reason):
        check_arrays(file, 10**6)


def test_weights_of_vgg19_are_checked_too(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["block1_conv1"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(ModelError, match=r"a\.h5 refers to another file and is not read"):
        load_vgg19_weights(tmp_path / "a.h5")
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    with pytest.raises(ModelError, match="an array holds Python objects, which are not read"):
        load_vgg19_weights(tmp_path / "a.npz")
    # A small index into rows of a codebook would become gigabytes.
    index = {"block1_conv1/index": np.zeros((3, 3, 3, 64), np.uint8)}
    np.savez(tmp_path / "a.npz", **index, **{"block1_conv1/codebook": np.zeros((2, 10**5))})
    with pytest.raises(ModelError, match=r"the codebook of block1_conv1 has shape \(2, 100000\)"):
        load_vgg19_weights(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"styles": [{"name": "x" * 10**6}]}, "at most 256 characters"),
        ({"licence": json.loads("[" * 500 + "]" * 500)}, "more than 16 levels"),
        ({"trainings": [{"x" * 10**5: 1}]}, "trainings.0"),
        ({"format": "9" * 10**5}, "has a model card of format"),
    ],
    ids=range(4),
)
def test_messages_about_huge_cards_are_short(change, reason, style_file, tmp_path):
    members = members_of(style_file)
    config = json.loads(members[CONFIG])
    config["config"]["card"] |= change
    members[CONFIG] = json.dumps(config).encode()
    text = refusal(pack(tmp_path / "a.keras", members))
    assert reason in text
    assert len(text) < 600


def test_weights_that_are_not_numbers_are_noticed(style_file, tmp_path):
    network = load_network(style_file)
    network.last.kernel.assign(network.last.kernel * np.nan)
    network.save(tmp_path / "a.keras")
    assert read_card(tmp_path / "a.keras") == network.card
    with pytest.raises(ModelError, match="is damaged: what it paints is not finite"):
        onestroke.load(tmp_path / "a.keras", runtime="keras")(np.zeros((16, 16, 3), np.uint8))
