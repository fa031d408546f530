"""What the steps of a run have created in AWS: jobs, told by their tags; models, packages and endpoints, by XComs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.demo.airflow_api import AirflowApi, ApiObject
from airflow_sm_pipelines.demo.progress import progress_name
from airflow_sm_pipelines.rehearsal.step_states import instance_name, task_of_step
from airflow_sm_pipelines.semantics.cache_keys import cache_key_of

if TYPE_CHECKING:
    from botocore.client import BaseClient

_KINDS = {
    step_type: row.kind
    for step_type, row in CATALOG.items()
    if row.kind is not None and not row.kind.list and row.kind.service == "sagemaker"
}
"""Step type -> what it creates that is no job and has a name of its own."""


class RunJobs:
    """The AWS jobs of a DAG run, looked up at each call.

    Args:
        sagemaker: boto3 client for SageMaker.
        dag_id: The DAG.
        run_id: The run.
    """

    def __init__(self, sagemaker: BaseClient, dag_id: str, run_id: str) -> None:
        self._sagemaker = sagemaker
        self._run = (dag_id, run_id)
        self._tasks: dict[str, str | None] = {}

    def by_task(self) -> dict[str, str]:
        """Return the name of each task instance's newest job, by `instance_name`.

        Raises:
            airflow_sm_pipelines.aws.calls.AwsCallError: AWS refused to list them.
        """
        newest: dict[str, str] = {}
        jobs = sorted(self._summaries(), key=lambda job: job[1]["CreationTime"])
        for kind, summary in jobs:
            task = self._task(summary[kind.arn_member])
            name = summary[kind.name_member]
            # A tuning job passes its tags on to its training jobs, whose names begin with its own.
            if task is not None and not name.startswith(f"{newest.get(task, name)}-"):
                newest[task] = name
        return newest

    def _summaries(self) -> Iterator[tuple[ResourceKind, ApiObject]]:
        for kind in RESOURCE_KINDS.values():
            if kind.service != "sagemaker" or not kind.list or kind.parent_member:
                continue  # another service, not a job, or listed only for its parent
            for summary in call(self._sagemaker, kind.list, {})[kind.summaries_member]:
                yield kind, summary

    def _task(self, arn: str) -> str | None:
        if arn not in self._tasks:
            owner = owner_of(call(self._sagemaker, "ListTags", {"ResourceArn": arn}).get("Tags", []))
            ours = owner is not None and (owner.dag_id, owner.run_id) == self._run
            name = "" if owner is None else instance_name(owner.task_id, owner.map_index)
            self._tasks[arn] = name if ours else None
        return self._tasks[arn]


class ReusedResults:
    """The results of earlier runs that the steps of a DAG run have reused; each is looked up once.

    Args:
        api: Airflow's API.
        dag_id: The DAG.
        run_id: The run.
        steps: The steps of its definition.
    """

    def __init__(self, api: AirflowApi, dag_id: str, run_id: str, steps: Sequence[Step]) -> None:
        self._api = api
        self._run = (dag_id, run_id)
        self._cached = {step.name for step in steps if cache_key_of(step) is not None}
        self._told: dict[str, str] = {}

    def by_task(self, task_instances: Iterable[ApiObject]) -> dict[str, str]:
        """Return what successful tasks have reused, for people, by `progress_name`; nothing of those that ran.

        Args:
            task_instances: Those of the run, as Airflow's REST API returns them.

        Raises:
            airflow_sm_pipelines.demo.airflow_api.AirflowApiError: Airflow refused a request.
        """
        from airflow_sm_pipelines.execution.xcoms import CACHE_KEY  # loads Airflow

        for task in task_instances:
            name = progress_name(task)
            if task["task_id"] not in self._cached or task["state"] != "success" or name in self._told:
                continue
            said = self._api.xcom(*self._run, task["task_id"], CACHE_KEY, task.get("map_index", -1)) or {}
            hit = said.get("outcome") == "hit"
            self._told[name] = f"cache hit: {said['resource']}" if hit else ""
        return {name: told for name, told in self._told.items() if told}


class RunResources:
    """The names of a DAG run's resources that are no jobs; each is looked up once.

    Args:
        api: Airflow's API.
        dag_id: The DAG.
        run_id: The run.
        steps: The steps of its definition.
    """

    def __init__(self, api: AirflowApi, dag_id: str, run_id: str, steps: Sequence[Step]) -> None:
        self._api = api
        self._run = (dag_id, run_id)
        self._kinds = {task_of_step(step): _KINDS[step.type] for step in steps if step.type in _KINDS}
        self._names: dict[str, str] = {}

    def by_task(self, task_instances: Iterable[ApiObject]) -> dict[str, str]:
        """Return the names of what successful tasks have created, by `progress_name`.

        Args:
            task_instances: Those of the run, as Airflow's REST API returns them.

        Raises:
            airflow_sm_pipelines.demo.airflow_api.AirflowApiError: Airflow refused a request.
        """
        for task in task_instances:
            kind, name = self._kinds.get(task["task_id"]), progress_name(task)
            if kind is None or task["state"] != "success" or name in self._names or task.get("map_index", -1) >= 0:
                continue
            properties = self._api.xcom(*self._run, task["task_id"]) or {}
            # The service names the version of a package by its ARN alone: .../<group>/<version>.
            named = properties.get(kind.name_member) or properties.get(kind.arn_member, "").partition("/")[2]
            self._names[name] = str(named)
        return dict(self._names)
