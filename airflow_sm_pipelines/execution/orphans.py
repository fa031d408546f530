"""Finds and stops running resources that no live task owns; the second line of defence, behind triggers and listeners.

Nobody hears of a clear or of a deleted run while no triggerer runs, and a worker may die for good. Every resource
carries tags that name its task, so what is left can be stopped wherever Airflow can be asked about that task: in any
worker, and where Airflow's database can be reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow, other_xcom_at_once, task_state
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import Deployment
from airflow_sm_pipelines.execution.leftovers import remove_patiently
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, InvocationAttempt, read_attempt
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY
from airflow_sm_pipelines.semantics.ownership import ABSENT, is_orphan

if TYPE_CHECKING:
    from botocore.client import BaseClient

_REMOVAL_PATIENCE = 180.0
_BEFORE_ASKING_AGAIN = 5.0
_OWNS_NOTHING = ""


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


class Witness(Protocol):
    """Is told what a search cannot do, or leaves alone."""

    def refused(self, kind: ResourceKind, error: AwsCallError) -> None:
        """Hear of a refused call. The search continues with the other kinds, and with what AWS shows of this one."""

    def of_another_installation(self, kind: ResourceKind, name: str, owner: Owner) -> None:
        """Hear of a running resource of a deployment of the same name, which is another one; it is left alone."""


TaskFacts = Callable[[Owner, str], tuple[str | None, str | None]]
"""Takes a resource's owner and the name of its attempt. Returns the state of the owner's task, `ABSENT` if it has no
row, and the name of its present attempt: empty if it has none, ``None`` if it cannot be told."""


def find_orphans(
    connection: AwsConnection, deployment: Deployment, facts: TaskFacts, witness: Witness
) -> Iterator[Orphan]:
    """Yield the orphans of one Airflow deployment among all running resources of an AWS account and region.

    Each task is asked for twice, some seconds apart: it may pass from one state to the next in between.

    Args:
        connection: Which AWS to look at.
        deployment: Resources of others are left alone.
        facts: Tells about tasks; see `facts_of_worker` and `facts_of_database`.
        witness: Is told of refused calls, and of another deployment of the same name.
    """
    for kind in RESOURCE_KINDS.values():
        owned = _owned(connection, kind, deployment, witness)
        suspects = [(name, owner) for name, owner in owned if _look(name, owner, facts)[1]]
        if suspects:
            time.sleep(_BEFORE_ASKING_AGAIN)
        for name, owner in suspects:
            state, is_left = _look(name, owner, facts)
            if is_left:
                yield Orphan(kind, name, owner, state)


def _look(name: str, owner: Owner, facts: TaskFacts) -> tuple[str | None, bool]:
    attempt = name.rpartition("/")[2]
    state, present = facts(owner, attempt)
    return state, is_orphan(state, present, attempt)


def _owned(
    connection: AwsConnection, kind: ResourceKind, deployment: Deployment, witness: Witness
) -> list[tuple[str, Owner]]:
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
        witness.refused(kind, error)
    for name, arn in listed:
        try:
            owner = owner_of(jobs.tags(client, kind, arn))
        except AwsCallError as error:
            if not says_absent(error.code, error.message):  # else it has gone since
                witness.refused(kind, error)
            continue
        if owner is None or owner.deployment != deployment.name:
            continue
        if owner.is_of_installation(deployment.installation):
            owned.append((name, owner))
        else:
            witness.of_another_installation(kind, name, owner)
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


# -- what Airflow says about tasks -------------------------------------------------------------------------------------


def facts_of_worker(owner: Owner, _: str) -> tuple[str | None, str | None]:
    """Return state and present attempt of a task, as any task can learn them from Airflow's API server.

    Raises:
        AirflowRuntimeError: The server refused to answer, or was away for a minute; that says nothing about the task.
    """
    task = (owner.dag_id, owner.run_id, owner.task_id, owner.map_index)
    state = task_state(*task)
    present = ask_airflow(lambda: other_xcom_at_once(*task, ATTEMPT_KEY))
    if present is None and state == "deferred" and owner.installation:
        # A task publishes its attempt before it creates anything, and Airflow keeps that over a deferral. (Older
        # versions did not publish it; nor did they tag the installation.)
        return state, _OWNS_NOTHING
    return state, None if present is None else str(present)


def facts_of_database(owner: Owner, name: str) -> tuple[str | None, str | None]:
    """Return state and present attempt of a task from Airflow's database."""
    from airflow_sm_pipelines.execution.airflow_internals.server import state_and_value

    found = state_and_value(owner.dag_id, owner.run_id, owner.task_id, owner.map_index, RECORD_KEY)
    if found is None:
        return ABSENT, _OWNS_NOTHING
    state, stored = found
    if stored is None:
        return state, _OWNS_NOTHING
    attempt = read_attempt(stored)
    if isinstance(attempt, (Attempt, InvocationAttempt)):
        return state, attempt.name
    # A custom backend keeps the record elsewhere: then the state alone decides.
    return state, name
