"""Keras' settings of the user change no picture, and its other backends end in one line."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

import onestroke
from onestroke.errors import SettingsError
from onestroke.models.keras_defaults import check_backend, check_precision, keras_defaults

PAINT = """if True:
    import sys
    import numpy as np
    import onestroke
    from onestroke.errors import OnestrokeError
    picture = np.load(sys.argv[2])
    try:
        np.save(sys.argv[2], onestroke.load(sys.argv[1])(picture, style={"wave": 1, "scream": 2}))
    except OnestrokeError as error:
        sys.exit(str(error))
"""


def photograph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def paint_elsewhere(style_file: Path, folder: Path, **environment: str) -> tuple[np.ndarray, str]:
    """Paints in a process with another environment; returns the picture and the last message."""
    file = folder / "picture.npy"
    np.save(file, photograph())
    done = subprocess.run(
        [sys.executable, "-c", PAINT, str(style_file), str(file)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    return np.load(file), done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("backend", ["jax", "torch", "nonsense"])
def test_other_backends_end_in_one_line(style_file: Path, tmp_path: Path, backend: str) -> None:
    _, message = paint_elsewhere(style_file, tmp_path, KERAS_BACKEND=backend)
    assert message == (
        f"Keras runs on the backend {backend} (KERAS_BACKEND), which is not supported here; set "
        "KERAS_BACKEND=tensorflow before Keras is imported"
    )


def test_other_backends_of_the_settings_file_end_in_one_line(
    style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    file = tmp_path / "keras.json"
    file.write_text(json.dumps({"backend": "torch"}))
    _, message = paint_elsewhere(style_file, tmp_path, KERAS_HOME=str(tmp_path))
    assert message.startswith(f"Keras runs on the backend torch ({file}), which is not supported")


def test_precision_of_the_settings_file_changes_no_picture(
    style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    settings = {"backend": "tensorflow", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    painted, _ = paint_elsewhere(style_file, tmp_path, KERAS_HOME=str(tmp_path))
    here = onestroke.load(style_file)(photograph(), style={"wave": 1, "scream": 2})
    np.testing.assert_array_equal(painted, here)


@pytest.mark.parametrize(
    ("floatx", "policy", "layout"),
    [
        ("float64", "float64", "channels_last"),
        ("float32", "mixed_float16", "channels_first"),
    ],
)
def test_settings_of_the_process_change_no_picture(
    style_file: Path, floatx: str, policy: str, layout: str
) -> None:
    expected = onestroke.load(style_file)(photograph())
    try:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(layout)
        np.testing.assert_array_equal(onestroke.load(style_file)(photograph()), expected)
        assert keras.config.floatx() == floatx
        assert keras.config.dtype_policy().name == policy
        assert keras.config.image_data_format() == layout
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.config.set_image_data_format("channels_last")


def test_settings_come_back_after_an_error() -> None:
    def fail() -> None:
        with keras_defaults("mixed_bfloat16"):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert keras.config.dtype_policy().name == "float32"


def test_one_thread_at_a_time() -> None:
    entered = threading.Event()

    def build() -> None:
        with keras_defaults():
            entered.set()

    thread = threading.Thread(target=build)
    with keras_defaults("mixed_bfloat16"):
        thread.start()
        assert not entered.wait(0.2)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    thread.join()
    assert entered.is_set()
    assert keras.config.dtype_policy().name == "float32"


def test_backends_that_are_not_supported_for_a_purpose() -> None:
    check_backend()
    with pytest.raises(SettingsError, match=r"backend tensorflow \(imported already\), which is"):
        check_backend("jax")


def test_other_precisions_are_refused_in_one_line() -> None:
    check_precision()
    try:
        keras.config.set_floatx("float16")
        with pytest.raises(SettingsError, match=r"floatx is float16, .*keras\.config\.set_floatx"):
            check_precision()
    finally:
        keras.config.set_floatx("float32")


@pytest.mark.parametrize(
    ("settings", "command", "expected"),
    [
        (
            {"floatx": "float64", "image_data_format": "channels_first"},
            ["train", "--help"],
            "tensorflow float32 channels_last float32",
        ),
        ({"floatx": "float64"}, ["info", "base_mobile"], "not imported"),  # which takes seconds
        ({"floatx": "float32"}, ["info", "base_mobile"], "not imported"),
    ],
)
def test_the_command_line_ignores_the_settings_file(
    settings: dict[str, str], command: list[str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch", **settings}))
    code = (
        "import sys\n"
        "from onestroke.cli.app import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "keras = sys.modules.get('keras')\n"
        "print('not imported' if keras is None else ' '.join([keras.backend.backend(), "
        "keras.config.floatx(), keras.config.image_data_format(), "
        "keras.config.dtype_policy().name]))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        env={**environment, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == expected, done.stderr
