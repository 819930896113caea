"""EXIF that a painted picture keeps: when, where and with which camera it was taken."""

from PIL import ExifTags, Image

MAX_EXIF = 65_533  # bytes that a JPEG can hold

_KEPT = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
# They describe the stored pixels, or are positions in the old file.
_DROPPED = (
    ExifTags.Base.ExifImageWidth,
    ExifTags.Base.ExifImageHeight,
    ExifTags.Base.ExifInteroperabilityOffset,
    ExifTags.Base.MakerNote,
    0x9214,  # SubjectArea
    ExifTags.Base.SubjectLocation,
)
_SRGB = 1


def read_metadata(image: Image.Image) -> bytes | None:
    """Returns the EXIF block to keep; None if there is none or it is damaged.

    The orientation is left out because pictures are stored upright, and so is the thumbnail, which
    shows the photograph.
    """
    try:
        exif = image.getexif()
        kept = Image.Exif()
        for tag in _KEPT:
            if tag in exif:
                kept[tag] = exif[tag]
        camera = exif.get_ifd(ExifTags.IFD.Exif)
        details = {tag: value for tag, value in camera.items() if tag not in _DROPPED}
        if details:
            kept[ExifTags.IFD.Exif] = {**details, ExifTags.Base.ColorSpace: _SRGB}
        if place := exif.get_ifd(ExifTags.IFD.GPSInfo):
            kept[ExifTags.IFD.GPSInfo] = dict(place)
        block = kept.tobytes() if len(kept) else b""
    except Exception:  # damaged metadata raises anything
        return None
    return block if 0 < len(block) <= MAX_EXIF else None
