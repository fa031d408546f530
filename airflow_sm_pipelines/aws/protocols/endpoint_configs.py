"""Endpoint configurations: they are there at once, never change, and have the names that the definition gives.

A name that is taken is no failure if the configuration under it is the one that was asked for: an earlier try, or an
earlier run of the same definition, has made it. Endpoints use configurations, so there is nothing to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call, input_shape
from airflow_sm_pipelines.aws.failures import says_present
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.protocols.sagemaker import observe, running, stop, tags
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError

# All but `create` is as for the other resources; that nothing is listed or stopped is in the row.
__all__ = ["create", "differences", "observe", "running", "stop", "tags"]

_NOT_DESCRIBED = frozenset({"Tags"})


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str]:
    """Create it, or find the same one; see `airflow_sm_pipelines.aws.jobs.create`."""
    name = str(request[kind.name_member])
    try:
        call(client, kind.create, request)
    except AwsCallError as error:
        if not says_present(error.code, error.message):
            raise
        _require_same(client, kind, request, error)
        return False, name
    return True, name


def _require_same(client: Any, kind: ResourceKind, request: Mapping[str, Any], refusal: AwsCallError) -> None:
    found = call(client, kind.describe, {kind.name_member: request[kind.name_member]})
    members = [name for name in input_shape(client, kind.create).members if name not in _NOT_DESCRIBED]
    others = sorted(place for name in members for place in differences(request.get(name), found.get(name), name))
    if others:
        raise CallRefusedError(
            refusal.operation,
            refusal.code,
            f"{refusal.message} It differs in {', '.join(others)}, and AWS cannot change it: delete it, or put "
            "Execution.PipelineExecutionId into the name, so that each run makes its own",
            None,
        ) from refusal


def differences(wanted: Any, found: Any, place: str) -> Iterator[str]:
    """Yield where a description does not hold what a request says; members that only AWS fills in do not count.

    Args:
        wanted: A value of the request; ``None`` if it has none.
        found: The value in the description; ``None`` if it has none.
        place: Where both stand.
    """
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            yield from differences(value, found.get(name), f"{place}.{name}")
    elif isinstance(wanted, (list, tuple)) and isinstance(found, (list, tuple)) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif (wanted or None) != (found or None):
        yield place
