"""What a job writes to CloudWatch, for the log of its task; in the worker that waits for it, or in its trigger.

Nothing that happens here is a failure of the step: a log that cannot be read is said once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.log_events import LEFT_OUT, LogEvents
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.semantics import log_lines

if TYPE_CHECKING:
    from botocore.client import BaseClient


class JobLog:
    """The log of a running job.

    Args:
        client: Returns a boto3 client for CloudWatch Logs; called at each look.
        kind: The job's row.
        reference: Its reference.

    Attributes:
        is_over: Whether no more is looked: there is no permission, or there are too many lines.
    """

    def __init__(self, client: Callable[[], BaseClient], kind: ResourceKind, reference: str) -> None:
        self._client = client
        self._name = reference
        self._events = LogEvents(
            kind,
            reference,
            limit=log_lines.LINES_A_LOOK,
            streams=log_lines.STREAMS,
            again=log_lines.STREAMS_AGAIN,
        )
        self._shown = 0
        self._failures = 0
        self._last: deque[str] = deque(maxlen=log_lines.LAST_LINES)
        self.is_over = False

    @property
    def calls(self) -> int:
        """How many calls to AWS were made."""
        return self._events.calls

    @property
    def last_lines(self) -> list[str]:
        """The last lines that were returned, each cut to a length that can be handed on."""
        return log_lines.shown_again([*self._last])

    def new_lines(self) -> list[str]:
        """Return the lines for the task's log since the last look; never more than is good for it.

        If the log cannot be read, one of them says so, and there are no more.
        """
        if self.is_over:
            return []
        try:
            found = [log_lines.shown(line) for line in self._events.new_lines(self._client())]
        except AwsCallError as error:
            return self._failed(error.in_words(), passes=error.exception_type is not None)
        except AirflowRuntimeError as error:  # the API server did not tell the connection
            return self._failed(str(error), passes=True)
        self._failures = 0
        if len(found) > log_lines.LINES_A_LOOK:
            found = [LEFT_OUT, *found[-log_lines.LINES_A_LOOK :]]
        self._last.extend(found)
        left = log_lines.LINES_A_WAIT - self._shown
        self._shown += len(found)
        if len(found) <= left:
            return found
        self.is_over = True
        return [*found[:left], f"({self._shown} lines of {self._name} so far; CloudWatch has the others)"]

    def _failed(self, why: str, *, passes: bool) -> list[str]:
        self._failures += 1
        if passes and self._failures < log_lines.FAILURES:
            return []
        self.is_over = True
        return [f"Cannot show what {self._name} writes to CloudWatch: {why}; the job itself goes on"]
