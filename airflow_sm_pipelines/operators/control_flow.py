"""The steps that decide how a run goes on: Condition and Fail. They ask nothing of AWS but what their values need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, cast

from airflow_sm_pipelines.definition.conditions import Operand, decide_conditions, name_and_value
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.errors import PipelineFailStepError
from airflow_sm_pipelines.execution.airflow_internals.authoring import SkipMixin
from airflow_sm_pipelines.execution.airflow_internals.worker import without_secrets
from airflow_sm_pipelines.execution.scope import step_errors
from airflow_sm_pipelines.execution.xcoms import publish_condition, publish_properties
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.condition_record import condition_record

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun


class ConditionOperator(StepOperator, SkipMixin):
    """Evaluates conditions and skips the steps of the branch that it does not choose.

    It has an edge to every step of both branches and skips exactly those of one: Airflow's own branch operator
    would also skip steps that merely depend on the condition. Its properties are ``{"Outcome": true | false}``.
    """

    ui_color = "#fff2cc"
    inherits_from_skipmixin = True

    def shown_request(self, plan: StepPlan) -> Json:
        """Show the conditions; the steps of the branches are tasks of their own."""
        return {"Conditions": plan.step.arguments.get("Conditions", [])}

    def _conditions(self) -> list[Json]:
        conditions = self.plan.step.arguments.get("Conditions")
        return conditions if isinstance(conditions, list) else []

    def act(self, run: StepRun) -> None:
        """Publish the outcome, then skip the other branch."""
        with step_errors(run.step, "Arguments"):
            decided = decide_conditions(self._conditions(), run.scope)
        for condition in decided:
            self.log.info("%s", condition.in_words(_shown_without_secrets))
        outcome = all(condition.holds for condition in decided)
        unchosen = self.plan.else_steps if outcome else self.plan.if_steps
        self.log.info("Outcome: %s; skips %s", str(outcome).lower(), ", ".join(unchosen) or "nothing")
        publish_condition(
            run.context, condition_record(decided, self.plan.if_steps, self.plan.else_steps, _without_secrets)
        )
        # Skipping ends the task by an exception, after which Airflow pushes no return value.
        publish_properties(run.context, {"Outcome": outcome})
        self.skip(run.context["ti"], [self.dag.get_task(self.settings.first_task_id(step)) for step in unchosen])


def _without_secrets(operand: Operand) -> Operand:
    """Mask what Airflow takes for a secret in an operand: also the value of a parameter named ``ApiToken``."""
    return replace(operand, value=cast("Json", without_secrets(operand.value, operand.name)))


def _shown_without_secrets(operand: Operand) -> str:
    return name_and_value(_without_secrets(operand))


class FailOperator(StepOperator):
    """Fails with the definition's own message; other running steps go on, the DAG run ends failed."""

    ui_color = "#f8cecc"

    def act(self, run: StepRun) -> NoReturn:
        """Resolve the message and fail with it; never retried."""
        message = run.resolve(run.plan.step.arguments.get("ErrorMessage", ""), "ErrorMessage")
        self.request = {"ErrorMessage": message}
        raise PipelineFailStepError(run.step, str(message) or "the definition gives no message")
