"""``onestroke serve``: serve a page that paints pictures and the camera in a browser."""

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.terminal import filter_native_logs, out

if TYPE_CHECKING:
    from onestroke.export.page_server import PageServer

EXAMPLES = (
    "onestroke serve",
    "onestroke serve page --host 0.0.0.0",
)


def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]", help="An exported page; default: a page of base_mobile."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free port.")] = 8000,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 for the whole network.")
    ] = "localhost",
) -> None:
    """Serve a page that paints pictures and the camera in the browser."""
    from onestroke.export.page_server import open_server

    with contextlib.ExitStack() as stack:
        if folder is None:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="onestroke-"))
            folder = Path(place) / "page"
            _write_page(folder)
        server = stack.enter_context(open_server(folder, port, host=host))
        _announce(server)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _write_page(folder: Path) -> None:
    from onestroke.export.ready_page import write_ready_page

    with filter_native_logs():
        write_ready_page(folder)


def _announce(server: "PageServer") -> None:
    out.print(f"{server.url}  (Ctrl-C stops)")
    if not server.is_local:
        out.print(
            "Everyone in the network can open the page. Browsers allow the camera, WebGPU and "
            "several threads only on localhost and over https: for them, put a server with "
            "https in front."
        )
