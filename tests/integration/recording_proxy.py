"""A proxy on loopback that writes down the request bodies that pass: what a worker really sent."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = {"connection", "transfer-encoding", "content-length"}


@dataclass
class Recorded:
    """What has passed.

    Attributes:
        endpoint_url: Where the proxy listens.
        bodies: Operation and body, byte for byte, of each request that names its operation in a header.
        access_keys: Operation and id of the access key that has signed it, of the same requests.
    """

    endpoint_url: str = ""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    access_keys: list[tuple[str, str]] = field(default_factory=list)

    def of(self, operation: str) -> list[bytes]:
        """The bodies of one operation."""
        return [body for name, body in self.bodies if name == operation]


@contextmanager
def recording_proxy(target_url: str) -> Iterator[Recorded]:
    """Pass every request on to an endpoint, unchanged, and record it."""
    recorded = Recorded()

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
            if operation:
                recorded.bodies.append((operation, body))
                recorded.access_keys.append((operation, _access_key(self.headers.get("Authorization") or "")))
            connection = http.client.HTTPConnection(urlsplit(target_url).netloc, timeout=60)
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorded.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()


def _access_key(authorization: str) -> str:
    """The access key of a request that is signed with version 4: ``… Credential=KEY/20260101/region/service/…``."""
    return authorization.partition("Credential=")[2].partition("/")[0]


def as_json(text: str) -> bytes:
    """A text as botocore's JSON protocol writes it: every character that is not ASCII escaped."""
    return json.dumps(text).encode()
