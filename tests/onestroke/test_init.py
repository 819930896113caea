"""The public functions, and the package as Python finds it in a checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestroke

ROOT = Path(onestroke.__file__).resolve().parents[1]


def test_public_names() -> None:
    assert {*onestroke.__all__} <= {*dir(onestroke)}
    for name in onestroke.__all__:
        assert getattr(onestroke, name) is not None
    with pytest.raises(AttributeError, match="module 'onestroke' has no attribute 'absent'"):
        getattr(onestroke, "absent")  # noqa: B009


def test_pictures_are_opened_as_the_command_opens_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    Image.new("RGB", (60, 40), (10, 20, 30)).save(tmp_path / "a.png", exif=exif)
    pixels = onestroke.read_picture(tmp_path / "a.png").pixels
    assert pixels.shape == (60, 40, 3)
    onestroke.write_picture(tmp_path / "b.png", pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), pixels)


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="the package is installed")
def test_sub_packages_are_found_in_a_clone_in_a_folder_with_a_space(tmp_path: Path) -> None:
    clone = tmp_path / "my clone"
    for path in ROOT.glob("*/*.py"):
        if path.with_name("__init__.py").is_file():
            (clone / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, clone / path.parent.name)
    shutil.copy(ROOT / "pyproject.toml", clone)
    code = "import onestroke.cli.app, onestroke.models.card; print(onestroke.models.card.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(clone / "models" / "card.py"), done.stderr
