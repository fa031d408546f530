"""The tasks of a pipeline's steps, and the edges between them. Runs at parse time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.graph import StepPlan, Trigger
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.readiness import needs_gate
from airflow_sm_pipelines.translation.overrides import StepOverrides

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator, TaskGroup

    from airflow_sm_pipelines.translation.loop_group import Loop

_STATUS_TASK_ID = "pipeline_status"
_LOOP = "ForEach"

RunState: TypeAlias = Literal["failed", "success"]
"""State of a DAG run that the service would call ``CompletedWithFailures``."""


class _InADag(TypedDict):
    dag: DAG


class Place(_InADag, total=False):
    """The DAG or task group that contains a task, as arguments of every operator."""

    task_group: TaskGroup


@dataclass(frozen=True, slots=True)
class StepTasks:
    """The tasks of a pipeline.

    Attributes:
        plans: The steps.
        settings: What all steps share.
        connection: How steps reach AWS, unless an override says otherwise.
        waiting: How steps wait for their jobs, unless an override says otherwise.
        overrides: Airflow arguments for single tasks.
        completed_with_failures: State of a run in which a step failed and steps that wait for the failure ran.
    """

    plans: Sequence[StepPlan]
    settings: PipelineRunSettings
    connection: AwsConnection
    waiting: Waiting
    overrides: StepOverrides
    completed_with_failures: RunState

    def add_to(self, place: Place) -> None:
        """Create the tasks and their edges in a DAG or a task group."""
        own_plans = [plan for plan in self.plans if plan.step.body_of is None]
        last = {
            plan.step.name: self.make_task(plan, plan.step.name, **place)
            for plan in own_plans
            if plan.step.type != _LOOP
        }
        first = dict(last)
        for plan in loops(own_plans):
            loop = self._loop(plan).add_to(place)
            first |= {plan.step.name: loop.items, **loop.body}
            last[plan.step.name] = loop.result
        for plan in self.plans:
            upstream = [last[name] for name in self._upstream_names(plan)]
            if upstream:
                first[plan.step.name].set_upstream(upstream)
        if place["dag"].fail_fast or _last_tasks_may_mislead(own_plans):
            self._make_status_task(own_plans, place).set_upstream(list(last.values()))

    def _make_status_task(self, plans: Sequence[StepPlan], place: Place) -> BaseOperator:
        # Few pipelines need it.
        from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator

        return PipelineStatusOperator(
            task_id=_free_id(_STATUS_TASK_ID, self.settings.task_ids),
            plans=plans,
            settings=self.settings,
            completed_with_failures=self.completed_with_failures,
            fail_fast=place["dag"].fail_fast,
            **place,
        )

    def make_task(
        self, plan: StepPlan, task_id: str, operator: type[StepOperator] | None = None, **given: Any
    ) -> StepOperator:
        """Create a task of a step, with the user's arguments for it; what is given here wins."""
        connection, waiting, arguments = self.overrides.of(plan.step, self.connection, self.waiting)
        return (operator or CATALOG[plan.step.type].operator_class())(
            task_id=task_id,
            plan=plan,
            settings=self.settings,
            connection=connection,
            waiting=waiting,
            **{**arguments, **given},
        )

    def _upstream_names(self, plan: StepPlan) -> list[str]:
        """Return the steps that a step's task has edges from; inside a ForEach, those outside that need one.

        The ForEach waits for what its body waits for, unless body steps want different outcomes of the same step:
        then it starts in any, and each of them looks for itself.
        """
        if plan.step.body_of is None:
            return [edge.upstream for edge in plan.edges]
        loop = next(other for other in self.plans if other.step.name == plan.step.body_of)
        weaker = {edge.upstream for edge in loop.edges if edge.trigger is not Trigger.COMPLETED}
        return [edge.upstream for edge in plan.edges if edge.upstream in weaker]

    def _loop(self, plan: StepPlan) -> Loop:
        # A DAG file pays only for what its own steps need.
        from airflow_sm_pipelines.translation.loop_group import Loop

        _, waiting, arguments = self.overrides.of(plan.step, self.connection, self.waiting)
        return Loop(
            plan=plan,
            body=[body for body in self.plans if body.step.body_of == plan.step.name],
            settings=self.settings,
            make_task=self.make_task,
            deferrable=waiting.deferrable,
            arguments=arguments,
        )


def _last_tasks_may_mislead(plans: Sequence[StepPlan]) -> bool:
    """Tell whether the run may look successful, by its last tasks, although a step has failed."""
    if any(needs_gate(plan) for plan in plans):
        return True
    if not any(plan.step.branch for plan in plans):
        return False
    # Without a branch no failure is hidden.
    from airflow_sm_pipelines.semantics.hidden_failures import may_hide_failures

    return may_hide_failures(plans)


def loops(plans: Iterable[StepPlan]) -> list[StepPlan]:
    """Return the ForEach steps."""
    return [plan for plan in plans if plan.step.type == _LOOP]


def task_ids(plans: Iterable[StepPlan], task_of_loop: str, child_id: Callable[[str], str] = str) -> dict[str, str]:
    """Return the task id of each step; of a ForEach, which is a group, that of one of the group's tasks."""
    return {
        plan.step.name: child_id(plan.step.name) + (f".{task_of_loop}" if plan.step.type == _LOOP else "")
        for plan in plans
    }


def most_at_once(plans: Sequence[StepPlan]) -> int:
    """Return how many steps can be ready at the same time; those of a loop's body once per open iteration."""
    limits = {plan.step.name: cast("int", plan.step.arguments["MaxConcurrency"]) for plan in loops(plans)}
    return sum(limits[plan.step.body_of] if plan.step.body_of else 1 for plan in plans)


def fail_fast_conflicts(plans: Sequence[StepPlan]) -> list[DefinitionError]:
    """Return an error for each step that ``fail_fast=True`` would break: Airflow then allows no other trigger rule.

    Args:
        plans: All steps of the pipeline.
    """
    hint = "leave fail_fast out"
    return [
        *(
            DefinitionError(
                plan.step.path,
                f"fail_fast=True stops the run at its first failure, but step {plan.step.name} waits for one: "
                f"its trigger for {edge.upstream} is {edge.trigger}",
                hint,
            )
            for plan in plans
            for edge in plan.edges
            if edge.trigger is not Trigger.COMPLETED
        ),
        *(
            DefinitionError(
                plan.step.path,
                f"fail_fast=True is not possible with ForEach step {plan.step.name}: its last task sums up also what "
                "has failed, which Airflow does not allow then",
                hint,
            )
            for plan in loops(plans)
        ),
    ]


def unsupported_steps(pipeline: Pipeline) -> list[DefinitionError]:
    """Return an error for each step of a type that Airflow has no task for."""
    return [
        UnsupportedStepTypeError(
            f"{step.path}.Type",
            f"step {step.name}: the step type {step.type} is not supported",
            f"supported types: {', '.join(sorted(CATALOG))}",
        )
        for step in pipeline.steps
        if step.type not in CATALOG
    ]


def _free_id(wanted: str, taken: Collection[str]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted
