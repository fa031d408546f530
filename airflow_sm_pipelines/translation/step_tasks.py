"""The tasks of a pipeline's steps, and the edges between them. Runs at parse time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.graph import StepPlan, Trigger
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.readiness import needs_gate
from airflow_sm_pipelines.translation.overrides import StepOverrides

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator, TaskGroup

    from airflow_sm_pipelines.translation.loop_group import Loop
    from airflow_sm_pipelines.translation.step_groups import GroupBy

STATUS_TASK_ID = "pipeline_status"
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
        likely_values: Values that a run has for parameters unless it is given others; the definition's defaults are
            used for the rest.
        group_by: What makes a group of steps; ``None`` for no groups.
    """

    plans: Sequence[StepPlan]
    settings: PipelineRunSettings
    connection: AwsConnection
    waiting: Waiting
    overrides: StepOverrides
    completed_with_failures: RunState
    likely_values: Mapping[str, object] = field(default_factory=dict)
    group_by: GroupBy | None = None

    def add_to(self, place: Place) -> None:
        """Create the tasks and their edges in a DAG or a task group."""
        own_plans = [plan for plan in self.plans if plan.step.body_of is None]
        place_of = self._places(place)
        last = {
            plan.step.name: self.make_task(plan, plan.step.name, **place_of(plan))
            for plan in own_plans
            if plan.step.type != _LOOP
        }
        first = dict(last)
        for plan in loops(own_plans):
            loop = self._loop(plan).add_to(place_of(plan))
            first |= {plan.step.name: loop.items, **loop.body}
            last[plan.step.name] = loop.result
        for plan in self.plans:
            upstream = [last[name] for name in self._upstream_names(plan)]
            if upstream:
                first[plan.step.name].set_upstream(upstream)
        self._label_edges(place["dag"], {**first, **last}, first)
        if place["dag"].fail_fast or _last_tasks_may_mislead(own_plans):
            self._make_status_task(own_plans, place).set_upstream(list(last.values()))

    def _places(self, place: Place) -> Callable[[StepPlan], Place]:
        if self.group_by is None:
            return lambda plan: place
        # Only DAG files that ask for groups need it.
        from airflow_sm_pipelines.translation.step_groups import step_places

        return step_places(place, self.plans, self.group_by)

    def _label_edges(self, dag: DAG, last: Mapping[str, BaseOperator], first: Mapping[str, BaseOperator]) -> None:
        """Write on the edges of the graph view what of the upstream step they wait for, unless that is success."""
        for plan in self.plans:
            for edge in plan.edges:
                if edge.outcome:
                    upstream, task = last[edge.upstream], first[plan.step.name]
                    if upstream.task_id in task.upstream_task_ids:
                        dag.set_edge_info(upstream.task_id, task.task_id, {"label": edge.outcome})

    def _make_status_task(self, plans: Sequence[StepPlan], place: Place) -> BaseOperator:
        # Few pipelines need it.
        from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator

        return PipelineStatusOperator(
            task_id=free_id(STATUS_TASK_ID, self.settings.task_ids),
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
        row = CATALOG[plan.step.type]
        task: StepOperator = (operator or row.operator_class())(
            task_id=task_id,
            plan=plan,
            settings=self.settings,
            connection=connection,
            waiting=waiting,
            **{**arguments, **given},
        )
        if row.kind is not None and row.kind.asset_type:
            # Most steps change no asset that Airflow could know.
            from airflow_sm_pipelines.translation.own_assets import declare_own_asset

            declare_own_asset(task, self.likely_values, given="outlets" in arguments)
        return task

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


def free_id(wanted: str, taken: Collection[str]) -> str:
    """Return an id that is not taken: the wanted one, else one that begins with it."""
    while wanted in taken:
        wanted += "_"
    return wanted
