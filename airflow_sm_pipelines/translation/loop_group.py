"""A ForEach step as a task group: ``items``, then the body once per item, then ``result``.

Loaded at parse time, only for pipelines with such a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from airflow.sdk import DAG, TaskGroup, task_group

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.execution.retry_policy import SPARE_DELAYS, SPARE_RETRIES
from airflow_sm_pipelines.execution.settings import LOOP_ITEMS, LOOP_RESULT, LOOP_TURN, PipelineRunSettings
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.operators.for_each import ForEachItemsOperator, ForEachResultOperator, ForEachTurnOperator
from airflow_sm_pipelines.semantics.for_each import child_name
from airflow_sm_pipelines.translation.step_tasks import Place

_BODY_GROUP = "iteration"
# Of the arguments that a user gives to the step, those that say where its tasks run hold for `turn`, too.
_PLACEMENT = frozenset(
    {"queue", "pool", "pool_slots", "executor", "executor_config", "priority_weight", "weight_rule", "owner"}
)

MakeTask = Callable[..., StepOperator]
"""Creates the task of a plan, with the user's arguments for it and those given in the call, which win."""


@dataclass(frozen=True, slots=True)
class LoopTasks:
    """The tasks of a ForEach step.

    Attributes:
        items: The first task: it waits for what the step waits for.
        body: The task of each body step, by the step's name.
        result: The last task: what waits for the step waits for it.
    """

    items: StepOperator
    body: Mapping[str, StepOperator]
    result: StepOperator


@dataclass(frozen=True, slots=True)
class Loop:
    """A ForEach step that becomes a task group.

    Attributes:
        plan: The step.
        body: Its body steps.
        settings: What all steps share.
        make_task: Creates the task of a plan: ``make_task(plan, task_id, operator=..., **arguments)``.
        deferrable: Wait in the triggerer for an iteration's turn.
        arguments: Arguments that the user gives to the step's tasks.
    """

    plan: StepPlan
    body: Sequence[StepPlan]
    settings: PipelineRunSettings
    make_task: MakeTask
    deferrable: bool
    arguments: Mapping[str, object]

    def add_to(self, place: Place) -> LoopTasks:
        """Create the group and the edges inside it.

        Args:
            place: The DAG or task group that it stands in.
        """
        step = self.plan.step
        outer = TaskGroup(
            step.name,
            group_display_name=step.display_name or "",
            tooltip=step.description or "",
            parent_group=place.get("task_group"),
            dag=place["dag"],
        )
        inside = Place(dag=place["dag"], task_group=outer)
        items = self.make_task(self.plan, LOOP_ITEMS, operator=ForEachItemsOperator, task_display_name=None, **inside)
        turn_task_id = outer.child_id(LOOP_TURN)  # type: ignore[no-untyped-call]
        body: dict[str, StepOperator] = {}

        @task_group(group_id=_BODY_GROUP, prefix_group_id=False, parent_group=outer, dag=place["dag"])
        def iteration(item: object) -> None:
            # The body steps read their item by their map index: it must not pass through Airflow's templates.
            body.update(self._body(turn_task_id, place["dag"]))

        iteration.expand(item=items.output)
        result = self.make_task(
            self.plan,
            LOOP_RESULT,
            operator=ForEachResultOperator,
            turn_task_id=turn_task_id,
            task_display_name=None,
            retries=0,
            **inside,
        )
        # Each of them: one that Airflow fails early, for an upstream task, may end before its siblings do.
        result.set_upstream([items, *body.values()])
        return LoopTasks(items, body, result)

    def _body(self, turn_task_id: str, dag: DAG) -> dict[str, StepOperator]:
        turn = ForEachTurnOperator(
            task_id=turn_task_id,
            task_display_name=LOOP_TURN,
            body_task_ids=[self.settings.task_ids[plan.step.name] for plan in self.body],
            limit=cast("int", self.plan.step.arguments["MaxConcurrency"]),
            deferrable=self.deferrable,
            settings=self.settings,
            loop=self.plan.step.name,
            dag=dag,
            map_index_template=_map_index_template(LOOP_TURN),
            retries=SPARE_RETRIES,
            **{
                **SPARE_DELAYS,
                # Else the turns of all iterations would go before the work of the first.
                "weight_rule": "absolute",
                **{name: value for name, value in self.arguments.items() if name in _PLACEMENT},
            },
        )
        own = {
            plan.step.name: self.make_task(
                plan,
                self.settings.task_ids[plan.step.name],
                dag=dag,
                map_index_template=_map_index_template(plan.step.name),
            )
            for plan in self.body
        }
        for plan in self.body:
            upstream = [own[edge.upstream] for edge in plan.edges if edge.upstream in own]
            own[plan.step.name].set_upstream(upstream or [turn])
        return own


def _map_index_template(name: str) -> str:
    return child_name(name, "{{ ti.map_index }}")
