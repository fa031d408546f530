"""Clusters and their steps: their states, and which step may start next."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.settings import ACCOUNT_ID

MOST_ACTIVE_STEPS = 256
"""Pending and running steps of one cluster (developer guide of EMR, "Work with steps")."""

_ID_ALPHABET = string.ascii_uppercase + string.digits


class EmrStepState(StrEnum):
    """States of a step (API reference, StepState)."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


ACTIVE = frozenset({EmrStepState.PENDING, EmrStepState.CANCEL_PENDING, EmrStepState.RUNNING})
_AT_WORK = frozenset({EmrStepState.CANCEL_PENDING, EmrStepState.RUNNING})


class ClusterState(StrEnum):
    """States of a cluster; this one is ready when it is created, and never STARTING or BOOTSTRAPPING for long."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"


ENDED = frozenset({ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS})


@dataclass(frozen=True, slots=True)
class ClusterEnding:
    """A reason for a cluster's end; codes are those of ClusterStateChangeReasonCode."""

    code: str
    message: str
    state: ClusterState


STEPS_DONE = ClusterEnding("ALL_STEPS_COMPLETED", "Steps completed", ClusterState.TERMINATED)
STEP_FAILED = ClusterEnding("STEP_FAILURE", "Shut down as step failed", ClusterState.TERMINATED_WITH_ERRORS)
ON_REQUEST = ClusterEnding("USER_REQUEST", "Terminated by user request", ClusterState.TERMINATED)


@dataclass(frozen=True, slots=True)
class EmrStep:
    """One step at one moment; times are in UTC.

    Attributes:
        id: Its id, ``s-…``.
        config: Its StepConfig.
        state: Its state.
        created: When it was added.
        role: The runtime role that it was given; ``""`` for none.
        fault: What a fault rule wants of it.
        started, ended: When it started and ended.
        failure_reason: Why it failed; ``""`` if it did not.
        message: What EMR says about its state.
    """

    id: str
    config: Document
    state: EmrStepState
    created: datetime
    role: str = ""
    fault: JobFault = field(default_factory=JobFault)
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster at one moment; times are in UTC.

    Attributes:
        id: Its id, ``j-…``.
        region: Its region.
        request: The RunJobFlow request.
        state: Its state.
        created: When it was created.
        steps: Its steps, the oldest first.
        tags: Its tags.
        ending: Why it ends, once it does.
        ended: When it ended.
    """

    id: str
    region: str
    request: Document
    state: ClusterState
    created: datetime
    steps: tuple[EmrStep, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    ending: ClusterEnding | None = None
    ended: datetime | None = None

    @property
    def arn(self) -> str:
        """The cluster's ARN."""
        return f"arn:aws:elasticmapreduce:{self.region}:{ACCOUNT_ID}:cluster/{self.id}"

    @property
    def keeps_alive(self) -> bool:
        """Whether it waits for further steps when it has none."""
        return bool(self.request["Instances"].get("KeepJobFlowAliveWhenNoSteps"))

    def step(self, step_id: str) -> EmrStep | None:
        """Return one of the steps; ``None`` if there is no such step."""
        return next((step for step in self.steps if step.id == step_id), None)

    def settled(self) -> Cluster:
        """Return the cluster in the state that its steps put it in."""
        active = [step for step in self.steps if step.state in ACTIVE]
        if self.ending is None and not active and self.steps and not self.keeps_alive:
            return replace(self, ending=STEPS_DONE).settled()
        if self.ending is None:
            return replace(self, state=ClusterState.RUNNING if active else ClusterState.WAITING)
        if active:
            return replace(self, state=ClusterState.TERMINATING)
        return replace(self, state=self.ending.state, ended=self.ended or datetime.now(UTC))


