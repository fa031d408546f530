"""A threaded HTTP/1.1 server on loopback for one WSGI application.

Connections are kept alive, because SDKs keep theirs; therefore the whole body is read before the application may
answer, or the rest of it would be taken for the next request.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from airflow_sm_pipelines.local.errors import ConnectionDropped
from airflow_sm_pipelines.local.settings import HOST
from airflow_sm_pipelines.local.wire.wsgi_call import Environ, WsgiApp, underscored_metadata

_CLOSE_TIMEOUT_SECONDS = 5.0


class HttpServer(ThreadingHTTPServer):
    """A server of one application on 127.0.0.1, with a thread for each connection.

    Args:
        port: TCP port; 0 takes a free one.
        application: The WSGI application; it may raise `ConnectionDropped`.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True  # a hanging client must not keep the interpreter alive
    block_on_close = False  # `close` waits itself, for a limited time
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, application: WsgiApp) -> None:
        self.application = application
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._connections_lock = threading.Lock()
        super().__init__((HOST, port), _RequestHandler)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        with self._connections_lock:
            self._connections[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                del self._connections[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client went away; that is its right."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Take no more connections, let requests that are being answered end, then close everything."""
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            open_connections = list(self._connections.items())
        for connection, _ in open_connections:
            _stop_reading(connection)
        for _, thread in open_connections:
            thread.join(_CLOSE_TIMEOUT_SECONDS)


def _stop_reading(connection: socket.socket) -> None:
    """End an idle connection; one that is being answered ends after its answer."""
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:  # the client was faster
        return


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except ValueError as error:
            self.send_error(400, str(error))
            self.close_connection = True
            return
        try:
            chunks = self.server.application(self._environ(body), self._start_response)
        except ConnectionDropped:
            self.close_connection = True
            return
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(chunks)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: calls are recorded by the application."""

    def version_string(self) -> str:
        """Return the Server header."""
        return "sm-pipelines-local"

    def _start_response(self, status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], int]:
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        sent = {name.lower() for name, _ in headers}
        for name, value in dict.fromkeys(headers):
            self.send_header(name, value)
        if "content-length" not in sent:
            raise ValueError("the application must tell the length of its answer")
        return self.wfile.write

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length)

    def _chunks(self) -> Iterator[bytes]:
        """Yield chunks of a body in chunked transfer coding (RFC 9112, section 7.1)."""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass

    def _environ(self, body: bytes) -> Environ:
        """Return the request as PEP 3333 wants it, with the body read and of known length."""
        target = self.path
        if not target.startswith("/"):  # a client that thinks of us as a proxy sends a whole URL (RFC 9112, 3.2.2)
            parts = urlsplit(target)
            target = f"{parts.path or '/'}?{parts.query}"
        path, _, query = target.partition("?")
        environ: Environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "moto.preserved_header_names": underscored_metadata(self.headers.keys()),
        }
        for name in set(self.headers.keys()):
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH", "TRANSFER_ENCODING"):
                environ[f"HTTP_{key}"] = ",".join(self.headers.get_all(name) or [])
        return environ
