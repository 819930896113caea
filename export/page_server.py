"""A small server for an exported page, reachable from this machine alone."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from onestroke.errors import SettingsError
from onestroke.export.exporter import is_page

ADDRESS = "127.0.0.1"


class PageHandler(SimpleHTTPRequestHandler):
    """Sends files, with the headers without which browsers give WebAssembly no threads."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",  # some systems know it as something that browsers refuse
        ".wasm": "application/wasm",
        ".tflite": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Adds the headers to every answer."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")  # the next page at this port may be another
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing; the library prints nothing."""


class PageServer(ThreadingHTTPServer):
    """Overlooks browsers that turn away in the middle of a file."""

    allow_reuse_address = sys.platform != "win32"  # there, it would share a port that is taken

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leaves out what the other side did."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(folder: Path, port: int = 8000) -> PageServer:
    """Returns a server that waits for ``serve_forever``.

    Args:
        folder: an exported page.
        port: to listen at; 0 for any that is free.

    Raises:
        SettingsError: the folder holds no page, or the port is taken.
    """
    if not is_page(folder):
        raise SettingsError(
            f"expected a page that `onestroke export --format web` wrote; {folder} holds none"
        )
    try:
        return PageServer((ADDRESS, port), partial(PageHandler, directory=str(folder)))
    except OSError as error:
        raise SettingsError(
            f"cannot listen at port {port} ({error.strerror}); choose another with --port"
        ) from error
