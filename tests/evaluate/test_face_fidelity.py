from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from onestroke.evaluate.face_fidelity import measure_faces, write_face_sheet
from onestroke.models.face_detector import Square


class Reader:
    """A face is a square of 8 px; its encoding is its mean colour in [0, 1]."""

    encoder = SimpleNamespace(name="colours", side=8, threshold=0.25)

    def find(self, picture):
        count = picture.shape[1] // 8 if picture.shape[0] == 8 else 0
        return [Square(0, 8 * i, 8) for i in range(count)]

    def encode(self, picture, squares):
        parts = [picture[s.top : s.top + 8, s.left : s.left + 8] for s in squares]
        return np.stack([part.mean(axis=(0, 1)) / 255 for part in parts])


def photograph(*greys):
    picture = np.zeros((8, 8 * len(greys), 3), np.uint8)
    for i, grey in enumerate(greys):
        picture[:, 8 * i : 8 * i + 8] = (grey, 0, 0)
    return picture


def subject(name, paint):
    return SimpleNamespace(name=name, paint=paint)


PHOTOGRAPHS = {
    "a": photograph(51, 204),
    "scenery": np.zeros((9, 9, 3), np.uint8),
    "b": photograph(102),
}


def test_faces_are_compared_with_themselves():
    # Reds of 0.2, 0.8 and 0.4. Half as bright: 0.1, 0.4 and 0.2, at distances of 0.1, 0.4 and 0.2.
    same = subject("same", lambda picture: picture)
    darker = subject("darker", lambda picture: picture // 2)
    report = measure_faces([same, darker], PHOTOGRAPHS, Reader(), 640)
    assert [face.photograph for face in report.faces] == ["a", "a", "b"]
    assert report.others_distance == pytest.approx((0.6 + 0.2 + 0.4) / 3)
    assert report.models[0].kept == report.models[0].identified == 1
    assert report.models[0].mean_distance == 0
    model = report.models[1]
    assert model.distances == pytest.approx([0.1, 0.4, 0.2], abs=0.003)
    assert model.kept == pytest.approx(2 / 3)
    # 0.1 is nearest to 0.2, its own; 0.4 and 0.2 are nearest to those of other faces.
    assert model.nearest == [True, False, False]
    assert report.record()["models"][1]["kept"] == model.kept


def test_no_faces():
    report = measure_faces([subject("same", None)], {"s": PHOTOGRAPHS["scenery"]}, Reader(), 640)
    assert report.models == ()
    assert report.record()["count"] == 0


def test_sheet_has_a_row_for_each_network(tmp_path):
    same = subject("same", lambda picture: picture)
    write_face_sheet(tmp_path / "faces.jpg", measure_faces([same], PHOTOGRAPHS, Reader(), 640))
    with Image.open(tmp_path / "faces.jpg") as sheet:
        assert sheet.height == 2 * (120 + 20)
