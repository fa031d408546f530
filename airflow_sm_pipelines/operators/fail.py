"""The Fail step."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.errors import PipelineFailStepError
from airflow_sm_pipelines.execution.identity import identify
from airflow_sm_pipelines.execution.scope import TaskScope, step_errors
from airflow_sm_pipelines.operators.base import StepOperator


class FailOperator(StepOperator):
    """Fails with the definition's own message; other running steps go on, the DAG run ends failed."""

    ui_color = "#f8cecc"

    def act(self, context: Any) -> NoReturn:
        """Resolve the message and fail with it; never retried."""
        name = self.plan.step.name
        scope = TaskScope(self.settings, context, self.connection, identify(name, context).execution_id, job_names={})
        with step_errors(name, "ErrorMessage"):
            message = evaluate(self.plan.step.arguments.get("ErrorMessage", ""), scope)
        self.request = {"ErrorMessage": message}
        raise PipelineFailStepError(name, str(message) or "the definition gives no message")
