"""``onestroke serve``: serve an exported page to browsers of this machine."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from onestroke.cli.terminal import out

EXAMPLES = (
    "onestroke serve page",
    "onestroke serve page --port 0",
)


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An exported page.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free port.")] = 8000,
) -> None:
    """Serve an exported page to browsers of this machine."""
    from onestroke.export.page_server import open_server

    with open_server(folder, port) as server:
        out.print(f"http://localhost:{server.server_port}/  (Ctrl-C stops)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
