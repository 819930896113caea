"""A small server for an exported page; by default, only browsers of this machine reach it."""

import errno
import http
import io
import ipaddress
import socket
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from onestroke.errors import SettingsError
from onestroke.export.exporter import is_page
from onestroke.files import expand_path

LOCALHOST = "localhost"
# Browsers that are given a name try IPv6 first, and others IPv4.
BOTH_FAMILIES = {LOCALHOST: ("127.0.0.1", "::1"), "::": ("0.0.0.0", "::")}
IDLE_SECONDS = 20.0  # without a byte, after which a connection is closed
MAX_CONNECTIONS = 64  # a browser opens six; each has a thread


class PageHandler(SimpleHTTPRequestHandler):
    """Sends files with the headers that browsers require for WebAssembly threads."""

    timeout = IDLE_SECONDS
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",  # some systems register a type that browsers refuse
        ".wasm": "application/wasm",
        ".tflite": "application/octet-stream",
    }

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Refuses names that no file can have, and links to files outside the folder."""
        try:
            path = Path(self.translate_path(self.path))
            sent = [path / "index.html", path / "index.htm"] if path.is_dir() else [path]
            folder = Path(self.directory).resolve()
            if all(file.resolve().is_relative_to(folder) for file in [path, *sent]):
                return super().send_head()
        except (OSError, ValueError, RuntimeError):  # too long, a null character, links in a circle
            pass
        self.send_error(http.HTTPStatus.NOT_FOUND, "File not found")
        return None

    def end_headers(self) -> None:
        """Adds the headers to every response."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")  # another page may use this port later
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing, as the whole library."""


class PageServer(ThreadingHTTPServer):
    """Serves on an address, and on that of a twin, with a bounded number of threads.

    Args:
        address: the IP address and the port to listen at.
        handler: answers one connection.
        host: the name of the address in links; by default the address.

    Attributes:
        url: the address of the page.
        twin: listens at the same port with the other version of IP, or None.
    """

    allow_reuse_address = sys.platform != "win32"  # on Windows it would share a port in use
    request_queue_size = MAX_CONNECTIONS  # of connections that wait to be accepted

    def __init__(self, address: tuple[str, int], handler: Any, *, host: str = "") -> None:
        place = ipaddress.ip_address(address[0])
        self.address_family = socket.AF_INET6 if place.version == 6 else socket.AF_INET
        self.is_local = place.is_loopback
        self.connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.twin: PageServer | None = None
        super().__init__(address, handler)
        if place.is_unspecified:
            host = socket.gethostname()
        elif not host:
            host = f"[{place}]" if place.version == 6 else str(place)
        self.url = f"http://{host}:{self.server_port}/"

    def server_bind(self) -> None:
        """Binds the address; one of IPv6 leaves IPv4 to the twin."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()

    def open_twin(self, address: str) -> None:
        """Listens at one more address, unless the machine lacks this version of IP."""
        try:
            self.twin = PageServer((address, self.server_port), self.RequestHandlerClass)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # browsers would reach another program
                self.server_close()
                raise

    def serve_forever(self, poll_interval: float = 0.1) -> None:
        """Answers until ``shutdown``."""
        if self.twin:
            threading.Thread(target=self.twin.serve_forever, daemon=True).start()
        super().serve_forever(poll_interval)

    def shutdown(self) -> None:
        """Ends ``serve_forever``."""
        if self.twin:
            self.twin.shutdown()
        super().shutdown()

    def server_close(self) -> None:
        """Releases the port."""
        if self.twin:
            self.twin.server_close()
        super().server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread; closes the connection if all threads are busy."""
        if self.connections.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Reports every error except connections that browsers close in the middle of a file."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(folder: Path, port: int = 8000, *, host: str = LOCALHOST) -> PageServer:
    """Returns a server; ``serve_forever`` starts it.

    Args:
        folder: an exported page.
        port: to listen at; 0 for any free port.
        host: the name or IP address to listen at: ``localhost``, over IPv4 and IPv6, for browsers
            of this machine; ``0.0.0.0``, or ``::`` with IPv6, for the whole network.

    Raises:
        SettingsError: the folder contains no page, or the host or the port cannot be used.
    """
    folder = expand_path(folder)
    if not is_page(folder):
        raise SettingsError(
            f"{folder} is not a page that `onestroke export --format web` wrote; export one first"
        )
    handler = partial(PageHandler, directory=str(folder))
    first, *other = BOTH_FAMILIES.get(host) or [_find_address(host)]
    try:
        server = PageServer((first, port), handler, host=host if host == LOCALHOST else "")
        if other:
            server.open_twin(other[0])
    except OSError as error:
        at = "" if host == LOCALHOST else f" of {host}"
        raise SettingsError(
            f"cannot listen at port {port}{at} ({error.strerror}); choose another with --port"
            f"{' or --host' if at else ''}"
        ) from error
    return server


def _find_address(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"--host {host} is no name or IP address of this machine; choose localhost, or 0.0.0.0 "
            "for the whole network"
        ) from error
