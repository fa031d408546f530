"""The supervision of a running job: its output, its time limit, requests to stop it, uploads while it runs."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from airflow_sm_pipelines.local.jobs.job_process import JobProcess

_FLUSH_SECONDS = 0.5
_READ_BYTES = 65_536


class StopRequest:
    """A request to a job to stop, from any thread; one can wait for it alone or together with a job's output."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reader, self._writer = socket.socketpair()
        self.grace_seconds = 0.0

    def set(self, grace_seconds: float) -> None:
        """Ask for it.

        Args:
            grace_seconds: Time between SIGTERM and SIGKILL.
        """
        self.grace_seconds = grace_seconds
        self._event.set()
        self._writer.send(b"!")

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait that long for somebody to ask; whether somebody did."""
        return self._event.wait(seconds)

    def fileno(self) -> int:
        """Return a file descriptor that becomes readable with the request, for selectors."""
        return self._reader.fileno()

    def drain(self) -> None:
        """Make it unreadable again; it stays set."""
        self._reader.recv(_READ_BYTES)

    def close(self) -> None:
        """Free the descriptors."""
        self._reader.close()
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervision of one running job.

    Attributes:
        write: Takes output.
        flush: Called about twice a second.
        upload: Called every ``upload_seconds``.
        upload_seconds: ``None`` to never upload while it runs.
        max_runtime_seconds: When the job is stopped; ``None`` for never.
        grace_seconds: Time between SIGTERM and SIGKILL then.
        stopping: Called once when the job is being stopped because of the time limit.
    """

    write: Callable[[bytes], None]
    flush: Callable[[], None]
    upload: Callable[[], None]
    upload_seconds: float | None
    max_runtime_seconds: float | None
    grace_seconds: float
    stopping: Callable[[], None]

    def watch(self, process: JobProcess, stop: StopRequest) -> int:
        """Watch a job until all of its processes have ended, and return the command's exit code."""
        timers = _Timers()
        timers.repeat(self.flush, _FLUSH_SECONDS)
        if self.upload_seconds is not None:
            timers.repeat(self.upload, self.upload_seconds)
        if self.max_runtime_seconds is not None:
            timers.start(lambda: self._time_out(stop), self.max_runtime_seconds)
        with selectors.DefaultSelector() as selector:
            selector.register(process.output, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(timers.seconds_left())}
                timers.run_due()
                if stop.fileno() in ready:
                    self._stop(process, stop, timers)
                if process.output in ready:
                    data = os.read(process.output, _READ_BYTES)
                    if not data:
                        return process.wait()
                    self.write(data)

    def _time_out(self, stop: StopRequest) -> None:
        if not stop.is_set:
            self.stopping()
            stop.set(self.grace_seconds)

    def _stop(self, process: JobProcess, stop: StopRequest, timers: _Timers) -> None:
        stop.drain()
        process.terminate()
        timers.start(process.kill, stop.grace_seconds)


class _Timers:
    """Functions to call at given times."""

    def __init__(self) -> None:
        self._due: list[tuple[float, Callable[[], None]]] = []

    def start(self, function: Callable[[], None], seconds: float) -> None:
        self._due.append((time.monotonic() + seconds, function))

    def repeat(self, function: Callable[[], None], seconds: float) -> None:
        def again() -> None:
            function()
            self.start(again, seconds)

        self.start(again, seconds)

    def seconds_left(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(moment for moment, _ in self._due) - time.monotonic())

    def run_due(self) -> None:
        now = time.monotonic()
        due = [function for moment, function in self._due if moment <= now]
        self._due = [(moment, function) for moment, function in self._due if moment > now]
        for function in due:
            function()
