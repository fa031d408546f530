"""moto's state, which belongs to the process."""

from __future__ import annotations

import io
import threading
from types import TracebackType
from typing import Any, ClassVar


class MotoState:
    """A guard of moto's state, which lives while any guard of the process is entered; the first one begins with none.

    Args:
        application: moto's WSGI application.
    """

    _users: ClassVar[int] = 0
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, application: Any) -> None:
        self._application = application

    def __enter__(self) -> MotoState:
        with MotoState._lock:
            if MotoState._users == 0:
                self._reset()
            MotoState._users += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with MotoState._lock:
            MotoState._users -= 1
            if MotoState._users == 0:
                self._reset()

    def _reset(self) -> None:
        """Call moto's documented reset endpoint."""
        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/moto-api/reset",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": "0",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        b"".join(self._application(environ, lambda *_: None))
