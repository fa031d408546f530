"""The Fail step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from airflow_sm_pipelines.errors import PipelineFailStepError
from airflow_sm_pipelines.operators.base import StepOperator

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun


class FailOperator(StepOperator):
    """Fails with the definition's own message; other running steps go on, the DAG run ends failed."""

    ui_color = "#f8cecc"

    def act(self, run: StepRun) -> NoReturn:
        """Resolve the message and fail with it; never retried."""
        message = run.resolve(run.plan.step.arguments.get("ErrorMessage", ""), "ErrorMessage")
        self.request = {"ErrorMessage": message}
        raise PipelineFailStepError(run.step, str(message) or "the definition gives no message")
