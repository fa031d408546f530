"""SageMaker's resources, which all work alike: by their rows in `airflow_sm_pipelines.aws.resources`.

botocore retries calls by itself, so a Create whose answer was lost can come back as "already exists": under a name
that only we can know, that is success.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.observations import Observation, Outcome
from airflow_sm_pipelines.aws.resources import ResourceKind


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Create it; see `airflow_sm_pipelines.aws.jobs.create`."""
    try:
        answer = call(client, kind.create, request)
    except CallRefusedError as error:
        if not kind.named_by_service and says_present(error.code, error.message):
            return False, str(request[kind.name_member])
        raise
    return True, str(answer[kind.arn_member] if kind.named_by_service else request[kind.name_member])


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at it; see `airflow_sm_pipelines.aws.jobs.observe`."""
    try:
        description = call(client, kind.describe, {kind.name_member: reference})
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


def stop(client: Any, kind: ResourceKind, reference: str) -> bool:
    """Stop it; see `airflow_sm_pipelines.aws.jobs.stop`."""
    if not kind.stop:
        return False
    seen = observe(client, kind, reference)
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status in kind.stopping_states:
        return True
    try:
        call(client, kind.stop, {kind.name_member: reference})
    except CallRefusedError:
        # It may have ended, or begun to, between the look and the call; APIs differ in how they say so.
        seen = observe(client, kind, reference)
        if seen is None or seen.outcome is not Outcome.RUNNING:
            return False
        if seen.status not in kind.stopping_states:
            raise
    return True


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find them; see `airflow_sm_pipelines.aws.jobs.running`."""
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


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read its tags; see `airflow_sm_pipelines.aws.jobs.tags`."""
    found: list[Mapping[str, str]] = call(client, "ListTags", {"ResourceArn": arn}).get("Tags", [])
    return found
