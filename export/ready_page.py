"""The page of the bundled ``base_mobile``, which ``onestroke serve`` serves without an export.

Its files of fixed sizes are made from the runtime file, so that neither TensorFlow nor a training
lies between an installation and a camera in the browser.
"""

from collections.abc import Sequence
from pathlib import Path

from onestroke.export.litert_js import find_runtime
from onestroke.export.sized_file import fix_size
from onestroke.export.web_page import SIZES, copy_page, menu_entries, write_menu
from onestroke.models.style_file import BUNDLED
from onestroke.stylize.runtime_file import runtime_file_of
from onestroke.stylize.tflite_metadata import read_tflite_card

MODEL = "base_mobile"


def write_ready_page(folder: Path, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Writes the page; the first call downloads LiteRT.js.

    Args:
        folder: a new folder.
        sizes: (height, width) of the TFLite files.

    Raises:
        ModelError: LiteRT.js cannot be downloaded.
        SettingsError: there is no cache folder, or the cache is not writable.
    """
    copy_page(find_runtime(), folder)
    (folder / "styles").mkdir()
    runtime_file = runtime_file_of(BUNDLED[MODEL])
    files = []
    for height, width in sizes:
        file = f"styles/{MODEL}_{height}x{width}.tflite"
        (folder / file).write_bytes(fix_size(runtime_file, (height, width)))
        files.append({"file": file, "height": height, "width": width})
    card = read_tflite_card(runtime_file)
    write_menu(menu_entries(card, card.style_names, files, folder), folder)
