"""Create, find, observe and stop the resource of a step, by its row in `airflow_sm_pipelines.aws.resources`.

All functions take a boto3 client; none of them waits. botocore retries calls by itself, so a Create whose answer
was lost can come back as "already exists": under a name that only we can know, that is success.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.resources import ResourceKind


class Outcome(Enum):
    """What a resource's state means for its step."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a resource.

    Attributes:
        status: The state in the API's own words.
        outcome: What it means.
        reason: Why it failed, in the API's words; empty if it says nothing.
        description: The whole Describe response.
    """

    status: str
    outcome: Outcome
    reason: str
    description: Mapping[str, Any]


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Create the resource that ``request`` names, or that its idempotency token stands for.

    Returns:
        Whether it is new, as far as AWS tells (not if an earlier call of the same attempt had created it), and what
        Describe takes: its name, or its ARN if the service made the name.

    Raises:
        CallRefusedError: AWS refused the request.
    """
    try:
        answer = call(client, kind.create, request)
    except CallRefusedError as error:
        if not kind.token_member and says_present(error.code, error.message):
            return False, str(request[kind.name_member])
        raise
    return True, str(answer[kind.arn_member] if kind.token_member else request[kind.name_member])


def observe(client: Any, kind: ResourceKind, name: str) -> Observation | None:
    """Look at a resource once; ``None`` if it does not exist.

    Raises:
        CallRefusedError: AWS refused the call.
    """
    try:
        description = call(client, kind.describe, {kind.name_member: name})
    except CallRefusedError as error:
        if says_absent(error.code, error.message):
            return None
        raise
    if not kind.status_member:
        return Observation("Created", Outcome.SUCCEEDED, "", description)
    status = str(description.get(kind.status_member, ""))
    reason = next((str(description[m]) for m in kind.reason_members if description.get(m)), "")
    return Observation(status, _outcome(kind, status), reason, description)


def _outcome(kind: ResourceKind, status: str) -> Outcome:
    if status in kind.succeeded:
        return Outcome.SUCCEEDED
    if status in kind.failed:
        return Outcome.FAILED
    if status in kind.stopped:
        return Outcome.STOPPED
    return Outcome.RUNNING


def stop(client: Any, kind: ResourceKind, name: str) -> bool:
    """Ask AWS to stop a resource.

    Returns:
        False if there was nothing to stop: it does not exist, has already ended, or is of a kind that cannot be
        stopped. True also if somebody else has told it to stop.

    Raises:
        CallRefusedError: AWS refused the call for another reason.
    """
    if not kind.stop:
        return False
    seen = observe(client, kind, name)
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status in kind.stopping_states:
        return True
    try:
        call(client, kind.stop, {kind.name_member: name})
    except CallRefusedError:
        # It may have ended, or begun to, between the look and the call; APIs differ in how they say so.
        seen = observe(client, kind, name)
        if seen is None or seen.outcome is not Outcome.RUNNING:
            return False
        if seen.status not in kind.stopping_states:
            raise
    return True


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and ARN of every running resource, or of those whose name holds ``name_contains``.

    There are none of a kind that costs nothing (it has no List operation in its row).

    Raises:
        CallRefusedError: AWS refused a call.
    """
    if not kind.list:
        return
    wanted = {"NameContains": name_contains} if name_contains else {}
    for status in kind.running_states:
        page: dict[str, Any] = {}
        while True:
            answer = call(client, kind.list, {"StatusEquals": status, "MaxResults": 100, **wanted, **page})
            for summary in answer.get(kind.summaries_member, ()):
                yield str(summary[kind.name_member]), str(summary[kind.arn_member])
            if not answer.get("NextToken"):
                break
            page = {"NextToken": answer["NextToken"]}


def last_log_lines(logs_client: Any, kind: ResourceKind, name: str, limit: int = 20) -> list[str]:
    """Return the last lines that a job wrote to CloudWatch Logs, oldest first.

    Args:
        logs_client: A boto3 client for CloudWatch Logs.
        kind: The job's row.
        name: The job's name; its log streams start with it.
        limit: How many lines at most, over all of its instances.

    Raises:
        CallRefusedError: AWS refused a call.
    """
    if not kind.log_group:
        return []
    try:
        answer = call(
            logs_client,
            "DescribeLogStreams",
            {"logGroupName": kind.log_group, "logStreamNamePrefix": f"{name}/", "limit": 50},
        )
    except CallRefusedError as error:
        if says_absent(error.code, error.message):
            return []
        raise
    events: list[tuple[int, str]] = []
    for stream in answer.get("logStreams", ()):
        page = call(
            logs_client,
            "GetLogEvents",
            {
                "logGroupName": kind.log_group,
                "logStreamName": stream["logStreamName"],
                "limit": limit,
                "startFromHead": False,
            },
        )
        events.extend((event["timestamp"], event["message"].rstrip("\n")) for event in page.get("events", ()))
    events.sort(key=lambda event: event[0])
    return [line for _, line in events[-limit:]]
