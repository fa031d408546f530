"""The ForEach step: three tasks around its body, which is a mapped task group of ordinary steps.

``items`` lists what to iterate over, ``turn`` lets an iteration begin, ``result`` sums up and publishes the step's
properties. Constructed at parse time in every Airflow process; the rest runs in the worker.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from airflow_sm_pipelines.definition.expressions import Reference, parse_expression
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.paths import look_up
from airflow_sm_pipelines.errors import (
    IterableItemsError,
    MissingMemberError,
    SelectorValueError,
    StepError,
    StepFailedError,
)
from airflow_sm_pipelines.execution.airflow_internals.worker import mapped_task_states, task_state
from airflow_sm_pipelines.execution.bounds import bound_at_start
from airflow_sm_pipelines.execution.fail_step import reached_fail_steps
from airflow_sm_pipelines.execution.max_concurrency import wait_for_turn
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import (
    publish_properties,
    publish_status,
    read_failure,
    read_properties,
    read_status,
)
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.for_each import (
    Child,
    failures_in_words,
    items_of,
    loop_properties,
    selected_iteration,
)
from airflow_sm_pipelines.semantics.readiness import StepStatus

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.execution.selection import Part
    from airflow_sm_pipelines.execution.step_run import StepRun

_COLOR = "#e6f2e6"


class ForEachItemsOperator(StepOperator):
    """Evaluates ``IterableItems``; its return value is the list that Airflow maps the body over."""

    ui_color = _COLOR

    def shown_request(self, plan: StepPlan) -> Json:
        """Show the items; the body steps are tasks of their own."""
        return {name: plan.step.arguments[name] for name in ("IterableItems", "MaxConcurrency")}

    def stand_in(self, part: Part) -> Json:
        """Skip the body: the task that ends the step publishes what is reused."""
        why = f"The body of {self.plan.step.name} is not executed: the step is {part.role}"
        return super().stand_in(replace(part, skipped=part.skipped or why))

    def act(self, run: StepRun) -> list[Json]:
        """Return the items."""
        name, arguments = run.step, self.plan.step.arguments
        value = run.resolve(arguments["IterableItems"], "IterableItems")
        try:
            items = items_of(value)
        except IterableItemsError as error:
            raise StepError(name, f"IterableItems: {error}") from error
        most = conf.getint("core", "max_map_length", fallback=1024)
        if len(items) > most:
            raise StepError(
                name, f"it has {len(items)} items, but Airflow maps over {most}: raise [core] max_map_length"
            )
        self.request = {"IterableItems": items, "MaxConcurrency": arguments["MaxConcurrency"]}
        self.log.info("%d items", len(items))
        return items


class ForEachTurnOperator(BaseOperator):
    """The first task of each iteration: ends when the iteration may begin (``MaxConcurrency``).

    Airflow's own limit for mapped tasks counts the instances of one task; an iteration has several.

    Args:
        body_task_ids: Task ids of the body steps.
        limit: How many iterations may be open at a time.
        deferrable: Wait in the triggerer; else Airflow starts the task again and again.
        settings: What all steps of the DAG share.
        loop: Name of the ForEach.
    """

    ui_color = _COLOR
    shallow_copy_attrs: Sequence[str] = ("settings",)

    def __init__(
        self,
        *,
        body_task_ids: Sequence[str],
        limit: int,
        deferrable: bool,
        settings: PipelineRunSettings,
        loop: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"doc_md": f"Not a step: waits until this iteration of `{loop}` may begin.", **kwargs})
        self.body_task_ids = tuple(body_task_ids)
        self.limit = limit
        self.deferrable = deferrable
        self.settings = settings
        self.loop = loop

    def execute(self, context: Context) -> None:
        """Let the iteration begin, or wait; among the steps in progress it counts from now on."""
        wait_for_turn(self, context, "resume")
        bound = bound_at_start(self.settings, context, self.loop, self.log)
        if bound is not None:
            self._enter_or_wait(bound, context)

    def resume(self, context: Context, event: Mapping[str, Json] | None = None) -> None:
        """Look again when a trigger has fired; runs in a new worker process."""
        self.execute(context)

    def _enter_or_wait(self, bound: int, context: Context) -> None:
        # Most runs have no bound.
        from airflow_sm_pipelines.execution.parallelism import Entrant, enter_or_wait

        def pause(seconds: float) -> bool:
            time.sleep(seconds)
            return False

        entrant = Entrant(
            step=self.loop,
            settings=self.settings,
            bound=bound,
            deferrable=self.deferrable,
            defer=self.defer,
            method_name="resume",
            pause=pause,
            log=self.log,
        )
        enter_or_wait(entrant, context)


class ForEachResultOperator(StepOperator):
    """Publishes the step's properties when all iterations have ended; fails if one has failed.

    Args:
        turn_task_id: The task that lets an iteration begin.
        kwargs: Any argument of `StepOperator`.
    """

    ui_color = _COLOR

    def __init__(self, *, turn_task_id: str, **kwargs: Any) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.turn_task_id = turn_task_id

    def shown_request(self, plan: StepPlan) -> Json:
        """Show by what an iteration is selected."""
        selector = plan.step.arguments.get("Selector")
        return {} if selector is None else {"Selector": selector}

    def begin(self, context: Context) -> Json:
        """Sum the iterations up; the gate of the step was that of ``items``."""
        from airflow_sm_pipelines.operators.step_course import part_in_selection

        part = part_in_selection(self, context)
        if part is not None and not part.is_executed:
            return self.stand_in(part)
        items = self._items(context)
        bound = bound_at_start(self.settings, context, self.plan.step.name, self.log)
        if bound is not None:
            from airflow_sm_pipelines.execution.parallelism import leave_loop

            leave_loop(self.plan.step.name, self.settings, bound, context)
        children = [
            child
            for step in self.plan.body_steps
            for child in self._children(step, self.settings.task_ids[step], len(items), context)
        ]
        children.sort(key=lambda child: child.index)
        properties = loop_properties(len(items), self.plan.body_steps, children)
        # An iteration whose turn has failed has no failed body step.
        turns = [child for child in self._children("turn", self.turn_task_id, len(items), context) if child.has_failed]
        failures = failures_in_words(len(items), [*turns, *children])
        if failures:
            if turns:
                properties["Status"] = "Failed"
            publish_properties(context, properties)
            publish_status(context, StepStatus.FAILED)
            raise StepFailedError(self.plan.step.name, failures)
        if any(child.status is StepStatus.NOT_RUN for child in children):
            self._refuse_after_fail_step(properties, context)
        return {**properties, **self._selected(children)}

    def _refuse_after_fail_step(self, properties: JsonObject, context: Context) -> None:
        """Raise if iterations did not run because a Fail step has ended the run meanwhile."""
        reached = reached_fail_steps(self.plan, self.settings, context)
        if reached:
            properties["Status"] = "Failed"
            publish_properties(context, properties)
            publish_status(context, StepStatus.FAILED)
            raise StepFailedError(
                self.plan.step.name,
                f"not every iteration has run: Fail step {' and '.join(reached)} has ended this run",
            )

    def _items(self, context: Context) -> list[Json]:
        """Return the items that the step has iterated over, unless it did not begin."""
        ti, name = context["ti"], self.plan.step.name
        task_id = self.settings.first_task_id(name)
        state = task_state(ti.dag_id, ti.run_id, task_id, -1)
        if state == "skipped":
            raise AirflowSkipException(f"Step {name} does not run: its task {task_id} was skipped")
        if state == "failed":
            raise StepFailedError(name, read_failure(context, task_id) or f"see the log of its task {task_id}")
        items = read_properties(context, task_id)
        if state != "success":
            # The step has not begun, so no trigger that waits for its failure may hold; yet this task is the last
            # of the step, and must not let the run end well.
            publish_status(context, StepStatus.NOT_RUN)
            raise StepError(name, f"did not run: its task {task_id} is {state}")
        if not isinstance(items, list):
            raise StepError(
                name, f"task {task_id} has published no items (was it marked successful by hand?): clear it"
            )
        return items

    def _children(self, step: str, task_id: str, items: int, context: Context) -> list[Child]:
        ti = context["ti"]
        states = mapped_task_states(ti.dag_id, ti.run_id, task_id)
        return [self._child(step, task_id, index, states.get(index), context) for index in range(items)]

    def _child(self, step: str, task_id: str, index: int, state: str | None, context: Context) -> Child:
        if state == "success":
            return Child(step, index, StepStatus.SUCCEEDED, read_properties(context, task_id, index))
        if state != "failed":
            return Child(step, index, StepStatus.NOT_RUN)
        status = read_status(context, task_id, index) or StepStatus.FAILED
        properties = read_properties(context, task_id, index)
        return Child(step, index, status, properties, read_failure(context, task_id, index))

    def _selected(self, children: Sequence[Child]) -> JsonObject:
        """Return the properties of the selected iteration: those of the body step that the Selector names."""
        selector = self.plan.step.arguments.get("Selector")
        if not isinstance(selector, dict):
            return {}
        name, field = self.plan.step.name, parse_expression(selector["Field"])
        if not isinstance(field, Reference):
            raise StepError(name, "Selector.Field is no reference")  # never in a loaded pipeline
        candidates = {child.index: child.properties for child in children if child.step == field.name}
        values = self._compared(field, candidates)
        try:
            index = selected_iteration(str(selector["Pick"]), values)
        except SelectorValueError as error:
            raise StepError(name, f"Selector: {field}: {error}") from error
        if index is None:
            self.log.warning("No iteration has %s: none is selected", field)
            return {}
        self.log.info("Selected iteration %d: %s = %s", index, field, values[index])
        return {"Selected": candidates[index]}

    def _compared(self, field: Reference, candidates: Mapping[int, Json]) -> dict[int, Json]:
        """Return the value of each iteration that has one; a reference to a missing `Selected` fails by itself."""
        values = {}
        for index, properties in candidates.items():
            if properties is None:
                continue
            try:
                values[index] = look_up(properties, field.path)
            except MissingMemberError as error:
                self.log.warning("Iteration %d is not compared: %s: %s", index, field, error)
        return values
