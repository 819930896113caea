"""Published weights of three face networks: a detector, 68 landmarks and an encoder.

They are part of the npm package ``@vladmandic/face-api`` (MIT licence; the encoder's weights are
those of dlib, CC0). The package is downloaded once with npm, checked by its hash and reduced to
the six files that are used. No weights are in this package.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestroke.child_process import end_with_parent
from onestroke.errors import ModelError
from onestroke.files import cache_folder, write_whole

PACKAGE = "@vladmandic/face-api@1.7.15"
ARCHIVE = "vladmandic-face-api-1.7.15.tgz"
ARCHIVE_SHA256 = "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031"
DOWNLOAD_SECONDS = 300
LICENCE = "MIT, Vladimir Mandic; the encoder's weights by Davis King (dlib), CC0"

# SHA-256 of the manifest (shapes, scales and minima) and of the 8-bit numbers.
FILES: dict[str, tuple[str, str]] = {
    "tiny_face_detector_model": (
        "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
        "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
    ),
    "face_landmark_68_model": (
        "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
        "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
    ),
    "face_recognition_model": (
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    ),
}

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FaceWeights:
    """The arrays of the three networks, by the names in their manifests, float32.

    Attributes:
        detector: finds faces in a picture.
        landmarks: finds 68 points in a face.
        encoder: maps a face to 128 numbers.
        encoder_sha256: of the encoder's 8-bit numbers; encodings of other encoders differ.
    """

    detector: Arrays
    landmarks: Arrays
    encoder: Arrays
    encoder_sha256: str


def load_face_weights(folder: Path | None = None) -> FaceWeights:
    """Reads the weights from the user's cache, after a first download with npm.

    Args:
        folder: where the files are, else the cache.

    Raises:
        ModelError: there are no weights and they cannot be downloaded, or a file has changed.
    """
    detector, landmarks, encoder = (
        _dequantize(*_read_checked(name, folder or _cached())) for name in FILES
    )
    return FaceWeights(detector, landmarks, encoder, FILES["face_recognition_model"][1])


def is_cached(folder: Path | None = None) -> bool:
    """Whether the weights are in a folder, the user's cache by default: no download is needed."""
    folder = folder or cache_folder("faces")
    return folder is not None and all(
        (folder / file).is_file() for name in FILES for file in _file_names(name)
    )


def install_face_weights(archive: Path) -> Path:
    """Copies the weights from the npm package's archive into the user's cache.

    Returns:
        The folder in the cache.

    Raises:
        ModelError: the archive is missing or has another hash, or there is no cache folder.
    """
    folder = cache_folder("faces")
    if folder is None:
        raise ModelError("face weights need a cache folder; set the variable XDG_CACHE_HOME")
    try:
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read {archive} ({error.strerror}); check the path") from error
    if digest != ARCHIVE_SHA256:
        raise ModelError(
            f"{archive} has SHA-256 {digest}, not that of {PACKAGE} ({ARCHIVE_SHA256}); "
            f"download the package again: npm pack {PACKAGE}"
        )

    def extract(temporary: Path) -> None:
        temporary.mkdir()
        with tarfile.open(archive) as files:
            for name in (file for model in FILES for file in _file_names(model)):
                entry = files.extractfile(f"package/model/{name}")
                if entry is None:  # a hash that fits rules this out
                    raise ModelError(f"{archive} holds no {name}; download the package again")
                (temporary / name).write_bytes(entry.read())

    write_whole(folder, extract)
    return folder


def _cached() -> Path:
    folder = cache_folder("faces")
    if folder is not None and is_cached():
        return folder
    return _download()


def _download() -> Path:
    remedy = (
        f"on a machine with internet run 'npm pack {PACKAGE}' and pass the file once with "
        f"'onestroke faces install {ARCHIVE}'"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError(f"face weights are downloaded with npm, which is not installed; {remedy}")
    with tempfile.TemporaryDirectory() as folder:
        pack = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        try:
            done = subprocess.run(
                end_with_parent(pack),
                cwd=folder,
                capture_output=True,
                timeout=DOWNLOAD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(
                f"npm did not download {PACKAGE} within {DOWNLOAD_SECONDS} s; {remedy}"
            ) from error
        archive = Path(folder) / ARCHIVE
        if done.returncode or not archive.is_file():
            raise ModelError(f"npm could not download the face weights ({PACKAGE}); {remedy}")
        return install_face_weights(archive)


def _file_names(model: str) -> tuple[str, str]:
    return f"{model}-weights_manifest.json", f"{model}.bin"


def _read_checked(model: str, folder: Path) -> tuple[bytes, bytes]:
    """Returns the manifest and the numbers of one network, if both have the known hashes."""
    contents = []
    for name, expected in zip(_file_names(model), FILES[model], strict=True):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read {folder / name} ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise ModelError(
                f"{folder / name} is damaged or another file; delete {folder} and run the command "
                "again to download the weights"
            )
        contents.append(content)
    return contents[0], contents[1]


def _dequantize(manifest: bytes, numbers: bytes) -> Arrays:
    """Returns float32 arrays: 8-bit numbers, times their scale, plus their minimum."""
    arrays, offset = {}, 0
    for entry in (entry for group in json.loads(manifest) for entry in group["weights"]):
        kind = entry.get("quantization", {"dtype": entry["dtype"], "scale": 1.0, "min": 0.0})
        count = int(np.prod(entry["shape"]))
        stored = np.frombuffer(numbers, kind["dtype"], count, offset)
        offset += stored.nbytes
        values = stored.astype(np.float32) * np.float32(kind["scale"]) + np.float32(kind["min"])
        arrays[entry["name"]] = values.reshape(entry["shape"])
    return arrays
