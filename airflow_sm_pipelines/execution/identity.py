"""Which execution, which task instance, and which epoch of it a process works for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.worker import airflow_variable, is_dag_test, set_airflow_variable
from airflow_sm_pipelines.execution.xcoms import own_map_index
from airflow_sm_pipelines.semantics.for_each import child_name

if TYPE_CHECKING:
    from airflow.sdk import Context

DEPLOYMENT_VARIABLE = "sm_pipelines_deployment"
"""The Airflow variable that holds the id of the installation; the scheduler makes it when it starts."""


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

    @property
    def is_cleared(self) -> bool:
        """Whether a person has cleared the task after it had run: Airflow then adds its tries to ``max_tries``."""
        return self.max_tries > self.retries

    def is_same_try(self, other: Epoch) -> bool:
        """Tell whether two epochs are one to a deferred try.

        A clear ends the deferral. An edit of the DAG's ``retries`` does not.
        """
        return self.max_tries == other.max_tries


@dataclass(frozen=True, slots=True)
class Ownership:
    """To whom the resources of a step belong.

    Attributes:
        owner: The Airflow task instance.
        execution_id: The 12 characters that identify the execution; the same for all steps of a DAG run.
    """

    owner: Owner
    execution_id: str


@dataclass(frozen=True)
class StepIdentity:
    """One step of one execution, in one epoch.

    Whoever only looks at a job needs no owner: Airflow is asked for the deployment when the owner is first read.

    Attributes:
        step: Name of the step. In the body of a ForEach it includes the iteration, as the service names it.
        epoch: Changes when a human clears the task, and only then.
        try_number: Airflow's number of the try, from 1.
        find_ownership: Returns to whom the step's resources belong.
    """

    step: str
    epoch: Epoch
    try_number: int
    find_ownership: Callable[[], Ownership]

    @cached_property
    def _ownership(self) -> Ownership:
        return self.find_ownership()

    @property
    def owner(self) -> Owner:
        """The Airflow task instance.

        Raises:
            StepError: The deployment has no name.
        """
        return self._ownership.owner

    @property
    def execution_id(self) -> str:
        """The 12 characters that identify the execution; the same for all steps of a DAG run.

        Raises:
            StepError: The deployment has no name.
        """
        return self._ownership.execution_id


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which Airflow this is.

    Attributes:
        name: ``[sm_pipelines] deployment``; by default the id of the installation.
        installation: Id of the installation, which tells two deployments of the same name apart; empty if there is
            none.
    """

    name: str
    installation: str


def identify(step: str, context: Context) -> StepIdentity:
    """Read the identity of a step from a task's context; runs in the worker."""
    ti, started = context["ti"], context["dag_run"].run_after.isoformat()
    map_index = own_map_index(context)
    name = step if map_index < 0 else child_name(step, map_index)
    return StepIdentity(
        step=name,
        epoch=Epoch(ti.max_tries, ti.task.retries or 0),
        try_number=ti.try_number,
        find_ownership=partial(_ownership, name, started, ti.dag_id, ti.run_id, ti.task_id, map_index),
    )


def _ownership(step: str, started: str, dag_id: str, run_id: str, task_id: str, map_index: int) -> Ownership:
    deployment = own_deployment(step)
    return Ownership(
        Owner(deployment.name, dag_id, run_id, task_id, map_index, deployment.installation),
        execution_id(deployment.name, dag_id, run_id, started),
    )


def deployment_of(installation: str | None) -> Deployment | None:
    """Return the deployment with an installation's id, ``None`` if it has no name.

    Args:
        installation: The value of the Airflow variable `DEPLOYMENT_VARIABLE`, ``None`` if there is none.
    """
    name = str(conf.get("sm_pipelines", "deployment", fallback="") or "") or installation
    return Deployment(name, installation or "") if name else None


def new_installation_id(database: str) -> str:
    """Draw the id of an installation; it ends with `database_mark`.

    Args:
        database: Where Airflow's database is.
    """
    return f"{secrets.token_hex(6)}-{database_mark(database)}"


def database_mark(database: str) -> str:
    """Return a short digest of a database's address: a copy of the database elsewhere is another installation."""
    return hashlib.sha256(database.encode()).hexdigest()[:8]


def own_deployment(step: str) -> Deployment:
    """Return the deployment of the running task; runs in the worker.

    Args:
        step: Name of the step, for the error.

    Raises:
        StepError: The deployment has no name.
    """
    installation = airflow_variable(DEPLOYMENT_VARIABLE)
    if installation is None and is_dag_test():  # no scheduler has started with this database
        installation = new_installation_id("dag.test")
        set_airflow_variable(DEPLOYMENT_VARIABLE, installation)
    deployment = deployment_of(installation)
    if deployment is None:
        raise StepError(
            step,
            f"this Airflow deployment has no name: its scheduler has not made the variable {DEPLOYMENT_VARIABLE}; "
            "restart the scheduler with airflow-sm-pipelines installed, or set [sm_pipelines] deployment",
        )
    return deployment
