"""What the README tells users to type does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

import onestroke
from onestroke.models.transform import TransformNetwork
from onestroke.train.validation import to_bytes

README = (Path(__file__).parents[2] / "README.md").read_text()


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_python_snippets_run_and_their_files_agree(tmp_path):
    (tmp_path / "runs" / "wave").mkdir(parents=True)
    TransformNetwork("mobile").save(tmp_path / "runs" / "wave" / "style.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    for code in snippets():
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    stylizer = onestroke.load(tmp_path / "runs" / "wave")
    image = pixels[None].astype(np.float32)
    server = tf.saved_model.load(str(tmp_path / "wave_saved_model"))
    interpreter = tf.lite.Interpreter(str(tmp_path / "wave.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    on_a_phone = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    for picture in (server.serve(image).numpy(), on_a_phone):
        assert np.abs(to_bytes(picture[0]).astype(int) - stylizer(pixels)).max() <= 1


def test_pictures_and_files_that_it_names_exist():
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (root / target).exists(), target
