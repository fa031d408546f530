"""A container of a model that runs in Docker, seen from the transform job.

Source: developer guide, "Use Your Own Inference Code with Batch Transform": it listens on port 8080, says that it is
ready by answering ``GET /ping`` with 200, and answers ``POST /invocations``.
"""

from __future__ import annotations

import http.client
import subprocess
import time
from typing import Any

from airflow_sm_pipelines.local.runtimes.serving_process import InvocationError

_READY_SECONDS = 600.0
"""How long a server may take until it is ready (assumed)."""
_POLL_SECONDS = 0.1
_PING_SECONDS = 2.0
"""Longest time for an answer to a ping (developer guide)."""


class ImageServer:
    """A running container; its output becomes the job's.

    Args:
        commands: ``start``, ``address`` and ``stop`` of Docker, and their ``environment``.
        timeout_seconds: Longest time for one request.

    Raises:
        InvocationError: It does not become ready.
    """

    def __init__(self, commands: dict[str, Any], timeout_seconds: float) -> None:
        self._commands = commands
        self._timeout_seconds = timeout_seconds
        self._process = subprocess.Popen(commands["start"], env=commands["environment"])  # noqa: S603 - Docker
        self._port = 0
        try:
            self._wait_until_ready()
        except InvocationError:
            self.close()
            raise

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the body and content type of the answer to a request.

        Raises:
            InvocationError: It did not answer, or not well.
        """
        headers = {"Content-Type": content_type, **({"Accept": accept} if accept else {})}
        try:
            status, answer, answer_type = self._send("POST", "/invocations", self._timeout_seconds, body, headers)
        except TimeoutError as error:
            raise InvocationError(504, f"no answer within {self._timeout_seconds} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise InvocationError(500, f"the container does not answer: {error!r}") from error
        if status != 200:
            raise InvocationError(status, answer.decode(errors="replace"))
        return answer, answer_type

    def close(self) -> None:
        """Stop the container, and wait for the rest of its output."""
        subprocess.run(  # noqa: S603 - Docker
            self._commands["stop"], env=self._commands["environment"], stdout=subprocess.DEVNULL, check=False
        )
        self._process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            code = self._process.poll()
            if code is not None:
                raise InvocationError(500, f"the container has ended with exit code {code}")
            if self._port or self._find_port():
                try:
                    if self._send("GET", "/ping", _PING_SECONDS)[0] == 200:
                        return
                except (OSError, http.client.HTTPException):  # it does not listen yet
                    pass
            time.sleep(_POLL_SECONDS)
        raise InvocationError(500, f"the container does not answer GET /ping with 200 within {_READY_SECONDS:.0f} s")

    def _find_port(self) -> bool:
        """Find the port of this machine that leads to the server; there is one as soon as the container runs."""
        answer = subprocess.run(  # noqa: S603 - Docker
            self._commands["address"], env=self._commands["environment"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout:
            self._port = int(answer.stdout.split()[0].rpartition(":")[2])
        return self._port > 0

    def _send(
        self, method: str, path: str, timeout: float, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Content-Type") or ""
        finally:
            connection.close()
