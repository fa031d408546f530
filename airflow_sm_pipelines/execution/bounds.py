"""The bound on the steps in progress with which a run was started; runs in the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.semantics.given_options import RunOptionError, read_run_options
from airflow_sm_pipelines.semantics.parallelism import parallel_steps
from airflow_sm_pipelines.semantics.run_options import MAX_PARALLEL_STEPS

if TYPE_CHECKING:
    from airflow.sdk import Context


def bound_at_start(settings: PipelineRunSettings, context: Context, step: str, log: Log) -> int | None:
    """Return how many steps the run may have in progress as it was started, ``None`` if there is no bound.

    A run that has begun without a bound can be given one when it is retried (API reference, RetryPipelineExecution).
    Only a run that was cleared looks for it: for all others that would be a request for nothing.

    Args:
        settings: What all steps of the DAG share.
        context: Airflow's task context.
        step: Name of the step, for errors.
        log: The task's log.

    Raises:
        StepError: An option of the run has a value that it cannot have.
    """
    if not context["params"].get(MAX_PARALLEL_STEPS):
        if settings.max_parallel_steps is None and context["dag_run"].clear_number:
            from airflow_sm_pipelines.execution.steps_in_progress import bound_set_for_run

            return bound_set_for_run(context["ti"].dag_id, context["ti"].run_id, log)
        return settings.max_parallel_steps
    try:
        given = read_run_options(context["params"]).max_parallel_steps
    except RunOptionError as error:
        raise StepError(step, str(error)) from error
    return parallel_steps(None, given, settings.max_parallel_steps)
