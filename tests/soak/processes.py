"""Finds and kills processes of an Airflow (Linux: ``/proc``)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soak.plan import SUPERVISOR, TASK

# Airflow gives its processes these titles: the supervisor (a worker of the LocalExecutor) and the task that it forks.
_TITLES = {
    TASK: re.compile(r"airflow worker -- (?!LocalExecutor)(?P<what>.+)"),
    SUPERVISOR: re.compile(r"airflow worker -- LocalExecutor: (?!<idle>)(?P<what>.+)"),
}


@dataclass(frozen=True)
class Process:
    """A process that works on a task.

    Attributes:
        pid: Its id.
        title: Its title.
    """

    pid: int
    title: str

    @property
    def task_instance(self) -> str:
        """Id of the task instance that it works on."""
        return self.title.rpartition(" ")[2]

    def kill(self) -> bool:
        """End it as ``kill -9`` does; tell whether it was there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            return True
        return False


def working(kind: str, session: int | None) -> list[Process]:
    """Return the processes that work on tasks.

    Args:
        kind: `TASK` or `SUPERVISOR`.
        session: Id of the session of the scheduler that has started them; ``None`` finds none.
    """
    return [process for process in _of_session(session) if _TITLES[kind].match(process.title)]


def _of_session(session: int | None) -> Iterator[Process]:
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError):
            if session is not None and os.getsid(int(entry.name)) == session:
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                yield Process(int(entry.name), title)
