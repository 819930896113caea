"""Style files and run folders are loaded; broken and hostile files end in one line."""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.errors import ModelError
from onestroke.models.keras_file import WEIGHTS
from onestroke.models.style_file import find_style_file, read_card
from onestroke.stylize.model import open_model

EXPECTED = (
    "expected a .keras style file that `onestroke train` wrote, a run folder, "
    "or a bundled model (base, base_mobile)"
)
REMEDY = "copy it again, or train it again with `onestroke train`"


def assert_mistake(message: str, model: Path) -> None:
    with pytest.raises(ModelError) as caught:
        onestroke.load(model)
    assert str(caught.value) == message


def rewritten(source: Path, target: Path, name: str, content: bytes) -> Path:
    """Copies an archive with one of its files replaced."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return target


def test_files_and_finished_runs_are_found(style_file):
    assert find_style_file(style_file) == style_file
    assert find_style_file(str(style_file.parent)) == style_file
    assert onestroke.load(style_file.parent).painter.network.preset == "mobile"


def test_card_of_a_style_file(style_file):
    card = read_card(style_file)
    assert card.preset == "mobile"
    assert card.style_names == ("wave", "scream")


def test_missing_file(tmp_path):
    assert_mistake(f"no model {tmp_path}/gone.keras; {EXPECTED}", tmp_path / "gone.keras")


def test_unfinished_run(tmp_path):
    (tmp_path / "settings.yaml").touch()
    assert_mistake(
        f"the run in {tmp_path} is not finished; finish it with `onestroke train --run {tmp_path}`",
        tmp_path,
    )


def test_the_command_in_the_message_is_quoted(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / "settings.yaml").touch()
    with pytest.raises(ModelError, match=f"`onestroke train --run '{folder}'`"):
        find_style_file(folder)


def test_folders_without_a_style_file(tmp_path):
    assert_mistake(f"no style.keras in {tmp_path}; {EXPECTED}", tmp_path)


def test_files_that_are_not_archives(tmp_path, style_file):
    path = tmp_path / "style.keras"
    whole = style_file.read_bytes()
    for content in (b"\x00\x01\x02 not a zip", whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert_mistake(f"{path} is not a style file, or is broken; {REMEDY}", path)


def test_archives_that_are_not_models(tmp_path, style_file):
    path = tmp_path / "style.keras"
    rewritten(style_file, path, "config.json", b"{")
    assert_mistake(f"{path} is not a style file, or is broken; {REMEDY}", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat.txt", "cat")
    assert_mistake(f"{path} is an archive without a model; {EXPECTED}", path)


def picture_bytes(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 20)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture_bytes("JPEG"), "a picture"),
        (picture_bytes("PNG"), "a picture"),
        (b'{"styles": ["wave"]}', "a text file"),
        (b"train:\n  steps: 3\n", "a text file"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"\x1f\x8b\x08\0", "an archive"),
        (b"", "empty"),
    ],
    ids=["jpeg", "png", "json", "yaml", "page", "video", "gzip", "empty"],
)
@pytest.mark.parametrize("name", ["thing", "thing.keras"])
def test_other_files_are_named_by_their_content(tmp_path, content, kind, name):
    path = tmp_path / name
    path.write_bytes(content)
    assert_mistake(f"{path} is {kind}, not a model; {EXPECTED}", path)


def test_a_folder_with_a_page_is_named(tmp_path):
    (tmp_path / "index.html").write_text("<html></html>")
    assert_mistake(
        f"{tmp_path} is a folder with a web page, which only browsers open; give the model that it "
        f"was exported from; {EXPECTED}",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("file", "given"), [("wave/style.keras", "wave"), ("wave.keras", "wave.keras")]
)
def test_a_folder_of_models_names_one(tmp_path, file, given):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert_mistake(
        f"no style.keras in {tmp_path}; give what is in it, such as {tmp_path / given}; {EXPECTED}",
        tmp_path,
    )


def test_another_keras_model(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    assert_mistake(f"{path} is a Keras model of another program (None); {EXPECTED}", path)


@pytest.mark.parametrize("damage", ["weights cut short", "unknown preset", "another width"])
def test_archives_with_broken_content(tmp_path, style_file, damage):
    path = tmp_path / "style.keras"
    with zipfile.ZipFile(style_file) as archive:
        weights = archive.read("model.weights.h5")
        config = json.loads(archive.read("config.json"))
    if damage == "weights cut short":
        rewritten(style_file, path, "model.weights.h5", weights[:5000])
    else:
        changes = {
            "unknown preset": {"preset": "enormous"},
            "another width": {"preset": "half"},
        }
        config["config"]["card"].update(changes[damage])
        rewritten(style_file, path, "config.json", json.dumps(config).encode())
    if damage == "unknown preset":
        with pytest.raises(ModelError, match=r"has a broken model card .preset: Input should be"):
            onestroke.load(path)
    else:
        assert_mistake(f"{path} is broken; {REMEDY}", path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"styles": "wave"}, "styles: Input should be a valid tuple"),
        ({"styles": []}, "styles: Tuple should have at least 1 item"),
        ({"styles": [{"name": "a"}, {"name": "a"}]}, "two styles have the same name"),
        ({"default": 2}, "the default style 2 does not exist"),
        ({"preset": None}, "preset: Input should be 'johnson', 'half' or 'mobile'"),
        ({"format": 2}, "has a model card of format 2, this program reads 1"),
        ({"unknown": 1}, "unknown: Extra inputs are not permitted"),
        (None, "Input should be a valid dictionary"),
    ],
)
def test_broken_cards_are_named(tmp_path, style_file, change, expected):
    path = tmp_path / "style.keras"
    with zipfile.ZipFile(style_file) as archive:
        config = json.loads(archive.read("config.json"))
    card = config["config"]["card"]
    config["config"]["card"] = None if change is None else card | change
    rewritten(style_file, path, "config.json", json.dumps(config).encode())
    with pytest.raises(ModelError, match=re.escape(expected)) as caught:
        find_style_file(path)
    assert "\n" not in str(caught.value)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, style_file):
    path = Path(shutil.copy(style_file, tmp_path))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", bytes(2**28))
    assert path.stat().st_size < 2e6
    with pytest.raises(ModelError, match=r"unpacks to \d+ MB, more than the 268 MB that are read"):
        find_style_file(path)


def test_another_version_is_reported_before_tensorflow_is_imported(tmp_path, style_file):
    path = tmp_path / "style.keras"
    with zipfile.ZipFile(style_file) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["architecture"] = 1
    rewritten(style_file, path, "config.json", json.dumps(config).encode())
    with pytest.raises(
        ModelError, match="was written by another version of onestroke; train it again"
    ):
        find_style_file(path)


def test_flipped_bits(tmp_path, style_file):
    path = Path(shutil.copy(style_file, tmp_path))
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 64):
        content[place] ^= 0xFF
    path.write_bytes(content)
    assert_mistake(f"{path} is broken; {REMEDY}", path)


def test_the_package_imports_without_tensorflow_and_names_what_it_lacks():
    code = "import sys, onestroke; onestroke.load; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="module 'onestroke' has no attribute 'lode'"):
        onestroke.lode  # noqa: B018


def with_weights(source: Path, target: Path, change) -> Path:
    """Copies a style file with changed weights; ``change`` receives the HDF5 file."""
    stream = io.BytesIO(zipfile.ZipFile(source).read(WEIGHTS))
    with h5py.File(stream, "r+") as file:
        change(file)
    return rewritten(source, target, WEIGHTS, stream.getvalue())


def first_array(file: h5py.File) -> str:
    names: list[str] = []
    file.visititems(lambda name, entry: names.append(name) if hasattr(entry, "shape") else None)
    return names[0]


def test_a_file_is_recognised_by_its_content(style_file, tmp_path):
    """Mail programs and browsers rename attachments."""
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    expected = onestroke.load(style_file)(picture)
    for name in ("style.keras.zip", "style", "style.keras (1)"):
        renamed = shutil.copy(style_file, tmp_path / name)
        assert open_model(renamed).card == read_card(style_file)
        np.testing.assert_array_equal(onestroke.load(renamed)(picture), expected)


def test_weights_that_claim_too_much_are_refused(style_file, tmp_path):
    def grow(file):
        name = first_array(file)
        del file[name]
        file.create_dataset(name, (2**32,), "float32", chunks=(2**16,), compression="gzip")

    path = with_weights(style_file, tmp_path / "bomb.keras", grow)
    assert path.stat().st_size < 2_000_000
    with pytest.raises(ModelError, match=r"unpacks to 17\d\d\d MB, more than the 268 MB"):
        onestroke.load(path)


@pytest.mark.parametrize("link", ["external", "soft"])
def test_weights_in_other_files_are_not_read(style_file, tmp_path, link):
    def refer(file):
        name = first_array(file)
        del file[name]
        other = (
            h5py.ExternalLink("/etc/passwd", "/x") if link == "external" else h5py.SoftLink("/x")
        )
        file[name] = other

    path = with_weights(style_file, tmp_path / "links.keras", refer)
    with pytest.raises(ModelError, match="refers to another file and is not read"):
        onestroke.load(path)


def test_arrays_of_other_files_are_not_read(style_file, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(400))

    def refer(file):
        name = first_array(file)
        shape = file[name].shape
        del file[name]
        external = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, shape, "float32", external=external)

    path = with_weights(style_file, tmp_path / "external.keras", refer)
    with pytest.raises(ModelError, match="refers to another file and is not read"):
        onestroke.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"styles": 1_000_000_000},
        {"styles": "wave"},
        {"styles": []},
        {"styles": [{"name": "a"}] * 2000},
        {"styles": [{"name": 5}]},
        {"default": 99},
        {"default": None},
        {"preset": "huge"},
        {"blend": [1]},
        {"trainings": None},
        {"format": 99},
        {"unknown": 1},
    ],
    ids=str,
)
def test_broken_cards_end_in_one_line(style_file, tmp_path, change):
    config = json.loads(zipfile.ZipFile(style_file).read("config.json"))
    config["config"]["card"].update(change)
    content = json.dumps(config).encode()
    path = rewritten(style_file, tmp_path / "card.keras", "config.json", content)
    with pytest.raises(ModelError, match="model card") as caught:
        onestroke.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b"{}", b"[" * 100_000, b"\xff"])
def test_configs_that_are_no_model_end_in_one_line(style_file, tmp_path, content):
    path = rewritten(style_file, tmp_path / "config.keras", "config.json", content)
    with pytest.raises(ModelError) as caught:
        onestroke.load(path)
    assert "\n" not in str(caught.value)


def test_an_export_is_not_a_style_file(tmp_path):
    export = tmp_path / "wave.tflite"
    export.write_bytes(b"\x1c\x00\x00\x00TFL3")
    with pytest.raises(ModelError, match=r"wave\.tflite is an export, which can only paint"):
        find_style_file(export)
