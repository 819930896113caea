"""LiteRT.js, which runs TFLite files in browsers: fetched by npm once, then kept."""

import re
import shutil
import subprocess
from pathlib import Path

from onestroke.errors import ModelError, SettingsError
from onestroke.files import cache_folder, check_writable, write_whole

VERSION = "2.5.3"
FOLDER = f"litertjs-{VERSION}"  # in the user's cache
NOTICE = f"""LiteRT.js {VERSION}, Copyright Google LLC, https://github.com/google-ai-edge/LiteRT,
under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0.
Changed: core/index.js imports the second package by its place in this folder.
"""
PACKAGES = ("core", "wasm-utils")  # of @litertjs; the second is what the first imports


def find_runtime() -> Path:
    """Returns the folder that holds the packages; the first time, asks npm for them.

    Raises:
        ModelError: npm is not installed, or cannot fetch them.
        SettingsError: there is no folder for them, or it cannot be written.
    """
    folder = cache_folder(FOLDER)
    if folder is None:
        raise SettingsError(
            f"expected a home folder for LiteRT.js {VERSION}; set XDG_CACHE_HOME to a folder"
        )
    if not _is_whole(folder):
        check_writable(folder.parent)
        write_whole(folder, _fetch)
    return folder


def _is_whole(folder: Path) -> bool:
    packages = folder / "node_modules" / "@litertjs"
    return all((packages / name / "dist" / "index.js").is_file() for name in PACKAGES)


def _fetch(folder: Path) -> None:
    folder.mkdir()
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError(
            f"a page needs LiteRT.js {VERSION}, which npm fetches; install npm (it comes with "
            "Node.js) and export again"
        )
    wanted = [f"@litertjs/{name}@{VERSION}" for name in PACKAGES]
    done = subprocess.run(
        [
            npm,
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
            folder,
            *wanted,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise ModelError(
            f"npm could not fetch LiteRT.js {VERSION} ({(reasons or ['it does not say why'])[0]}); "
            "connect to the network and export again"
        )


def copy_runtime(runtime: Path, target: Path) -> None:
    """Copies what a browser asks for, and lets the modules find each other without a bundler."""
    packages = runtime / "node_modules" / "@litertjs"
    for name in PACKAGES:
        folder = target / name
        folder.mkdir(parents=True)
        script = (packages / name / "dist" / "index.js").read_text(encoding="utf-8")
        # Workers have no import maps, so that names of packages lead nowhere.
        script = re.sub(r"""(['"])@litertjs/wasm-utils\1""", '"../wasm-utils/index.js"', script)
        (folder / "index.js").write_text(script, encoding="utf-8")
        shutil.copy(packages / name / "package.json", folder)
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    wasm = target / "wasm"
    wasm.mkdir()
    for file in (packages / "core" / "wasm").iterdir():
        if "jspi" not in file.name:  # for parts of a model on the CPU, which ours do not have
            shutil.copyfile(file, wasm / file.name)
