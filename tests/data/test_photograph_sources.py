"""Photographs of folders, globs, TensorFlow Datasets and the package."""

import io
import logging
import shutil
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onestroke.data import photograph_sources
from onestroke.data.photograph_sources import DataError, open_source, read_some
from onestroke.picture_kinds import SUFFIXES
from onestroke.pictures import PictureError

A_SOURCE = "; a data source is a folder, a glob, a video, tfds:NAME[:SPLIT] or bundled"
A_PICTURE = f"their names end in {' '.join(SUFFIXES)}"


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def ramps(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty noisy photographs of many sizes."""
    random = np.random.default_rng(0)
    for number in range(30):
        height, width = random.integers(20, 60, 2)
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        (tmp_path / f"{number:02}.jpg").write_bytes(jpeg(pixels))
    return tmp_path


class TestSources:
    def test_folder_glob_file_and_several(self, folder: Path) -> None:
        (folder / "more").mkdir()
        (folder / "more" / "a.jpg").write_bytes(jpeg(np.full((9, 7, 3), 200, np.uint8)))
        assert len(open_source(str(folder))) == 31
        assert len(open_source(f"{folder}/0*.jpg")) == 10
        several = open_source([f"{folder}/0*.jpg", str(folder / "more")])
        assert len(several) == 11
        assert several.name(0) == str(folder / "00.jpg")
        assert several.name(9) == str(folder / "09.jpg")
        assert several.name(10) == str(folder / "more" / "a.jpg")
        assert several.read(10).shape == (9, 7, 3)
        assert several.read(9).shape == open_source(str(folder / "09.jpg")).read(0).shape

    @pytest.mark.parametrize("split", ["train", "validation"])
    def test_bundled(self, split: Any) -> None:
        photographs = open_source("bundled", split=split)
        assert len(photographs) >= 3
        assert min(photographs.read(0).shape[:2]) >= 200
        training = open_source("bundled")
        names = {training.name(index) for index in range(len(training))}
        assert (photographs.name(0) in names) == (split == "train")

    def test_archives_and_lists_are_recognised_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text("a.jpg\nb.jpg\n")
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
            archive.writestr("a.jpg", b"x")
        for name, expected in [
            ("photos.zip", "is an archive, not a picture; unpack it first; a data source is"),
            ("list.txt", "is a text file, not a picture; supported are JPEG"),
        ]:
            with pytest.raises(DataError) as caught:
                open_source(str(tmp_path / name))
            assert str(caught.value).startswith(f"{tmp_path / name} {expected}")
        with pytest.raises(DataError, match=r"photos\.zip is an archive"):
            open_source([str(tmp_path / "photos.zip"), "bundled"])

    def test_folders_without_a_single_picture_are_recognised_at_once(self, tmp_path: Path) -> None:
        for number in range(40):
            (tmp_path / f"{number:02}.jpg").write_text("<html>404</html>")
        with pytest.raises(DataError, match=r"00\.jpg is a web page, not a picture; download"):
            open_source(str(tmp_path))
        (tmp_path / "00.jpg").write_bytes(jpeg(ramps(20, 20)))
        assert len(open_source(str(tmp_path))) == 40

    def test_transparent_photographs_are_seen_on_white(self, tmp_path: Path, caplog) -> None:
        clear = np.full((20, 20, 4), (200, 0, 0, 0), np.uint8)
        Image.fromarray(clear).save(tmp_path / "a.png")
        assert (open_source(str(tmp_path)).read(0) == 255).all()

    def test_further_pictures_of_a_file_are_named_once(self, tmp_path: Path, caplog) -> None:
        frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
        photographs = open_source(str(tmp_path))
        with caplog.at_level(logging.WARNING, "onestroke.pictures"):
            for _ in range(3):
                photographs.read(0)
        assert caplog.messages == [
            f"{tmp_path / 'a.webp'} has 2 pictures; only the first one is used"
        ]

    def test_missing(self, tmp_path: Path) -> None:
        for source, message in [
            (f"{tmp_path}/none", f"no file or folder {tmp_path}/none; check the path"),
            (f"{tmp_path}", f"no pictures in {tmp_path} or its subfolders; {A_PICTURE}"),
            (
                f"{tmp_path}/*.png",
                f"no picture matches {tmp_path}/*.png; {A_PICTURE}",
            ),
        ]:
            with pytest.raises(DataError) as caught:
                open_source(source)
            assert str(caught.value) == message + A_SOURCE
        with pytest.raises(DataError, match="no data source given; a data source is a folder"):
            open_source([])


class TestTfds:
    """TensorFlow Datasets without a network."""

    @pytest.fixture(autouse=True)
    def quiet(self) -> None:
        logging.getLogger("absl").setLevel(logging.ERROR)

    def mock(self, examples: list[dict[str, Any]], asked: list[str] | None = None) -> Any:
        import tensorflow_datasets as tfds

        def as_data_source(builder: Any, split: str, **options: Any) -> Any:
            if asked is not None:
                asked.append(f"{builder.info.full_name}:{split}")
            return examples

        return tfds.testing.mock_data(as_data_source_fn=as_data_source)

    def test_coco(self) -> None:
        encoded = jpeg(ramps(64, 80), quality=100)
        asked: list[str] = []
        with self.mock([{"image": encoded}] * 5, asked):
            photographs = open_source("tfds:coco/2017:train")
            open_source("tfds:coco/2017")
            open_source("tfds:coco/2017", split="validation")
            open_source("tfds:coco/2017:1.1.0:test")
            open_source("tfds:coco/2017:train[:10%]")
        splits = ["train", "train", "validation", "test", "train[:10%]"]
        assert asked == [f"coco/2017/1.1.0:{split}" for split in splits]
        assert len(photographs) == 5
        assert photographs.name(3) == "tfds:coco/2017:train[3]"
        assert photographs.read(3).shape == (64, 80, 3)
        assert photographs.read(3, 16).shape == (16, 20, 3)

    def test_arrays_and_broken_examples(self) -> None:
        gray, clear = np.full((9, 7, 1), 3, np.uint8), np.full((9, 7, 4), 3, np.uint8)
        wrong = np.zeros((9, 7), np.float32)
        with self.mock([{"image": image} for image in (gray, clear, wrong, b"")]):
            photographs = open_source("tfds:coco/2017")
        assert (photographs.read(0) == np.full((9, 7, 3), 3)).all()
        # 3 * 3/255 + 255 * 252/255 = 252
        assert (photographs.read(1) == np.full((9, 7, 3), 252)).all()
        with pytest.raises(PictureError) as caught:
            photographs.read(2)
        assert str(caught.value) == (
            "tfds:coco/2017:train[2]: expected (height, width, 1, 3 or 4) uint8; "
            "received (9, 7) float32"
        )
        with pytest.raises(PictureError, match=r"^tfds:coco/2017:train\[3\] is empty"):
            photographs.read(3)

    def test_random_data_of_tfds_itself(self) -> None:
        import tensorflow_datasets as tfds

        with tfds.testing.mock_data(num_examples=3):
            photographs = open_source("tfds:mnist:test")
            assert len(photographs) == 3
            assert photographs.read(0).shape == (28, 28, 3)

    def test_a_data_set_on_the_disk(self, tmp_path: Path) -> None:
        import tensorflow_datasets as tfds

        build_ramps(tfds, tmp_path)
        tfds.core.add_data_dir(tmp_path)
        photographs = open_source("tfds:ramps_for_tests")
        assert len(photographs) == 4
        with ThreadPoolExecutor(2) as pool:
            shapes = list(pool.map(lambda index: photographs.read(index, 16).shape, range(4)))
        assert sorted(shapes) == [(16, 20 + number, 3) for number in range(4)]
        with pytest.raises(DataError) as caught:
            open_source("tfds:ramps_for_tests:nonsense")
        assert str(caught.value) == (
            "tfds:ramps_for_tests has no split nonsense; expected one of: train"
        )

    def test_a_data_set_on_the_disk_without_random_access(self, tmp_path: Path) -> None:
        import tensorflow_datasets as tfds

        build_ramps(tfds, tmp_path, name="records_for_tests", file_format="tfrecord")
        tfds.core.add_data_dir(tmp_path)
        with pytest.raises(DataError) as caught:
            open_source("tfds:records_for_tests")
        assert str(caught.value) == (
            "tfds:records_for_tests is stored without random access in "
            f"{tmp_path}/records_for_tests/1.0.0; set TFDS_DATA_DIR to another folder, "
            "or move that one away to have it prepared again"
        )

    def test_not_a_name(self) -> None:
        with pytest.raises(DataError) as caught:
            open_source("tfds:")
        assert (
            str(caught.value) == "expected tfds:NAME[:SPLIT], as in tfds:coco/2017; received tfds:"
        )

    @pytest.mark.parametrize("name", ["no_such_photographs", "coco/1817"])
    def test_unknown_name(self, name: str) -> None:
        with pytest.raises(DataError) as caught:
            open_source(f"tfds:{name}")
        assert str(caught.value).startswith(
            f"tfds:{name} is not a data set of TensorFlow Datasets ("
        )
        assert str(caught.value).endswith(
            "); the names are at https://www.tensorflow.org/datasets/catalog"
        )
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None

    def test_no_photographs_inside(self) -> None:
        with pytest.raises(DataError) as caught:
            open_source("tfds:ag_news_subset")
        assert str(caught.value) == (
            "tfds:ag_news_subset has no photographs: it has no feature image but "
            "description, label, title; choose another data set"
        )

    def test_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import tensorflow_datasets as tfds

        def fail(self: Any) -> None:
            raise ConnectionError("no route\nto host")

        monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
        with pytest.raises(DataError) as caught:
            open_source("tfds:coco/2017")
        assert str(caught.value) == (
            "tfds:coco/2017 is not on this machine and could not be downloaded (no route); connect "
            "to the network, or copy it from a machine that has it and set TFDS_DATA_DIR to its "
            "folder, or name a folder of photographs"
        )
        assert isinstance(caught.value.__cause__, ConnectionError)

    def test_empty_split(self) -> None:
        with self.mock([]), pytest.raises(DataError) as caught:
            open_source("tfds:coco/2017:test")
        assert str(caught.value) == "tfds:coco/2017:test is empty; choose another split"

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
        with pytest.raises(DataError) as caught:
            open_source("tfds:coco/2017")
        assert str(caught.value) == (
            "tfds:coco/2017 needs TensorFlow Datasets; install it: pip install tensorflow-datasets"
        )


def build_ramps(
    tfds: Any, folder: Path, *, name: str = "ramps_for_tests", file_format: str = "array_record"
) -> None:
    """Write a real data set of four JPEGs, 64 x 80, 84, 88 and 92."""

    base: Any = tfds.core.GeneratorBasedBuilder

    class Ramps(base, skip_registration=True):  # type: ignore[call-arg]
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Any:
            for number in range(4):
                yield number, {"image": io.BytesIO(jpeg(ramps(64, 80 + 4 * number)))}

    Ramps.name = name
    builder = Ramps(data_dir=folder, file_format=file_format)
    builder.download_and_prepare()


@pytest.mark.parametrize(("there", "chosen"), [(3, "012"), (8, "01346"), (9, "01357")])
def test_some_photographs_are_from_all_over(tmp_path, there, chosen):
    for i in range(there):
        Image.fromarray(np.full((20, 20, 3), i, np.uint8)).save(tmp_path / f"{i}.png")
    some = read_some(str(tmp_path), 5, 20)
    assert "".join(Path(name).stem for name in some) == chosen
    assert [int(pixels[0, 0, 0]) for pixels in some.values()] == [int(i) for i in chosen]


def test_only_photographs_of_some_names_are_read(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / name)
    some = read_some(str(tmp_path), 5, None, stems={"c", "a", "x"})
    assert [Path(name).stem for name in some] == ["a", "c"]
    with pytest.raises(DataError, match="none of the 3 photographs has one of the names x, y"):
        read_some(str(tmp_path), 5, None, stems={"x", "y"})


def test_fingerprints_are_of_the_content_not_of_the_place(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = shutil.copytree(folder, tmp_path_factory.mktemp("moved") / "photos")
    first = open_source(str(folder)).fingerprint()
    assert open_source(str(moved)).fingerprint() == first
    assert open_source([str(folder), "bundled"]).fingerprint() != first
    both = [open_source([str(place), "bundled"]).fingerprint() for place in (folder, moved)]
    assert both[0] == both[1]
    names = sorted(moved.rglob("*.*"))
    names[0].write_bytes(names[1].read_bytes())
    assert open_source(str(moved)).fingerprint() != first
    names[-1].unlink()
    assert open_source(str(moved)).fingerprint() != first


def test_fingerprints_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {"a.mp4": b"one", "b.mp4": b"one", "c.mp4": b"two"}
    monkeypatch.setattr(photograph_sources, "is_video", lambda source: True)
    monkeypatch.setattr(
        photograph_sources, "decode_frames", lambda source: {f"{source}[0]": frames[source]}
    )
    hashes = [open_source(name).fingerprint() for name in frames]
    assert hashes[0] == hashes[1] != hashes[2]
