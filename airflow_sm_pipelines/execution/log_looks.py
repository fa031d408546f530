"""The logs of the jobs for which triggers wait: all triggers of a process share one rate of calls to CloudWatch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread
from airflow_sm_pipelines.execution.job_log import JobLog
from airflow_sm_pipelines.semantics import log_lines

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from airflow_sm_pipelines.aws.requests.step_start import Log

_log = logging.getLogger(__name__)


class _Turns:
    """Turns at a rate, in the order in which they were asked for.

    Args:
        per_second: The rate.
    """

    def __init__(self, per_second: float) -> None:
        self._seconds = 1 / per_second
        self._next = 0.0
        self._queue = asyncio.Lock()

    async def take(self) -> None:
        """Wait for a turn."""
        async with self._queue:
            while (seconds := self._next - _now()) > 0:
                await asyncio.sleep(seconds)
            self._next = _now() + self._seconds

    def charge(self, further: int) -> None:
        """Count calls that came on top of the one that the turn was for."""
        self._next += max(further, 0) * self._seconds


class _Looks:
    """The turns of one event loop."""

    def __init__(self) -> None:
        self.running = _Turns(log_lines.CALLS_PER_SECOND)
        self.last = _Turns(log_lines.LAST_LOOKS_PER_SECOND)


_looks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Looks] = WeakKeyDictionary()


class FollowedLog:
    """The log of one job in its trigger.

    Args:
        job_log: The log.
        log: The trigger's log.
        interval: The ``poll_interval`` of the step, in seconds.
    """

    def __init__(self, job_log: JobLog, log: Log, interval: float) -> None:
        self._job_log = job_log
        self._log = log
        self._pause = log_lines.pause_between_looks(interval)
        self._looks = _looks.setdefault(asyncio.get_running_loop(), _Looks())
        self._is_looking = asyncio.Lock()

    async def follow(self) -> None:
        """Log what the job writes until there is no more to look for; ends when it is cancelled."""
        while not self._job_log.is_over:
            # First of all: when a thousand triggers start together, their first looks at the jobs come first.
            await asyncio.sleep(self._pause)
            await self._looks.running.take()
            before = self._job_log.calls
            await self._look()
            self._looks.running.charge(self._job_log.calls - before - 1)

    async def last_lines(self) -> list[str]:
        """Log what the ended job has written since the last look, if many others do not want that too.

        Returns:
            The last lines of all that was logged.
        """
        if self._job_log.is_over:
            return self._job_log.last_lines
        with suppress(TimeoutError):
            async with asyncio.timeout(log_lines.LAST_TURN_PATIENCE):
                await self._looks.last.take()
            async with asyncio.timeout(log_lines.LAST_LOOK_PATIENCE):
                await self._look()
        return self._job_log.last_lines

    async def _look(self) -> None:
        async with self._is_looking:
            try:
                lines = await in_daemon_thread(self._job_log.new_lines)
            except Exception:  # a fault of ours must not end the wait for the job
                _log.exception("Cannot follow the log of a job")
                self._job_log.is_over = True
                return
            for line in lines:
                self._log.info("%s", line)
                await asyncio.sleep(0)


@asynccontextmanager
async def followed_log(
    client: Callable[[], BaseClient], kind: ResourceKind, reference: str, log: Log, interval: float
) -> AsyncIterator[FollowedLog]:
    """Log in a task of its own what a job writes, in the context of the trigger that calls this.

    Args:
        client: Returns a boto3 client for CloudWatch Logs; runs in a thread.
        kind: The job's row.
        reference: Its reference.
        log: The trigger's log.
        interval: The ``poll_interval`` of the step, in seconds.
    """
    followed = FollowedLog(JobLog(client, kind, reference), log, interval)
    task = asyncio.get_running_loop().create_task(followed.follow())
    try:
        yield followed
    finally:
        task.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()
