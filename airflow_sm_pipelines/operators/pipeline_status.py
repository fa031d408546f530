"""The leaf that tells how a pipeline ended, where its other last tasks do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_sm_pipelines.definition.graph import StepPlan, Trigger
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.airflow_internals.worker import task_states
from airflow_sm_pipelines.execution.retry_policy import SPARE_DELAYS, SPARE_RETRIES
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import publish_failed_steps, read_status
from airflow_sm_pipelines.semantics.given_options import read_run_options
from airflow_sm_pipelines.semantics.readiness import StepStatus

if TYPE_CHECKING:
    from airflow.sdk import Context

_DOCUMENTATION = "Not a step: fails if a step has failed, also if the steps that waited for the failure ended well."
_KEPT_FROM_RUNNING = {"upstream_failed", "failed"}
"""States of a task that has not run, if no step has failed: a ForEach can only say by failing that it did not run."""


class PipelineStatusOperator(BaseOperator):
    """Fails if a step failed, also if steps that waited for the failure ended well.

    Airflow looks only at the last tasks of a run. A step with a ``Failed`` trigger would hide the failure it reacts to,
    and a step that is skipped with its branch would hide the failure of what it waits for outside of it. The service
    calls a run ``CompletedWithFailures`` if for each failed step another one waits with a trigger other than
    ``Completed``, else ``Failed`` (SDK ``StepDependency``; that *each* failure needs one is assumed).

    Args:
        plans: All steps but those in the bodies of ForEach steps, for which the ForEach stands.
        settings: What all steps of the DAG share.
        completed_with_failures: ``"failed"`` or ``"success"``: what the DAG run is when the pipeline is
            ``CompletedWithFailures``.
        fail_fast: The DAG stops at its first failure. Airflow skips all other tasks then, and calls a run successful
            whose last tasks were skipped.

    Raises:
        ValueError: ``completed_with_failures`` is neither.
    """

    ui_color = "#e1e1e1"

    def __init__(
        self,
        *,
        plans: Iterable[StepPlan],
        settings: PipelineRunSettings,
        completed_with_failures: str = "failed",
        fail_fast: bool = False,
        **kwargs: Any,
    ) -> None:
        # It raises what Airflow never retries: the retries are for workers that die, and outages of Airflow.
        rule = "all_done_setup_success" if fail_fast else "all_done"
        of_its_own = {"doc_md": _DOCUMENTATION, "retries": SPARE_RETRIES, **SPARE_DELAYS}
        super().__init__(trigger_rule=rule, **{**of_its_own, **kwargs})
        if fail_fast:
            # The only kind of task that Airflow still runs then.
            self.as_teardown(on_failure_fail_dagrun=True)
        if completed_with_failures not in {"failed", "success"}:
            raise ValueError(f"completed_with_failures is 'failed' or 'success', not {completed_with_failures!r}")
        self.completed_with_failures = completed_with_failures
        plans = list(plans)
        self.steps_of_tasks = {settings.task_ids[plan.step.name]: plan.step.name for plan in plans}
        self.loops = frozenset(plan.step.name for plan in plans if plan.body_steps)
        self.waits = tuple(
            (plan.step.name, edge.upstream)
            for plan in plans
            for edge in plan.edges
            if edge.trigger is not Trigger.COMPLETED
        )

    def execute(self, context: Context) -> JsonObject:
        """Name the failed steps; runs in the worker when all steps have ended."""
        ti = context["ti"]
        states = task_states(ti.dag_id, ti.run_id, list(self.steps_of_tasks))
        failed = sorted(
            self.steps_of_tasks[task]
            for task, state in states.items()
            if state == "failed" and not self._has_not_begun(task, context)
        )
        if not failed:
            self._look_before_the_steps(states)
            return {"Status": "Succeeded", "FailedSteps": []}
        handled = self._waited_for(context).issuperset(failed)
        status = "CompletedWithFailures" if handled else "Failed"
        if handled:
            publish_failed_steps(context, failed)
        if handled and self.completed_with_failures == "success":
            return {"Status": status, "FailedSteps": [*failed]}
        raise AirflowFailException(f"{status}: {', '.join(failed)} failed")

    def _look_before_the_steps(self, states: Mapping[str, str | None]) -> None:
        """Raise if a task before a step has kept it from running, though no step has failed: in a task group.

        This task runs whatever those before it did, and must not let the tasks after the group take it for success.

        Raises:
            AirflowFailException: A task before a step failed.
            AirflowSkipException: All steps were skipped.
        """
        kept = sorted(self.steps_of_tasks[task] for task, state in states.items() if state in _KEPT_FROM_RUNNING)
        if kept:
            raise AirflowFailException(f"NotRun: {', '.join(kept)} did not run, since a task upstream failed")
        if states and all(state == "skipped" for state in states.values()):
            raise AirflowSkipException("All steps of the pipeline were skipped")

    def _waited_for(self, context: Context) -> set[str]:
        """Return the steps for whose failure a step of this run waits: a step that is not selected handles nothing."""
        selected = read_run_options(context["params"]).select_steps
        return {upstream for step, upstream in self.waits if not selected or step in selected}

    def _has_not_begun(self, task_id: str, context: Context) -> bool:
        """Tell whether a ForEach did not run, which the task that ends it can only say by failing."""
        if self.steps_of_tasks[task_id] not in self.loops:
            return False
        return read_status(context, task_id) is StepStatus.NOT_RUN
