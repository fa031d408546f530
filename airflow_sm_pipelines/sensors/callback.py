"""The Callback step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import TaskDeferralTimeout

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.operators.base import StepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.callbacks.step import CallbackStep
    from airflow_sm_pipelines.execution.step_run import StepRun


class CallbackSensor(StepOperator):
    """Sends a message with a token to an SQS queue and waits for the answer, without a worker slot.

    Its properties are ``{"OutputParameters": {…}}``, as given in the answer. The answer comes through the endpoint that
    the plugin serves (the API of SageMaker), or from a person, by Airflow's required action.
    """

    ui_color = "#fff2cc"

    def shown_request(self, plan: StepPlan) -> JsonObject:
        """Show what the message will hold."""
        return {
            "QueueUrl": plan.step.members.get("SqsQueueUrl"),
            "MessageBody": {"token": "<token>", "arguments": plan.step.arguments},
        }

    def act(self, run: StepRun) -> JsonObject:
        """Send the message and wait for the answer, or defer; returns the typed outputs."""
        return self._callback_step(run).start()

    def resume(self, context: Context, event: Mapping[str, Json] | None = None) -> JsonObject:
        """Go on when the callback was answered; runs in a new worker process."""
        return self._callback_step(self.step_run(context)).resume(event or {})

    def resumed(self, next_method: str, next_kwargs: JsonObject | None, context: Context) -> Any:
        """End the callback if Airflow ended the deferral because ``execution_timeout`` has passed.

        Returns:
            The outputs, if the callback was answered all the same.
        """
        try:
            return super().resumed(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self._callback_step(self.step_run(context)).time_out()

    def _callback_step(self, run: StepRun) -> CallbackStep:
        # Only a running task needs it, and DAG files are parsed far more often than tasks run.
        from airflow_sm_pipelines.callbacks.step import CallbackStep
        from airflow_sm_pipelines.execution.step_run import WaitingTask

        task = WaitingTask(
            waiting=self.waiting,
            defer=self.defer,
            timeout=self.execution_timeout,
            show_request=partial(setattr, self, "request"),
            tell_reuse=self.leave_assets_as_they_are,
        )
        return CallbackStep(task, run)
