"""What a Fail step that was reached means for the other steps of its execution; runs in the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store, task_states
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.semantics.fail_step import fail_steps_that_end

if TYPE_CHECKING:
    from airflow.sdk import Context


def skip_after_fail_step(plan: StepPlan, settings: PipelineRunSettings, context: Context) -> None:
    """Skip a step that would begin after a Fail step was reached.

    From then on nothing new starts, and the steps in progress end (developer guide, "Fail step"). A step in progress
    may be retried: that is part of it. Clearing a skipped step alone changes nothing, as in the service, where such an
    execution cannot be retried.

    Args:
        plan: The step.
        settings: What all steps of the DAG share.
        context: Airflow's task context.

    Raises:
        AirflowSkipException: A Fail step was reached, and this step has not begun.
    """
    reached = reached_fail_steps(plan, settings, context)
    if reached and not _has_begun(context):
        names = " and ".join(reached)
        raise AirflowSkipException(
            f"Step {plan.step.name} does not start: Fail step {names} has ended this run. To go on with the run, clear "
            f"{names} and what led to it, too"
        )


def reached_fail_steps(plan: StepPlan, settings: PipelineRunSettings, context: Context) -> list[str]:
    """Return the Fail steps of the run that were reached and keep a step from starting.

    Args:
        plan: The step.
        settings: What all steps of the DAG share.
        context: Airflow's task context.
    """
    asked = {settings.task_ids[name]: name for name in fail_steps_that_end(plan, settings.pipeline.plans)}
    if not asked:
        return []
    ti = context["ti"]
    states = task_states(ti.dag_id, ti.run_id, list(asked))
    return [name for task_id, name in asked.items() if states.get(task_id) == "failed"]


def _has_begun(context: Context) -> bool:
    """Tell whether an earlier try of this epoch has made an attempt: it may have created a job."""
    ti = context["ti"]
    if ti.try_number == 1:
        return False
    # Hardly any process needs them, and every DAG file loads this module.
    from airflow_sm_pipelines.execution.identity import Epoch
    from airflow_sm_pipelines.execution.records import RECORD_KEY, read_attempt

    attempt = read_attempt(state_store(context).get(RECORD_KEY))
    return attempt is not None and attempt.epoch == Epoch(ti.max_tries, ti.task.retries or 0)
