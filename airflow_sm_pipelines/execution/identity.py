"""Which execution, which task instance, and which epoch of it a process works for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.semantics.for_each import child_name

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a human starts: the first run of a task instance, and each clear of it.

    Airflow raises ``max_tries`` at a clear and at nothing else, so it tells a clear (stop the leftover, start afresh)
    from a crash (find the job again). ``retries`` stands beside it because an edited DAG could otherwise reach the
    same number twice.

    Attributes:
        max_tries: Airflow's ``max_tries`` of the task instance.
        retries: The task's ``retries`` in the DAG.
    """

    max_tries: int
    retries: int

    @classmethod
    def parse(cls, text: str) -> Epoch:
        """Return the epoch that was stored as text.

        Raises:
            ValueError: The text is not an epoch.
        """
        max_tries, retries, *_ = text.split("/")  # a newer version may write more
        return cls(int(max_tries), int(retries))

    def __str__(self) -> str:
        return f"{self.max_tries}/{self.retries}"

    def is_same_try(self, other: Epoch) -> bool:
        """Tell whether two epochs are one to a deferred try.

        A clear ends the deferral. An edit of the DAG's ``retries`` does not.
        """
        return self.max_tries == other.max_tries


@dataclass(frozen=True, slots=True)
class StepIdentity:
    """One step of one execution, in one epoch.

    Attributes:
        step: Name of the step. In the body of a ForEach it includes the iteration, as the service names it.
        owner: The Airflow task instance.
        execution_id: The 12 characters that identify the execution; the same for all steps of a DAG run.
        epoch: Changes when a human clears the task, and only then.
        try_number: Airflow's number of the try, from 1.
    """

    step: str
    owner: Owner
    execution_id: str
    epoch: Epoch
    try_number: int


def identify(step: str, context: Context) -> StepIdentity:
    """Read the identity of a step from a task's context; runs in the worker."""
    ti, dag_run = context["ti"], context["dag_run"]
    deployment, map_index = deployment_name(), -1 if ti.map_index is None else ti.map_index
    return StepIdentity(
        step=step if map_index < 0 else child_name(step, map_index),
        owner=Owner(deployment, ti.dag_id, ti.run_id, ti.task_id, map_index),
        execution_id=execution_id(deployment, ti.dag_id, ti.run_id, dag_run.run_after.isoformat()),
        epoch=Epoch(ti.max_tries, ti.task.retries or 0),
        try_number=ti.try_number,
    )


def deployment_name() -> str:
    """Return ``[sm_pipelines] deployment``, or a name derived from the address of the Airflow API."""
    configured = conf.get("sm_pipelines", "deployment", fallback="")
    if configured:
        return str(configured)
    address = conf.get("api", "base_url", fallback="")
    return hashlib.sha256(str(address).encode()).hexdigest()[:12]
