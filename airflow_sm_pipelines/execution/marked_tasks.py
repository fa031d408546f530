"""Stops the job of a task that a person has marked as ended; runs in Airflow's API server.

The trigger of a deferred task does the same, but only where a triggerer runs, and not for a task that was deferred a
moment ago. Airflow tells listeners of a mark at once, in the middle of the person's request, before it is committed. So
here is only written down which task it is; threads in the background wait a little, look at the task again, and stop
its job. What they cannot do, `stop-orphans` does.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.semantics.ownership import ABSENT, is_orphan

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.airflow_internals.listening import TaskInstanceRow
    from airflow_sm_pipelines.execution.recorded_job import RecordedJob

_log = logging.getLogger(__name__)
_UNTIL_COMMITTED = 5.0
_PAUSES = (2.0, 4.0, 8.0, 16.0, 32.0)
_MOST_THREADS = 4
_MOST_WAITING = 1000
_LEFT_TO_STOP_ORPHANS = "`sm-pipelines stop-orphans` stops it later"


@dataclass(frozen=True, slots=True)
class MarkedTask:
    """A task instance that a person has ended.

    Attributes:
        dag_id, run_id, task_id: The task instance.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        job: The job that its trigger waits for, ``None`` if it has no trigger.
        attempt: Name of the attempt of that job.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    job: RecordedJob | None = None
    attempt: str = ""

    @classmethod
    def of(cls, ti: TaskInstanceRow) -> MarkedTask:
        """Copy what is needed of a task instance, while its database session is open."""
        from airflow_sm_pipelines.execution.recorded_job import RecordedJob
        from airflow_sm_pipelines.execution.triggers import JobTrigger

        job, attempt = None, ""
        trigger = ti.trigger if ti.trigger_id is not None else None
        if trigger is not None and trigger.classpath == f"{JobTrigger.__module__}.{JobTrigger.__qualname__}":
            waiting = JobTrigger(**trigger.kwargs)
            job, attempt = RecordedJob.of(waiting.kind, waiting.name, waiting.connection), waiting.attempt
        return cls(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, job, attempt)

    def stop_job(self) -> None:
        """Stop the task's job, unless the task goes on with it after all; tries again while AWS is busy."""
        state, job = self._orphan()
        if job is None:
            return
        for pause in (*_PAUSES, None):
            try:
                stopped, left = job.stop(time.sleep)
            except AwsCallError as error:
                if pause is None or not error.exception_type:
                    _log.error("Cannot stop the %s: %s; %s", job.noun, error.in_words(), _LEFT_TO_STOP_ORPHANS)
                    return
                time.sleep(pause)
                continue
            if stopped:
                _log.info("Stopped the %s: task %s of run %s is %s", job.noun, self.task_id, self.run_id, state)
            if left:
                _log.warning("%s; %s", left, _LEFT_TO_STOP_ORPHANS)
            return

    def _orphan(self) -> tuple[str | None, RecordedJob | None]:
        """Return the state of the task now, and the job that it has left; ``None`` if it has left none."""
        from airflow_sm_pipelines.execution.airflow_internals.server import state_and_value
        from airflow_sm_pipelines.execution.recorded_job import RecordedJob
        from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, read_attempt

        found = state_and_value(self.dag_id, self.run_id, self.task_id, self.map_index, RECORD_KEY)
        state, stored = found or (ABSENT, None)
        last = read_attempt(stored)
        recorded = last if isinstance(last, Attempt) else None
        job, attempt = self.job, self.attempt
        if job is None and recorded is not None:
            job, attempt = RecordedJob.of(recorded.kind, recorded.reference, recorded.connection), recorded.name
        if job is not None and is_orphan(state, recorded.name if recorded else None, attempt):
            return state, job
        return state, None


class Background:
    """Does some work later, in a few threads that end with the process.

    Args:
        delay: Seconds between the order and the work.
    """

    def __init__(self, delay: float = _UNTIL_COMMITTED) -> None:
        self._delay = delay
        self._orders: queue.Queue[tuple[float, Callable[[], None]]] = queue.Queue(_MOST_WAITING)
        self._threads = 0
        self._lock = threading.Lock()

    def order(self, work: Callable[[], None]) -> bool:
        """Order some work; return False, and do nothing, if too much is waiting already."""
        try:
            self._orders.put_nowait((time.monotonic() + self._delay, work))
        except queue.Full:
            return False
        with self._lock:
            if self._threads < min(_MOST_THREADS, self._orders.qsize()):
                self._threads += 1
                threading.Thread(target=self._run, name="sm-pipelines-marked-tasks", daemon=True).start()
        return True

    def _run(self) -> None:
        while True:
            due, work = self._orders.get()
            time.sleep(max(due - time.monotonic(), 0.0))
            try:
                work()
            except Exception:
                # A thread has nobody to raise to, and the next order must not wait for nothing.
                _log.exception("Cannot stop the job of a task that was marked; %s", _LEFT_TO_STOP_ORPHANS)


_background = Background()


def stop_job_of_marked_task(ti: TaskInstanceRow) -> None:
    """See to it that the job of a task instance is stopped in some seconds.

    Args:
        ti: The task instance, in the database session of the request that marks it.
    """
    task = MarkedTask.of(ti)
    if not _background.order(task.stop_job):
        _log.warning("Too many marked tasks at once: the job of task %s is left; %s", ti.task_id, _LEFT_TO_STOP_ORPHANS)
