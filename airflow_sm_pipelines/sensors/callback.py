"""The Callback step."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import TaskDeferralTimeout

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.operators.base import StepOperator

if TYPE_CHECKING:
    from airflow_sm_pipelines.callbacks.step import CallbackStep
    from airflow_sm_pipelines.execution.step_run import StepRun


class CallbackSensor(StepOperator):
    """Sends a message with a token to an SQS queue and waits, without a worker slot, until somebody answers.

    Its properties are ``{"OutputParameters": {…}}``, as given in the answer. The answer comes through the endpoint that
    the plugin serves (the API of SageMaker), or from a person, by Airflow's required action.
    """

    ui_color = "#fff2cc"
    killed: threading.Event

    def shown_request(self, plan: StepPlan) -> Any:
        """Show what the message will hold."""
        return {
            "QueueUrl": plan.step.members.get("SqsQueueUrl"),
            "MessageBody": {"token": "<token>", "arguments": plan.step.arguments},
        }

    def execute(self, context: Any) -> Any:
        """Run the step; from here on a kill is noticed, also one during the gate."""
        self.killed = threading.Event()
        return super().execute(context)

    def act(self, run: StepRun) -> dict[str, Any]:
        """Send the message and wait for the answer, or defer; returns the typed outputs."""
        return self._callback_step(run.context).start()

    def resume(self, context: Any, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Go on when the callback was answered; runs in a new worker process."""
        return self._callback_step(context).resume(event or {})

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Give the callback up if Airflow ended the deferral because ``execution_timeout`` has passed.

        Returns:
            The outputs, if the callback was answered all the same.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            with self._told_to_loop(context):
                return self._callback_step(context).time_out()

    def on_kill(self) -> None:
        """Wake the waiting step; Airflow calls this in a signal handler, where nothing else is safe."""
        killed: threading.Event | None = getattr(self, "killed", None)
        if killed is not None:
            killed.set()

    def _callback_step(self, context: Any) -> CallbackStep:
        # Only a running task needs it, and DAG files are parsed far more often than tasks run.
        from airflow_sm_pipelines.callbacks.step import CallbackStep

        if getattr(self, "killed", None) is None:  # after a deferral
            self.killed = threading.Event()
        return CallbackStep(self, context)
