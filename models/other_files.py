"""What a file or folder is that is given as a model and is none."""

from pathlib import Path

from onestroke.picture_kinds import (
    HEADER_BYTES,
    explain_unreadable,
    identify_kind,
    is_archive,
)

_NOT_MODELS = ("a web page", "a text file", "a video", "a PDF", "a GIF", "a Photoshop file")


def describe_file(path: Path) -> str | None:
    """Returns what a file is by its content, such as ``a picture``; None if that is not known.

    A ``.keras`` file is a zip archive, so a zip archive is an answer only if it can be opened: a
    damaged one may be a style file.
    """
    with path.open("rb") as file:
        data = file.read(HEADER_BYTES)
    if not data:
        return "empty"
    if identify_kind(data):
        return "a picture"
    if is_archive(data):
        return None if data.startswith(b"PK") else "an archive"
    kind = explain_unreadable(data)
    return next((name for name in _NOT_MODELS if kind.startswith(name)), None)


def describe_folder(folder: Path, style_file: str) -> str:
    """Returns what a folder without a style file holds, and what to give instead if that is known.

    Args:
        folder: the folder.
        style_file: name of the style file in a run folder.
    """
    if (folder / "index.html").is_file():
        return (
            f"{folder} is a folder with a web page, which only browsers open; give the model that "
            "it was exported from"
        )
    found = sorted([*folder.glob("*.keras"), *folder.glob(f"*/{style_file}")])
    if found:
        inside = found[0].parent if found[0].name == style_file else found[0]
        return f"no {style_file} in {folder}; give what is in it, such as {inside}"
    return f"no {style_file} in {folder}"
