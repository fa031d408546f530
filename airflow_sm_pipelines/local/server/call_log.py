"""The record of AWS calls that clients made, so that a test can say "exactly one CreateProcessingJob"."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.server.faults import FaultRule
from airflow_sm_pipelines.local.wire.aws_call import AwsCall

_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. No header and no body is kept, hence no credential.

    Attributes:
        time: When it arrived, in seconds since the epoch.
        service: Signing name of the service.
        operation: Name of the operation.
        region: Region that it was signed for.
        request_id: What the answer carried.
        invocation_id: The SDK's identifier, the same for all retries of one call.
        job_name: The job that it names, if any.
        http_status: Status of the answer; ``None`` if the connection was closed without one.
        outcome: ``ok``, the error code, or ``dropped``.
        executed: Whether the service saw the call.
        fault: Action of the fault rule that it met, if any.
        seconds: How long it took.
    """

    time: float
    service: str
    operation: str
    region: str
    request_id: str
    invocation_id: str
    job_name: str | None
    http_status: int | None
    outcome: str
    executed: bool
    fault: str | None
    seconds: float

    @classmethod
    def of(
        cls,
        call: AwsCall,
        fault: FaultRule | None,
        *,
        began: float,
        seconds: float,
        http_status: int | None,
        outcome: str,
        executed: bool,
    ) -> CallRecord:
        """Return the record of a call and of what became of it."""
        return cls(
            time=round(began, 6),
            service=call.service,
            operation=call.operation,
            region=call.region,
            request_id=call.request_id,
            invocation_id=call.invocation_id,
            job_name=call.job_name,
            http_status=http_status,
            outcome=outcome,
            executed=executed,
            fault=fault.action.value if fault else None,
            seconds=round(seconds, 6),
        )


class CallLog:
    """The latest calls, in the order of their ends. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[CallRecord] = deque(maxlen=_KEPT)

    def add(self, record: CallRecord) -> None:
        """Keep a record; the oldest is dropped when there are very many."""
        with self._lock:
            self._records.append(record)

    def records(self) -> list[CallRecord]:
        """Return all records that are kept."""
        with self._lock:
            return list(self._records)

    def describe(self) -> list[Document]:
        """Return all records that are kept, as JSON."""
        return [asdict(record) for record in self.records()]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._records.clear()