class ClusterTable:
    """All clusters. Safe for use by many threads; what it hands out never changes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._clusters: dict[str, Cluster] = {}

    def create(self, region: str, request: Document, tags: Mapping[str, str], cluster_id: str | None = None) -> Cluster:
        """Add a cluster.

        Args:
            region: Its region.
            request: The RunJobFlow request.
            tags: Its tags.
            cluster_id: Its id; drawn if ``None``.
        """
        with self._lock:
            name = cluster_id or _new_id("j-")
            cluster = Cluster(name, region, request, ClusterState.WAITING, datetime.now(UTC), tags=tags)
            self._clusters[name] = cluster
            return cluster

    def find(self, region: str, cluster_id: str) -> Cluster | None:
        """Return a cluster as it is now, or ``None``."""
        with self._lock:
            found = self._clusters.get(cluster_id)
            return found if found is not None and found.region == region else None

    def clusters(self, region: str) -> list[Cluster]:
        """Return all clusters of a region, the newest first."""
        with self._lock:
            found = [cluster for cluster in self._clusters.values() if cluster.region == region]
        return found[::-1]

    def count(self) -> dict[str, int]:
        """Return how many clusters there are in each state."""
        with self._lock:
            states = [cluster.state for cluster in self._clusters.values()]
        return {state.value: states.count(state) for state in ClusterState}

    def tag(self, cluster_id: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of a cluster."""
        with self._lock:
            self._put(replace(self._clusters[cluster_id], tags=tags))

    def add_steps(self, cluster_id: str, configs: Iterable[Document], role: str, fault: JobFault) -> list[str]:
        """Add pending steps, and return their ids.

        Raises:
            AwsError: ``ValidationException``: the cluster ends, or would have too many active steps. Both texts are
                AWS's own (public reports).
        """
        with self._lock:
            cluster, now = self._clusters[cluster_id], datetime.now(UTC)
            if cluster.ending is not None:
                raise validation_error("A job flow that is shutting down, terminated, or finished may not be modified")
            new = tuple(
                EmrStep(_new_id("s-"), config, EmrStepState.PENDING, now, role=role, fault=fault) for config in configs
            )
            if sum(step.state in ACTIVE for step in cluster.steps) + len(new) > MOST_ACTIVE_STEPS:
                raise validation_error(
                    "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster "
                    "exceeded."
                )
            self._put(replace(cluster, steps=(*cluster.steps, *new)))
            return [step.id for step in new]

    def start_next(self, cluster_id: str) -> list[EmrStep]:
        """Set as many steps to work as the cluster's StepConcurrencyLevel allows, and return them."""
        with self._lock:
            cluster = self._clusters[cluster_id]
            room = cluster.request.get("StepConcurrencyLevel", 1) - sum(s.state in _AT_WORK for s in cluster.steps)
            if cluster.ending is not None or room <= 0:
                return []
            chosen = [step for step in cluster.steps if step.state is EmrStepState.PENDING][:room]
            for step in chosen:
                self._change(cluster_id, step.id, state=EmrStepState.RUNNING, started=datetime.now(UTC))
            return chosen

    def cancel(self, cluster_id: str, step_id: str) -> EmrStepState:
        """Cancel a pending step, or mark a running one as being cancelled, and return the state that it had."""
        with self._lock:
            step = self._step(cluster_id, step_id)
            if step.state is EmrStepState.PENDING:
                ended = {"ended": datetime.now(UTC), "message": "Cancelled by user"}
                self._change(cluster_id, step_id, state=EmrStepState.CANCELLED, **ended)
            elif step.state is EmrStepState.RUNNING:
                self._change(cluster_id, step_id, state=EmrStepState.CANCEL_PENDING)
            return step.state

    def end_step(self, cluster_id: str, step_id: str, *, stopped: bool, failure_reason: str) -> list[EmrStep]:
        """End a running step, and return the other running steps that its ActionOnFailure wants stopped."""
        with self._lock:
            step, to_stop = self._step(cluster_id, step_id), list[EmrStep]()
            message = ""
            if stopped or step.state is EmrStepState.CANCEL_PENDING:
                state, failure_reason, message = EmrStepState.CANCELLED, "", "Cancelled by user"
            elif failure_reason:
                state = EmrStepState.FAILED
                to_stop = self._act_on_failure(cluster_id, step)
            else:
                state = EmrStepState.COMPLETED
            now = datetime.now(UTC)
            self._change(cluster_id, step_id, state=state, ended=now, failure_reason=failure_reason, message=message)
            return to_stop

    def end(self, cluster_id: str, ending: ClusterEnding, but: str = "") -> list[EmrStep]:
        """End a cluster.

        Args:
            cluster_id: Which.
            ending: Why.
            but: A step that is left alone, because it ends by itself.

        Returns:
            The running steps, which must be stopped; pending ones are cancelled.
        """
        with self._lock:
            if self._clusters[cluster_id].ending is not None:
                return []
            self._put(replace(self._clusters[cluster_id], ending=ending))
            others = [step for step in self._clusters[cluster_id].steps if step.id != but]
            return [step for step in others if self.cancel(cluster_id, step.id) in _AT_WORK]

    def _act_on_failure(self, cluster_id: str, step: EmrStep) -> list[EmrStep]:
        action = step.config.get("ActionOnFailure", "TERMINATE_CLUSTER")
        if action in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
            return self.end(cluster_id, STEP_FAILED, but=step.id)
        if action == "CANCEL_AND_WAIT":
            for other in self._clusters[cluster_id].steps:
                if other.state is EmrStepState.PENDING:
                    self.cancel(cluster_id, other.id)
        return []

    def _step(self, cluster_id: str, step_id: str) -> EmrStep:
        step = self._clusters[cluster_id].step(step_id)
        if step is None:
            raise AwsError("InvalidRequestException", f"Step id '{step_id}' is not valid.")
        return step

    def _change(self, cluster_id: str, step_id: str, **changes: Any) -> None:
        cluster = self._clusters[cluster_id]
        steps = tuple(replace(step, **changes) if step.id == step_id else step for step in cluster.steps)
        self._put(replace(cluster, steps=steps))

    def _put(self, cluster: Cluster) -> None:
        self._clusters[cluster.id] = cluster.settled()


def _new_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ID_ALPHABET) for _ in range(13))
