"""A job's output in CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from botocore.client import BaseClient

from airflow_sm_pipelines.local.documents import Document

_BATCH_EVENTS = 1_000
_LINE_BYTES = 250_000
"""PutLogEvents takes events up to 256 KB (CloudWatch Logs quotas); longer lines are cut into several."""
_BATCH_BYTES = 900_000


class JobLog:
    """A log stream that gets one event for each line of a stream of bytes.

    Args:
        logs: CloudWatch Logs client.
        group: Log group; created if missing.
        stream: Log stream; created.
        listener: Told every line.
    """

    def __init__(
        self, logs: BaseClient, group: str, stream: str, listener: Callable[[str], None] = lambda _: None
    ) -> None:
        self._logs = logs
        self._listener = listener
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._rest = b""
        self._events: list[Document] = []
        self._size = 0
        try:
            self._create_stream()
        except logs.exceptions.ResourceNotFoundException:  # the group's first stream
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=group)
            self._create_stream()

    def _create_stream(self) -> None:
        with suppress(self._logs.exceptions.ResourceAlreadyExistsException):
            self._logs.create_log_stream(**self._place)

    def write(self, data: bytes) -> None:
        """Take some output; complete lines become events."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line)
        while len(self._rest) >= _LINE_BYTES:
            self._add(self._rest[:_LINE_BYTES])
            self._rest = self._rest[_LINE_BYTES:]

    def flush(self) -> None:
        """Send the events so far."""
        if self._events:
            self._logs.put_log_events(**self._place, logEvents=self._events)
        self._events, self._size = [], 0

    def close(self) -> None:
        """Send everything, also a last line without an end."""
        if self._rest:
            self._add(self._rest)
            self._rest = b""
        self.flush()

    def _add(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self._listener(text)
        # CloudWatch refuses empty messages; a blank keeps the shape of what was printed.
        self._events.append({"timestamp": int(time.time() * 1000), "message": text or " "})
        self._size += len(line) + 26
        if len(self._events) >= _BATCH_EVENTS or self._size >= _BATCH_BYTES:
            self.flush()
