"""Finds and stops running resources that no live task owns; the second line of defence, behind ``on_kill``.

Airflow does not call ``on_kill`` when a task is marked failed within about a second of its deferral, and cannot when
a worker dies for good. Every resource carries tags that name its task, so what is left can be stopped wherever
Airflow can be asked about that task. `find_orphans` runs wherever Airflow's database can be reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.leftovers import remove_patiently
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, InvocationAttempt, read_attempt
from airflow_sm_pipelines.semantics.ownership import ABSENT, is_orphan

if TYPE_CHECKING:
    from botocore.client import BaseClient

_REMOVAL_PATIENCE = 180.0
_Told = Callable[[ResourceKind, AwsCallError], None]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running resource that its task no longer needs.

    Attributes:
        kind: Its row.
        name: Its name.
        owner: The task instance that its tags name.
        state: The state of that task, `ABSENT` if its run was deleted.
    """

    kind: ResourceKind
    name: str
    owner: Owner
    state: str | None


def find_orphans(connection: AwsConnection, deployment: str, refused: _Told | None = None) -> Iterator[Orphan]:
    """Yield the orphans of one Airflow deployment among all running resources of an AWS account and region.

    Args:
        connection: Which AWS to look at.
        deployment: Name of the deployment; resources of others are left alone.
        refused: Called with each refused call and its kind. The search continues with the other kinds, and with what
            AWS shows of this one. By default the refusal is raised.

    Raises:
        AwsCallError: AWS refused a call, and ``refused`` is not given.
    """
    for kind in RESOURCE_KINDS.values():
        for name, owner in _owned(connection, kind, deployment, refused or _raise):
            attempt = name.rpartition("/")[2]
            state, recorded_name = _task_facts(owner, attempt)
            if is_orphan(state, recorded_name, attempt):
                yield Orphan(kind, name, owner, state)


def _raise(_: ResourceKind, error: AwsCallError) -> None:
    raise error


def _owned(connection: AwsConnection, kind: ResourceKind, deployment: str, refused: _Told) -> list[tuple[str, Owner]]:
    """Return the running resources of a kind that belong to a deployment, with their owners, as far as AWS shows them.

    All are listed before one is stopped, which would move the others between pages.
    """
    listed: list[tuple[str, str]] = []
    owned: list[tuple[str, Owner]] = []
    client: BaseClient | None = None
    try:
        client = connection.client(kind.service) if kind.list else None
        for one in jobs.running(client, kind):
            listed.append(one)  # one by one, to keep what came before a refusal
    except AwsCallError as error:
        refused(kind, error)
    for name, arn in listed:
        try:
            owner = owner_of(jobs.tags(client, kind, arn))
        except AwsCallError as error:
            if not says_absent(error.code, error.message):  # else it has gone since
                refused(kind, error)
            continue
        if owner is not None and owner.deployment == deployment:
            owned.append((name, owner))
    return owned


def stop_orphan(connection: AwsConnection, orphan: Orphan) -> bool:
    """Stop an orphan; tell whether it still ran.

    Raises:
        AwsCallError: AWS refused a call.
    """
    client = connection.client(orphan.kind.service)
    stopped = jobs.stop(client, orphan.kind, orphan.name)
    left = remove_patiently(client, orphan.kind, orphan.name, time.sleep, _REMOVAL_PATIENCE)
    return stopped or bool(orphan.kind.leaves_behind and not left)


def _task_facts(owner: Owner, name: str) -> tuple[str | None, str | None]:
    """Return the state of a task and the resource that its attempt record names, from Airflow's database."""
    from airflow_sm_pipelines.execution.airflow_internals.server import state_and_value

    found = state_and_value(owner.dag_id, owner.run_id, owner.task_id, owner.map_index, RECORD_KEY)
    if found is None:
        return ABSENT, None
    state, stored = found
    if stored is None:
        return state, None
    attempt = read_attempt(stored)
    if isinstance(attempt, (Attempt, InvocationAttempt)):
        return state, attempt.name
    # A custom backend keeps the record elsewhere: then the state alone decides.
    return state, name
