"""The blind sheet shows who made nothing, and its key says it."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from onestroke.evaluate.blind_sheet import read_key, write_blind_sheet
from onestroke.evaluate.comparison import Comparison, Scene

OURS, THEIRS, PHOTOGRAPH, PAINTING = 40, 80, 120, 160
SRC = re.compile(r'src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"')


def flat(value: int) -> np.ndarray:
    return np.full((16, 24, 3), value, np.uint8)


@pytest.fixture
def comparisons():
    """Two networks, six photographs; the pictures differ by one level for each photograph."""
    return [
        Comparison(
            model=model,
            opponent="theirs",
            painting={},
            paintings=[flat(PAINTING)],
            scenes=[
                Scene(f"{i}.jpg", flat(PHOTOGRAPH), flat(OURS + i), flat(THEIRS + i), {})
                for i in range(6)
            ],
        )
        for model in ("secret_one", "secret_two")
    ]


def shown(page: str) -> list[dict[str, float]]:
    """Returns for each pair the mean of each picture."""
    found = [
        (label, float(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).mean()))
        for data, label in SRC.findall(page)
    ]
    return [dict(found[i : i + 4]) for i in range(0, len(found), 4)]


def test_the_key_says_which_picture_is_whose(comparisons, tmp_path):
    key = write_blind_sheet(tmp_path, comparisons, seed=3)
    pairs = shown((tmp_path / "blind_sheet.html").read_text())
    assert len(pairs) == len(key.pairs) == 12
    for pair, means in zip(key.pairs, pairs, strict=True):
        assert means["photograph"] == PHOTOGRAPH
        assert means["painting"] == PAINTING
        number = int(pair.photograph.removesuffix(".jpg"))
        theirs = {"A": "B", "B": "A"}[pair.network_is]
        assert means[f"picture {pair.network_is}"] == pytest.approx(OURS + number, abs=1)
        assert means[f"picture {theirs}"] == pytest.approx(THEIRS + number, abs=1)
    assert {pair.network_is for pair in key.pairs} == {"A", "B"}
    assert sorted((p.model, p.photograph) for p in key.pairs) == sorted(
        (one.model, scene.name) for one in comparisons for scene in one.scenes
    )
    assert read_key(json.loads((tmp_path / "blind_key.json").read_text())) == key


def test_the_page_names_no_maker(comparisons, tmp_path):
    write_blind_sheet(tmp_path, comparisons, seed=0)
    page = SRC.sub("", (tmp_path / "blind_sheet.html").read_text())
    assert not re.search("secret|theirs|onestroke|jpg|http", page)


def test_the_seed_determines_the_sheet(comparisons, tmp_path):
    first, again, other = (
        write_blind_sheet(tmp_path / name, comparisons, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first.sheet != other.sheet
    orders = [[(p.photograph, p.network_is) for p in key.pairs] for key in (first, other)]
    assert orders[0] != orders[1]


def test_an_empty_file_of_votes_is_beside_the_page(comparisons, tmp_path):
    key = write_blind_sheet(tmp_path, comparisons, seed=0)
    lines = (tmp_path / "blind_votes.csv").read_text().splitlines()
    assert lines[:2] == ["sheet,pair,vote", f"{key.sheet},1,"]
    assert len(lines) == 13
    page = (tmp_path / "blind_sheet.html").read_text()
    assert f'`{key.sheet},${{pair}},${{votes[pair] ?? ""}}\\n`' in page
    assert 'let text = "sheet,pair,vote\\n"' in page
