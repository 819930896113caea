"""Training batches: determinism, crops, broken files; sources of photographs."""

import io
import itertools
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from onestroke.data.photograph_sources import DataError, Photographs, open_source
from onestroke.pictures import PictureAccessError, PictureError
from onestroke.train.batches import FLAT_DEVIATION, PhotographBatches, StyledBatches, pipeline_rate

CROP = 16


class NumberedPictures(Photographs):
    """Picture i has the value i in red, so that a batch shows which pictures it contains."""

    def __init__(self, count: int, broken: range | set[int] = range(0), patience: int = 10**9):
        self.count, self.broken, self.patience = count, broken, patience
        self.reads: list[int] = []

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"picture {index}"

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        self.reads.append(index)
        if index in self.broken or len(self.reads) > self.patience:
            raise PictureError(f"{self.name(index)} is broken")
        pixels = ramps(20, 24)
        pixels[:, :, 0] = index
        return pixels


class OnePicture(Photographs):
    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return 1

    def name(self, index: int) -> str:
        return "it"

    def read(self, index: int, shrink_to: int | None = None) -> np.ndarray:
        return self.pixels


def make_batches(photographs: Photographs, **changes: Any) -> PhotographBatches:
    settings: dict[str, Any] = {"batch": 4, "crop": CROP, "seed": 0, "last_step": 10, **changes}
    return PhotographBatches(photographs, **settings)


def drawn(batches: PhotographBatches) -> list[int]:
    """Returns the numbers of the pictures in the order of the draws."""
    return [int(window[0, 0, 0]) for step in range(len(batches)) for window in batches[step]]


def slopes(window: np.ndarray) -> tuple[float, float]:
    """Returns the scale of a crop of a picture with x in red and y in green."""
    inner = window[2:-2, 2:-2]
    return float(np.diff(inner[:, :, 0], axis=1).mean()), float(
        np.diff(inner[:, :, 1], axis=0).mean()
    )


