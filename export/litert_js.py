"""LiteRT.js, which runs TFLite files in browsers: downloaded once, then cached.

npm downloads it, as it knows the user's registry. Without npm, the archives are read from the
registry that npm's own variable NPM_CONFIG_REGISTRY names.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

from onestroke.child_process import end_with_parent
from onestroke.errors import ModelError, SettingsError
from onestroke.files import cache_folder, check_writable, write_whole

VERSION = "2.5.3"
FOLDER = f"litertjs-{VERSION}"  # in the user's cache
NOTICE = f"""LiteRT.js {VERSION}, Copyright Google LLC, https://github.com/google-ai-edge/LiteRT,
under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0.
Changed: core/index.js imports the second package by its place in this folder, and the WebAssembly
files are compressed.
"""
# Packages of @litertjs with the hashes of their archives; npm refuses others. The first package
# imports the second.
INTEGRITY = {
    "core": (
        "sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nz"
        "WoyJQ=="
    ),
    "wasm-utils": (
        "sha512-4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/"
        "sI1kQ=="
    ),
}
PACKAGES = tuple(INTEGRITY)
TIMEOUT = 60  # seconds without an answer
LEVEL = 6  # of compression; 9 takes three times as long and saves 1 %


def find_runtime() -> Path:
    """Returns the folder that contains the packages; the first call downloads them.

    Raises:
        ModelError: the packages cannot be downloaded, or are not the published ones.
        SettingsError: there is no cache folder, or the cache is not writable.
    """
    folder = cache_folder(FOLDER)
    if folder is None:
        raise SettingsError(
            f"no home folder to keep LiteRT.js {VERSION} in; set XDG_CACHE_HOME to a folder"
        )
    if not _is_complete(folder):
        check_writable(folder.parent)
        write_whole(folder, _download)
    return folder


def _is_complete(folder: Path) -> bool:
    packages = folder / "node_modules" / "@litertjs"
    return all((packages / name / "dist" / "index.js").is_file() for name in PACKAGES)


def lock_file() -> dict[str, Any]:
    """Returns the ``package-lock.json`` that fixes versions and hashes, not the registry."""
    packages: dict[str, Any] = {"": {"dependencies": _dependencies()}}
    for name, integrity in INTEGRITY.items():
        packages[f"node_modules/@litertjs/{name}"] = {"version": VERSION, "integrity": integrity}
    return {"name": "page", "lockfileVersion": 3, "packages": packages}


def _dependencies() -> dict[str, str]:
    return {f"@litertjs/{name}": VERSION for name in PACKAGES}


def _download(folder: Path) -> None:
    folder.mkdir()
    if npm := shutil.which("npm"):
        _install(npm, folder)
        return
    registry = os.environ.get("NPM_CONFIG_REGISTRY", "").rstrip("/")
    if not registry:
        raise SettingsError(
            f"npm is not installed, which downloads LiteRT.js {VERSION} once; install Node.js, or "
            "set NPM_CONFIG_REGISTRY to the address of an npm registry"
        )
    for name, integrity in INTEGRITY.items():
        archive = _read_archive(f"{registry}/@litertjs/{name}/-/{name}-{VERSION}.tgz")
        digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
        if integrity != f"sha512-{digest}":
            raise _altered(f"{name}-{VERSION}.tgz has another hash")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        place = folder / "node_modules" / "@litertjs"
        place.mkdir(parents=True, exist_ok=True)
        (folder / "package").rename(place / name)  # the folder in every archive


def _read_archive(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            return answer.read()
    except (OSError, ValueError) as error:  # a ValueError: the address is none
        raise _unreachable(str(error)) from error


def _install(npm: str, folder: Path) -> None:
    files = {
        "package.json": {"name": "page", "dependencies": _dependencies()},
        "package-lock.json": lock_file(),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    command = end_with_parent([npm, "ci", *options])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = (reasons or ["npm printed no reason"])[0]
        raise _altered(reason) if "EINTEGRITY" in done.stderr else _unreachable(reason)


def _altered(reason: str) -> ModelError:
    return ModelError(
        f"the LiteRT.js {VERSION} that was downloaded is not the published one ({reason}); check "
        "the registry that npm is configured for, or the variable NPM_CONFIG_REGISTRY"
    )


def _unreachable(reason: str) -> ModelError:
    return ModelError(
        f"LiteRT.js {VERSION} could not be downloaded ({reason}); connect to the network and try "
        "again"
    )


def copy_runtime(runtime: Path, target: Path) -> None:
    """Copies the files that a browser requests, and makes the modules importable without a bundler.

    Raises:
        ModelError: the cached packages are damaged.
    """
    packages = runtime / "node_modules" / "@litertjs"
    for name in PACKAGES:
        folder = target / name
        folder.mkdir(parents=True)
        script = (packages / name / "dist" / "index.js").read_text(encoding="utf-8")
        if name == "core":
            script = _resolve_import(script, runtime)
        (folder / "index.js").write_text(script, encoding="utf-8")
        shutil.copy(packages / name / "package.json", folder)
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    wasm = target / "wasm"
    wasm.mkdir()
    for file in (packages / "core" / "wasm").iterdir():
        # For models that run partly on the processor, which exported files do not.
        if "jspi" in file.name:
            continue
        if file.suffix == ".wasm":
            # painter.js unpacks it: a third of the bytes on every server. Without a time, so that
            # equal exports are equal files.
            packed = gzip.compress(file.read_bytes(), LEVEL, mtime=0)
            (wasm / f"{file.name}.gz").write_bytes(packed)
        else:
            shutil.copyfile(file, wasm / file.name)


def _resolve_import(script: str, runtime: Path) -> str:
    """Replaces the name of the second package by its path; workers support no import maps."""
    script, count = re.subn(r"""(['"])@litertjs/wasm-utils\1""", '"../wasm-utils/index.js"', script)
    if not count:
        raise ModelError(
            f"LiteRT.js in {runtime} does not import @litertjs/wasm-utils; delete that folder and "
            "export again"
        )
    return script
