"""What an optimisation writes beside its picture."""

import threading

import pytest
from PIL import ExifTags, Image

from onestroke.optimize.coarse_to_fine import Optimized
from onestroke.optimize.picture_job import PictureJob
from onestroke.pictures import read_picture


class Finished:
    """An optimisation that is done."""

    iteration, fingerprint = 1, "x"

    def __init__(self, photograph):
        self.photograph = photograph

    def run(self, show, stop):
        return Optimized(self.photograph.pixels, True, 1, {}, {})

    def delete_state(self):
        """There is none."""


@pytest.mark.parametrize("strip", [False, True])
def test_metadata_is_kept_unless_stripped(tmp_path, strip):
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Camera"
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20), (200, 90, 30)).save(tmp_path / "photo.jpg", exif=exif)
    photograph = read_picture(tmp_path / "photo.jpg", with_metadata=True)
    job = PictureJob(Finished(photograph), tmp_path / "painted.jpg", strip=strip)
    job.run(show=lambda progress: None, stop=threading.Event())
    with Image.open(tmp_path / "painted.jpg") as painted:
        assert painted.size == (20, 30)
        found = painted.getexif()
        assert found.get(ExifTags.Base.Model) == (None if strip else "Camera")
        assert ExifTags.Base.Orientation not in found