def ramps(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty noisy photographs of many sizes."""
    random = np.random.default_rng(0)
    for number in range(30):
        height, width = random.integers(20, 60, 2)
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        (tmp_path / f"{number:02}.jpg").write_bytes(jpeg(pixels))
    return tmp_path


class TestBatches:
    def test_shape_and_range(self, folder: Path) -> None:
        batches = make_batches(open_source(str(folder)), last_step=3)
        assert len(batches) == 3
        assert batches[0].shape == (4, CROP, CROP, 3)
        assert batches[0].dtype == np.float32
        assert 0 <= batches[0].min() < 50
        assert 200 < batches[0].max() <= 255

    def test_a_batch_is_a_function_of_seed_and_step(self, folder: Path) -> None:
        photographs = open_source(str(folder))
        in_order = [make_batches(photographs)[step] for step in range(10)]
        batches = make_batches(photographs)
        with ThreadPoolExecutor(4) as pool:
            backwards = list(pool.map(batches.__getitem__, range(9, -1, -1)))
        for one, other in zip(in_order, backwards[::-1], strict=True):
            np.testing.assert_array_equal(one, other)

    def test_resuming(self, folder: Path) -> None:
        photographs = open_source(str(folder))
        whole = make_batches(photographs)
        rest = make_batches(photographs, first_step=7)
        assert len(rest) == 3
        for position in range(3):
            np.testing.assert_array_equal(rest[position], whole[7 + position])

    def test_another_seed(self, folder: Path) -> None:
        photographs = open_source(str(folder))
        assert (make_batches(photographs, seed=1)[0] != make_batches(photographs)[0]).any()

    def test_each_epoch_visits_all_once_in_a_new_order(self) -> None:
        # 30 draws of 10 pictures; batches of 4 lie across the ends of epochs.
        order = drawn(make_batches(NumberedPictures(10), last_step=8))[:30]
        epochs = [order[:10], order[10:20], order[20:]]
        assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2]

    def test_crops_differ_between_epochs(self) -> None:
        batches = make_batches(OnePicture(ramps(200, 250)), batch=1)
        assert (batches[0] != batches[1]).any()

    @pytest.mark.parametrize("position", [-1, 10])
    def test_positions(self, position: int) -> None:
        with pytest.raises(IndexError, match=f"expected a position below 10; received {position}"):
            make_batches(NumberedPictures(3))[position]

    def test_settings_are_checked(self) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"scale": (0.0, 1.0)}, r"expected a scale of 0 < low <= high <= 1; received \(0.0, 1"),
            ({"scale": (0.9, 0.5)}, r"received \(0.9, 0.5\)"),
            ({"first_step": 11}, "0 <= first_step <= last_step; received 11 and 10"),
            ({"batch": 0}, "batch and crop of at least 1 .* received 0, 16 and 0"),
            ({"seed": -1}, "a seed of at least 0; received 4, 16 and -1"),
        ]
        for changes, message in wrong:
            with pytest.raises(ValueError, match=message):
                make_batches(NumberedPictures(3), **changes)

    def test_in_keras(self, folder: Path) -> None:
        seen: list[np.ndarray] = []
        batches = make_batches(open_source(str(folder)), last_step=6)
        a_model(seen).fit(batches, epochs=1, verbose=0, shuffle=False)
        assert len(seen) == 6
        for step, batch in enumerate(seen):
            np.testing.assert_array_equal(batch, batches[step])

    def test_pipeline_rate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a clock that every reading advances by a second: batches begin at 1, 2, 3 and 4."""
        clock = SimpleNamespace(perf_counter=itertools.count().__next__)
        monkeypatch.setattr("onestroke.train.batches.time", clock)
        batches = make_batches(NumberedPictures(9), batch=3, last_step=2, workers=1)
        assert pipeline_rate(batches, 5) == pytest.approx(4 * 3 / 6)


class TestCrops:
    def crops(self, photographs: Photographs, **changes: Any) -> Iterator[np.ndarray]:
        batches = make_batches(photographs, **changes)
        for step in range(len(batches)):
            yield from batches[step]

    def test_crops_have_the_requested_scale_without_distortion(self) -> None:
        across = []
        for window in self.crops(OnePicture(ramps(200, 250)), crop=50, scale=(0.4, 0.9)):
            right, down = slopes(window)
            assert abs(right) == pytest.approx(down, rel=0.02)
            across.append(down)
        # The window's side is 0.4 to 0.9 of 200 pixels, shown in 50.
        assert 1.6 <= min(across) + 0.02 < 2.0
        assert 3.2 < max(across) - 0.02 <= 3.6

    def test_crops_cover_the_whole_photograph(self) -> None:
        corners = [
            window[-1 if slopes(window)[0] < 0 else 0, 0 if slopes(window)[0] > 0 else -1, :2]
            for window in self.crops(OnePicture(ramps(200, 250)), scale=(0.5, 0.5), last_step=50)
        ]
        lefts = np.array(corners)[:, 0]
        assert lefts.min() < 10
        assert lefts.max() > 140  # the rightmost window starts at 150

    def test_half_are_mirrored(self) -> None:
        photographs = OnePicture(ramps(200, 250))
        mirrored = [slopes(window)[0] < 0 for window in self.crops(photographs, last_step=50)]
        assert 70 < sum(mirrored) < 130  # of 200; five deviations
        assert all(
            slopes(window)[0] > 0 for window in self.crops(photographs, flip=False, last_step=50)
        )

    def test_the_whole_short_side(self) -> None:
        for window in self.crops(OnePicture(ramps(200, 250)), crop=50, scale=(1.0, 1.0)):
            assert slopes(window)[1] == pytest.approx(4, rel=0.02)
            assert window[:, :, 1].min() < 4
            assert window[:, :, 1].max() > 195

    def test_small_photographs_are_enlarged_only_if_necessary(self) -> None:
        for window in self.crops(OnePicture(ramps(200, 250)), crop=150, scale=(0.1, 0.2)):
            assert slopes(window)[1] == pytest.approx(1, rel=0.01)  # 150 pixels, not 40
        for window in self.crops(OnePicture(ramps(20, 250)), crop=64):
            right, down = slopes(window)
            assert down == pytest.approx(20 / 64, rel=0.05)
            assert abs(right) == pytest.approx(20 / 64, rel=0.05)

    def test_a_jpeg_decoded_at_a_small_size_gives_the_same_crop(self, tmp_path: Path) -> None:
        pixels = np.kron(ramps(200, 250), np.ones((5, 5, 1), np.uint8))
        (tmp_path / "large.jpg").write_bytes(jpeg(pixels, quality=95))
        Image.fromarray(pixels).save(tmp_path / "large.png")
        one = make_batches(open_source(str(tmp_path / "large.jpg")), crop=64)[0]
        other = make_batches(open_source(str(tmp_path / "large.png")), crop=64)[0]
        assert np.abs(one - other)[:, :, :, :2].max() < 8

    def test_orientation(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # stored top is right: what was stored as x is seen as y
        stored = ramps(64, 64)[:, :, [0, 0, 0]]
        (tmp_path / "a.jpg").write_bytes(jpeg(stored, quality=100, exif=exif.tobytes()))
        batches = make_batches(open_source(str(tmp_path)), scale=(1.0, 1.0), flip=False)
        red = batches[0][0, :, :, 0]
        assert np.diff(red[2:-2], axis=0).mean() == pytest.approx(64 / CROP, rel=0.05)
        assert np.abs(np.diff(red, axis=1)).mean() < 0.5


class TestBrokenFiles:
    def test_skipped_counted_and_named_once(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (folder / "empty.jpg").touch()
        (folder / "page.jpg").write_text("<html>404</html>")
        whole = (folder / "00.jpg").read_bytes()
        (folder / "short.jpg").write_bytes(whole[: len(whole) // 2])
        batches = make_batches(open_source(str(folder)), last_step=30)  # nearly four epochs
        with caplog.at_level(logging.WARNING, "onestroke.train.batches"):
            for step in range(30):
                batches[step]
        names = ["empty.jpg", "page.jpg", "short.jpg"]
        assert sorted(batches.broken) == [30, 31, 32]
        assert len(caplog.messages) == 3
        for name, index in zip(names, [30, 31, 32], strict=True):
            lines = [line for line in caplog.messages if name in line]
            assert lines == [f"skipped a photograph: {batches.broken[index]}"]
            assert "\n" not in lines[0]
        assert batches.failure is None

    def test_replaced_by_a_function_of_seed_and_step(self) -> None:
        order = drawn(make_batches(NumberedPictures(50, {3, 7}), last_step=25))
        assert not {3, 7} & set(order)
        assert len(order) == 100
        assert order == drawn(make_batches(NumberedPictures(50, {3, 7}), last_step=25))
        intact = drawn(make_batches(NumberedPictures(50), last_step=25))
        changed = [old for old, new in zip(intact, order, strict=True) if old != new]
        assert sorted(changed) == [3, 3, 7, 7]  # two epochs; no other draw moved
        resumed = make_batches(NumberedPictures(50, {3, 7}), first_step=13, last_step=25)
        assert drawn(resumed) == order[13 * 4 :]

    def test_crops_of_one_colour_are_replaced(self) -> None:
        pixels = np.full((64, 256, 3), 255, np.uint8)  # white beside noise
        pixels[:, 200:] = np.random.default_rng(0).integers(0, 256, (64, 56, 3))
        batches = make_batches(OnePicture(pixels), last_step=20)
        crops = np.concatenate([batches[step] for step in range(20)])
        assert crops.std(axis=(1, 2)).max(axis=1).min() >= FLAT_DEVIATION
        again = make_batches(OnePicture(pixels), last_step=20)
        np.testing.assert_array_equal(again[13], batches[13])

    def test_photographs_of_one_colour_end_the_training(self) -> None:
        batches = make_batches(OnePicture(np.full((64, 64, 3), 255, np.uint8)))
        with pytest.raises(DataError, match=r"50 crops in a row are of one colour, .* of it; name"):
            batches[0]
        assert isinstance(batches.failure, DataError)

    def test_known_broken_files_are_not_read_again(self) -> None:
        photographs = NumberedPictures(50, {3, 7})
        drawn(make_batches(photographs, last_step=50))
        assert photographs.reads.count(3) == photographs.reads.count(7) == 1

    def test_a_drive_that_fails_for_a_moment_breaks_no_photograph(self) -> None:
        photographs = NumberedPictures(50)
        read, failures = photographs.read, iter([True] * 4)

        def fail_at_first(index: int, shrink_to: int | None = None) -> np.ndarray:
            if next(failures, False):
                raise PictureAccessError("cannot read a: Stale file handle")
            return read(index, shrink_to)

        photographs.read = fail_at_first  # type: ignore[method-assign]
        batches = make_batches(photographs, last_step=25)
        assert len(drawn(batches)) == 100
        assert not batches.broken
        assert batches.failure is None
        assert set(photographs.reads) == set(range(50))  # the next epoch reads them

    def test_a_drive_that_keeps_failing_ends_the_training(self) -> None:
        photographs = NumberedPictures(50)

        def fail(index: int, shrink_to: int | None = None) -> np.ndarray:
            raise PictureAccessError("cannot read a: Stale file handle; check the drive")

        photographs.read = fail  # type: ignore[method-assign]
        batches = make_batches(photographs)
        with pytest.raises(DataError) as caught:
            batches[0]
        assert str(caught.value) == (
            "10 photographs in a row could not be read; cannot read a: Stale file handle; check "
            "the drive"
        )
        assert not batches.broken

    def test_more_than_a_tenth_of_broken_files_is_an_error(self) -> None:
        batches = make_batches(NumberedPictures(50, range(5)), last_step=50)
        drawn(batches)
        assert len(batches.broken) == 5
        batches = make_batches(NumberedPictures(50, range(6)), last_step=50)
        with pytest.raises(DataError) as caught:
            drawn(batches)
        assert batches.failure is caught.value
        seen = int(str(caught.value).split()[3])
        last = list(batches.broken.values())[-1]
        assert str(caught.value) == (
            f"6 of the {seen} photographs read so far cannot be read, out of 50; "
            f"repair or remove them; the last one: {last}"
        )
        with pytest.raises(DataError):  # the batches stay unusable
            batches[0]

    def test_in_a_large_collection_the_share_is_of_what_was_seen(self) -> None:
        order = drawn(make_batches(NumberedPictures(250), last_step=62))
        late = set(order[150:160])  # ten of 160: under a tenth by then
        batches = make_batches(NumberedPictures(250, late), last_step=62)
        drawn(batches)
        early = set(order[20:30])  # ten of 30: over a tenth of fifty
        with pytest.raises(DataError, match=r"^6 of the \d+ photographs .* out of 250"):
            drawn(make_batches(NumberedPictures(250, early), last_step=62))
        assert set(batches.broken) == late

    @pytest.mark.parametrize("count", [1, 3, 1000])
    def test_no_readable_photograph(self, count: int) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            make_batches(NumberedPictures(count, range(count)))[0]

    def test_the_error_survives_keras(self) -> None:
        batches = make_batches(NumberedPictures(200, patience=30), last_step=50)
        with pytest.raises(Exception, match="cannot be read"):
            a_model([]).fit(batches, epochs=1, verbose=0)
        assert isinstance(batches.failure, DataError)
        assert "cannot be read, out of 200" in str(batches.failure)


class TestMemory:
    def test_it_does_not_grow_with_the_photographs(self, tmp_path: Path) -> None:
        data = jpeg(9 * ramps(16, 16))
        for number in range(2000):
            (tmp_path / f"{number}.jpg").write_bytes(data)
        photographs = open_source(str(tmp_path))
        batches = make_batches(photographs, batch=10, last_step=200)
        for step in range(20):
            batches[step]
        tracemalloc.start()
        for step in range(20, 200):
            batches[step]
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 100_000  # 1,800 decoded photographs would be 1.4 MB
        assert peak < 500_000


def a_model(seen: list[np.ndarray]) -> keras.Model:
    """Returns a model that records its inputs in order."""

    class Watcher(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, pictures: Any) -> Any:
            return self.dense(pictures)

        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            seen.append(keras.ops.convert_to_numpy(x))
            return keras.ops.mean(y_pred)

    model = Watcher()
    model.compile(optimizer="sgd", run_eagerly=True)
    return model


def test_styles_take_turns_from_step_to_step() -> None:
    options: dict[str, Any] = {"batch": 2, "crop": CROP, "seed": 0, "flip": False}
    batches = StyledBatches(
        NumberedPictures(9), styles=3, first_step=0, last_step=6, scale=(1, 1), **options
    )
    seen = [batches[i]["style"] for i in range(6)]
    np.testing.assert_array_equal(np.concatenate(seen), np.tile(np.eye(3), (4, 1)))
    resumed = StyledBatches(
        NumberedPictures(9), styles=3, first_step=2, last_step=6, scale=(1, 1), **options
    )
    np.testing.assert_array_equal(resumed[0]["style"], seen[2])
    np.testing.assert_array_equal(resumed[0]["image"], batches[2]["image"])


def test_no_threads_are_left_behind(folder: Path) -> None:
    before = threading.active_count()
    a_model([]).fit(make_batches(open_source(str(folder)), last_step=3), verbose=0)
    assert threading.active_count() <= before + 1
