"""SageMaker's resources, which all work alike: by their rows in `airflow_sm_pipelines.aws.kinds`.

botocore retries calls by itself, so a Create whose answer was lost can come back as "already exists": under a name
that only we can know, that is success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.errors import AwsCallError


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Create it; see `airflow_sm_pipelines.aws.jobs.create`."""
    try:
        answer = call(client, kind.create, request)
    except AwsCallError as error:
        if not kind.named_by_service and says_present(error.code, error.message):
            return False, str(request[kind.name_member])
        raise
    return True, str(answer[kind.arn_member] if kind.named_by_service else request[kind.name_member])


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at it; see `airflow_sm_pipelines.aws.jobs.observe`."""
    try:
        description = call(client, kind.describe, {kind.name_member: reference})
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise
    return observation_of(kind, description)


def observation_of(kind: ResourceKind, description: Mapping[str, Any]) -> Observation:
    """Return what a Describe response means by the kind's row."""
    if not kind.status_member:
        return Observation("Created", Outcome.SUCCEEDED, "", description)
    status = str(description.get(kind.status_member, ""))
    return Observation(status, _outcome(kind, status), _reason(kind, description), description)


def _reason(kind: ResourceKind, description: Mapping[str, Any]) -> str:
    reasons = [next((str(description[m]) for m in kind.reason_members if description.get(m)), "")]
    for member in kind.detail_members:
        reasons += [str(text) for entry in description.get(member) or () for text in entry.values()]
    return "; ".join(reason for reason in reasons if reason)


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
    return stop_running(
        kind,
        look=lambda: observe(client, kind, reference),
        order=lambda: call(client, kind.stop, {kind.name_member: reference}),
    )


def stop_running(kind: ResourceKind, look: Callable[[], Observation | None], order: Callable[[], Any]) -> bool:
    """Give the order to stop, if a look shows that it still runs and was not told before.

    Returns:
        Whether there was something to stop.

    Raises:
        AwsCallError: AWS refused a call, though the resource still runs.
    """
    seen = look()
    if seen is None or seen.outcome is not Outcome.RUNNING:
        return False
    if seen.status in kind.stopping_states:
        return True
    try:
        order()
    except AwsCallError:
        # It may have ended, or begun to, between the look and the call; APIs differ in how they say so.
        seen = look()
        if seen is None or seen.outcome is not Outcome.RUNNING:
            return False
        if seen.status not in kind.stopping_states:
            raise
    return True


def running(client: Any, kind: ResourceKind, name_contains: str = "") -> Iterator[tuple[str, str]]:
    """Find them; see `airflow_sm_pipelines.aws.jobs.running`."""
    for summary in summaries(client, kind, name_contains):
        yield str(summary[kind.name_member]), str(summary[kind.arn_member])


def summaries(
    client: Any, kind: ResourceKind, name_contains: str = "", among: Mapping[str, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the List operation's summary of every resource that runs, or of those whose name holds ``name_contains``.

    Args:
        client: A boto3 client for SageMaker.
        kind: Their row.
        name_contains: As for `running`.
        among: Members of the List request that narrow it down further.

    Raises:
        AwsCallError: AWS refused a call.
    """
    wanted = {**(among or {}), **({"NameContains": name_contains} if name_contains else {})}
    for status in kind.running_states:
        page: dict[str, Any] = {}
        while True:
            answer = call(client, kind.list, {"StatusEquals": status, "MaxResults": 100, **wanted, **page})
            yield from answer.get(kind.summaries_member, ())
            if not answer.get("NextToken"):
                break
            page = {"NextToken": answer["NextToken"]}


def tags(client: Any, kind: ResourceKind, arn: str) -> list[Mapping[str, str]]:
    """Read its tags; see `airflow_sm_pipelines.aws.jobs.tags`."""
    found: list[Mapping[str, str]] = call(client, "ListTags", {"ResourceArn": arn}).get("Tags", [])
    return found
