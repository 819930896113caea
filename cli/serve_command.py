"""``onestroke serve``: serve an exported page to browsers."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.terminal import out

EXAMPLES = (
    "onestroke serve page",
    "onestroke serve page --port 0",
    "onestroke serve page --host 0.0.0.0",
)


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An exported page.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free port.")] = 8000,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 for the whole network.")
    ] = "localhost",
) -> None:
    """Serve an exported page to browsers of this machine."""
    from onestroke.export.page_server import open_server

    with open_server(folder, port, host=host) as server:
        out.print(f"{server.url}  (Ctrl-C stops)")
        if not server.is_local:
            out.print(
                "Everyone in the network can open the page. Browsers allow the camera, WebGPU and "
                "several threads only on localhost and over https: for them, put a server with "
                "https in front."
            )
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
