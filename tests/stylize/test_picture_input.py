"""The kinds of pictures that a stylizer accepts and returns."""

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.pictures import PictureError


@pytest.fixture(scope="module")
def stylizer(style_file):
    return onestroke.load(style_file)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 32, 4), dtype=np.uint8)


def test_an_image_gives_an_image(stylizer, pixels):
    painted = stylizer(Image.fromarray(pixels[..., :3]), style="scream")
    assert (painted.mode, painted.size) == ("RGB", (32, 20))
    np.testing.assert_array_equal(
        np.asarray(painted), stylizer(pixels[..., :3].copy(), style="scream")
    )


def test_transparency_is_kept(stylizer, pixels):
    painted = stylizer(Image.fromarray(pixels))
    assert painted.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(painted)[..., 3], pixels[..., 3])


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_other_modes_are_converted(stylizer, pixels, mode):
    assert stylizer(Image.fromarray(pixels[..., :3]).convert(mode)).mode == "RGB"


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_path_gives_an_image(stylizer, pixels, tmp_path, kind):
    path = tmp_path / "photo.png"
    Image.fromarray(pixels[..., :3]).save(path)
    painted = stylizer(kind(path), strength=0)
    np.testing.assert_array_equal(np.asarray(painted), pixels[..., :3])


def test_a_missing_picture_is_named(stylizer, tmp_path):
    with pytest.raises(PictureError, match=r"absent\.png"):
        stylizer(tmp_path / "absent.png")


def test_repr_names_the_model_and_its_styles(stylizer, style_file):
    assert repr(stylizer) == (f"<Stylizer {style_file}; default style wave; styles wave, scream>")


def test_dir_lists_the_public_names():
    assert dir(onestroke) == [
        "OnestrokeError",
        "__version__",
        "export_style",
        "load",
        "read_picture",
        "train_style",
        "write_picture",
    ]
