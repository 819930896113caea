"""A small server for an exported page, reachable only from this machine."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from onestroke.errors import SettingsError
from onestroke.export.exporter import is_page
from onestroke.files import expand_path

ADDRESS = "127.0.0.1"


class PageHandler(SimpleHTTPRequestHandler):
    """Sends files with the headers that browsers require for WebAssembly threads."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",  # some systems register a type that browsers refuse
        ".wasm": "application/wasm",
        ".tflite": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Adds the headers to every response."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")  # another page may use this port later
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing, as the whole library."""


class PageServer(ThreadingHTTPServer):
    """Ignores connections that browsers close in the middle of a file."""

    allow_reuse_address = sys.platform != "win32"  # on Windows it would share a port in use

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Reports every error except closed connections."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(folder: Path, port: int = 8000) -> PageServer:
    """Returns a server; ``serve_forever`` starts it.

    Args:
        folder: an exported page.
        port: to listen at; 0 for any free port.

    Raises:
        SettingsError: the folder contains no page, or the port is in use.
    """
    folder = expand_path(folder)
    if not is_page(folder):
        raise SettingsError(
            f"{folder} is not a page that `onestroke export --format web` wrote; export one first"
        )
    try:
        return PageServer((ADDRESS, port), partial(PageHandler, directory=str(folder)))
    except OSError as error:
        raise SettingsError(
            f"cannot listen at port {port} ({error.strerror}); choose another with --port"
        ) from error
