"""Which AWS job belongs to which task of a run, told by the jobs' own tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.rehearsal.step_states import instance_name


class RunJobs:
    """The AWS jobs of one DAG run, looked up again at each call.

    Args:
        sagemaker: boto3 client for SageMaker.
        dag_id: The DAG.
        run_id: The run.
    """

    def __init__(self, sagemaker: Any, dag_id: str, run_id: str) -> None:
        self._sagemaker = sagemaker
        self._run = (dag_id, run_id)
        self._tasks: dict[str, str | None] = {}

    def by_task(self) -> dict[str, str]:
        """Return the name of each task instance's newest job, by `instance_name`.

        Raises:
            airflow_sm_pipelines.aws.jobs.CallRefusedError: AWS refused to list them.
        """
        newest: dict[str, str] = {}
        jobs = sorted(self._summaries(), key=lambda job: job[1]["CreationTime"])
        for kind, summary in jobs:
            task = self._task(summary[kind.arn_member])
            name = summary[kind.name_member]
            # A tuning job gives its tags to the training jobs that it launches, whose names begin with its own.
            if task is not None and not name.startswith(f"{newest.get(task, name)}-"):
                newest[task] = name
        return newest

    def _summaries(self) -> Iterator[tuple[ResourceKind, Mapping[str, Any]]]:
        for kind in RESOURCE_KINDS.values():
            if kind.service != "sagemaker" or not kind.list or kind.parent_member:
                continue  # of other services, no jobs, or listed only for what they belong to
            for summary in call(self._sagemaker, kind.list, {})[kind.summaries_member]:
                yield kind, summary

    def _task(self, arn: str) -> str | None:
        if arn not in self._tasks:
            owner = owner_of(call(self._sagemaker, "ListTags", {"ResourceArn": arn}).get("Tags", []))
            ours = owner is not None and (owner.dag_id, owner.run_id) == self._run
            name = "" if owner is None else instance_name(owner.task_id, owner.map_index)
            self._tasks[arn] = name if ours else None
        return self._tasks[arn]
