import json
from pathlib import Path

import numpy as np
import pytest

from onestroke.models.face_networks import build_detector, build_landmarks, build_published_encoder

GOLDEN = Path(__file__).parents[1] / "golden" / "face_networks.json"


def picture(side):
    """The picture of tests/golden/make_faces.mjs."""
    i, j, c = np.mgrid[:side, :side, :3]
    return ((i * j + 7 * i + 13 * j + 29 * c) % 256).astype(np.float32)[None]


@pytest.mark.parametrize(
    ("name", "build", "side", "tolerance"),
    [
        ("detector", build_detector, 96, 1e-3),  # of numbers up to 50
        ("landmarks", build_landmarks, 112, 1e-5),
        ("encoder", build_published_encoder, 150, 1e-5),
    ],
)
def test_networks_compute_what_face_api_computes(face_weights, name, build, side, tolerance):
    expected = json.loads(GOLDEN.read_text())[name]
    network = build(getattr(face_weights, name))
    actual = np.asarray(network(picture(side))).ravel()
    np.testing.assert_allclose(actual, expected, atol=tolerance)
    assert not network.trainable_weights
