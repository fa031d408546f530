"""A SageMaker whose processing jobs end by the clock: cheap enough for a thousand of them, and it runs nothing.

It answers Create, Describe, List and Stop of processing jobs with the errors of the service, and a modelled error to
everything else. A job says itself how long it takes, in seconds, in the variable ``SECONDS`` of its environment.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

REGION = "eu-west-1"
_ARN = f"arn:aws:sagemaker:{REGION}:123456789012:processing-job/"
_HOST = f"api.sagemaker.{REGION}.amazonaws.com"
_LARGEST_PAGE = 100
Members = Mapping[str, Any]


class ModelledError(Exception):
    """An error that the API models.

    Args:
        code: Its name.
        message: What is said of it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class _Job:
    request: dict[str, Any]
    created: float
    ends: float
    stopped: float | None = None

    def status(self, now: float) -> str:
        if self.stopped is not None:
            return "Stopped"
        return "Completed" if now >= self.ends else "InProgress"

    def changed(self, now: float) -> float:
        if self.stopped is not None:
            return self.stopped
        return self.ends if now >= self.ends else self.created

    def summary(self, now: float) -> dict[str, Any]:
        status, name = self.status(now), self.request["ProcessingJobName"]
        ended = {} if status == "InProgress" else {"ProcessingEndTime": self.changed(now)}
        return {
            "ProcessingJobName": name,
            "ProcessingJobArn": _ARN + name,
            "CreationTime": self.created,
            "LastModifiedTime": self.changed(now),
            "ProcessingJobStatus": status,
            **ended,
        }


@dataclass
class ProcessingJobs:
    """The jobs, and the operations on them.

    Attributes:
        now: The present time, in seconds since 1970.
        calls: How often each operation was called.
    """

    now: Callable[[], float] = time.time
    calls: Counter[str] = field(default_factory=Counter)
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, members: Members) -> dict[str, Any]:
        """Carry an operation out.

        Args:
            operation: Its name, e.g. ``DescribeProcessingJob``.
            members: The members of the request.

        Raises:
            ModelledError: The service would refuse it.
        """
        with self._lock:
            self.calls[operation] += 1
            act = {
                "CreateProcessingJob": self._create,
                "DescribeProcessingJob": self._describe,
                "ListProcessingJobs": self._list,
                "StopProcessingJob": self._stop,
                "ListTags": self._list_tags,
            }.get(operation)
            if act is None:
                raise ModelledError("ValidationException", f"{operation} is not supported here")
            return act(members)

    def running(self) -> int:
        """Return how many jobs run."""
        with self._lock:
            now = self.now()
            return sum(job.status(now) == "InProgress" for job in self._jobs.values())

    def _create(self, members: Members) -> dict[str, Any]:
        name = members["ProcessingJobName"]
        if name in self._jobs:
            raise ModelledError("ResourceInUse", f"Job {name} already exists")
        seconds = members.get("Environment", {}).get("SECONDS")
        if seconds is None:
            raise ModelledError("ValidationException", "a job here must say its SECONDS in its Environment")
        now = self.now()
        self._jobs[name] = _Job(dict(members), now, now + float(seconds))
        return {"ProcessingJobArn": _ARN + name}

    def _job(self, members: Members) -> _Job:
        job = self._jobs.get(members["ProcessingJobName"])
        if job is None:
            raise ModelledError("ValidationException", "Could not find requested job with name")
        return job

    def _describe(self, members: Members) -> dict[str, Any]:
        job = self._job(members)
        request = {name: value for name, value in job.request.items() if name != "Tags"}
        return {**request, **job.summary(self.now())}

    def _stop(self, members: Members) -> dict[str, Any]:
        job, now = self._job(members), self.now()
        if job.status(now) != "InProgress":
            raise ModelledError("ValidationException", "The request was rejected because the job has ended")
        job.stopped = now
        return {}

    def _list_tags(self, members: Members) -> dict[str, Any]:
        return {"Tags": self._job({"ProcessingJobName": members["ResourceArn"].removeprefix(_ARN)}).request["Tags"]}

    def _list(self, members: Members) -> dict[str, Any]:
        now = self.now()
        found = [job.summary(now) for job in self._jobs.values()]
        found = [one for one in found if _is_listed(one, members)]
        by = {"Name": "ProcessingJobName", "Status": "ProcessingJobStatus"}.get(
            members.get("SortBy", "CreationTime"), "CreationTime"
        )
        found.sort(key=lambda one: one[by], reverse=members.get("SortOrder", "Descending") == "Descending")
        first, size = int(members.get("NextToken", 0)), min(int(members.get("MaxResults", 10)), _LARGEST_PAGE)
        more = {"NextToken": str(first + size)} if first + size < len(found) else {}
        return {"ProcessingJobSummaries": found[first : first + size], **more}


def _is_listed(summary: Mapping[str, Any], members: Members) -> bool:
    created, changed = summary["CreationTime"], summary["LastModifiedTime"]
    return (
        members.get("NameContains", "") in summary["ProcessingJobName"]
        and members.get("StatusEquals", summary["ProcessingJobStatus"]) == summary["ProcessingJobStatus"]
        and float(members.get("CreationTimeAfter", 0)) <= created <= float(members.get("CreationTimeBefore", created))
        and float(members.get("LastModifiedTimeAfter", 0))
        <= changed
        <= float(members.get("LastModifiedTimeBefore", changed))
    )


class SageMakerByTheClock:
    """The server, on the loopback interface, in threads of this process, as long as the block lasts."""

    def __init__(self) -> None:
        self.jobs = ProcessingJobs()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.jobs = self.jobs

    def __enter__(self) -> SageMakerByTheClock:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def as_local_aws(self) -> dict[str, str]:
        """Return the environment in which it is an AWS on this machine, where jobs may end within seconds."""
        return {**_CREDENTIALS, "AWS_ENDPOINT_URL": self._address}

    def as_sagemaker(self) -> dict[str, str]:
        """Return the environment in which clients take it for SageMaker: its address is that of the real one.

        It answers in the place of a proxy, so that no name must be resolved; without TLS, which no proxy could read.
        """
        return {**_CREDENTIALS, "AWS_ENDPOINT_URL_SAGEMAKER": f"http://{_HOST}", "http_proxy": self._address}

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    jobs: ProcessingJobs


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").removeprefix("SageMaker.")
        try:
            status, answer = 200, self.server.jobs.answer(operation, json.loads(body or b"{}"))
        except ModelledError as error:
            status, answer = 400, {"__type": error.code, "message": error.message}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
        """Say nothing."""
