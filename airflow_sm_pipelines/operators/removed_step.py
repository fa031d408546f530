"""Stands for a task that the definition does not have any more, while the task itself still waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.airflow_internals.authoring import retry_policy_argument
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.retry_policy import StepRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context


class RemovedStepOperator(BaseOperator):
    """Stops the job that the task has left, and fails.

    The step was removed or renamed while its task was deferred or waited for a retry. Airflow finds no such task in the
    DAG then, and would try again for minutes without a word about the job. Created only in the process of such a task.

    Args:
        kwargs: Any argument of Airflow's ``BaseOperator``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**retry_policy_argument(StepRetryPolicy((), 0)), **kwargs)

    def execute(self, context: Context) -> NoReturn:
        """Stop the job and fail; runs in the worker."""
        from airflow_sm_pipelines.execution.recorded_job import superseded_step_error

        removed = "it has no such step any more (removed, or renamed?)"
        raise superseded_step_error(state_store(context), self.task_id, self.log, time.sleep, removed)

    def resume_execution(self, next_method: str, next_kwargs: JsonObject | None, context: Context) -> NoReturn:
        """Do the same after a deferral."""
        self.execute(context)
