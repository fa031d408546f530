"""The steps of an execution: ListPipelineExecutionSteps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.catalog import StepTypeRow
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, read_attempt
from airflow_sm_pipelines.execution.settings import LOOP_ITEMS, LOOP_RESULT
from airflow_sm_pipelines.execution.xcoms import CACHE_KEY, FAILURE_KEY, PROPERTIES_KEY, SELECTION_KEY, STATUS_KEY
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.metadata import StepFacts, metadata, row_of_operator, value_as_text
from airflow_sm_pipelines.executions.pipelines import Execution, Finder
from airflow_sm_pipelines.executions.references import is_execution_arn
from airflow_sm_pipelines.executions.statuses import EXECUTING, FAILED, STARTING, has_started, step_status, timestamp
from airflow_sm_pipelines.semantics.for_each import child_name
from airflow_sm_pipelines.semantics.readiness import StepStatus
from airflow_sm_pipelines.semantics.selection import StepRole

_ROLE = "Role"
_EARLIER_RESULTS: dict[str, tuple[str, Mapping[str, str], str]] = {
    "CacheHitResult": (CACHE_KEY, {"outcome": "hit"}, "run_id"),
    "SelectiveExecutionResult": (SELECTION_KEY, {_ROLE: StepRole.REUSED}, "SourceRun"),
}
"""By member of the answer: the XCom of a step that may have its result from elsewhere, what that says if it has, and
which member of it names the run, or the execution in SageMaker."""

_MOST_REQUESTS_AT_ONCE = 8
"""Airflow's API server has a limited number of threads and database connections."""

_LONGEST_REASON = 1024
_LONGEST_ITEM = 12800
_LOOP = "ForEach"
LOOP_RESULT_OPERATOR = "ForEachResultOperator"
_ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that has started.

    Attributes:
        name: Its name, as the service gives it; of a body step with its iteration.
        row: Its type.
        task: Its task, as Airflow's API describes it; of a ForEach the one that lists the items.
        last: The task that ends it; of a ForEach the one that sums up.
        parent: The ForEach in whose body it stands; empty if it stands in none.
    """

    name: str
    row: StepTypeRow
    task: Mapping[str, Any]
    last: Mapping[str, Any]
    parent: str = ""


async def list_steps(
    airflow: AirflowClient, execution: Execution, first: int, most: int, *, newest_first: bool
) -> tuple[list[Json], bool]:
    """Return some of the steps that have started, and whether there are more.

    Args:
        airflow: Airflow's API.
        execution: The execution.
        first: How many to leave out.
        most: How many to return at most.
        newest_first: Whether the one that started last comes first.
    """
    tasks = await airflow.all("task_instances", *execution.path, "taskInstances")
    report = _Report(airflow, execution)
    await report.prepare()
    started = await report.without_left_out(await _started(airflow, execution, tasks))
    found = sorted(started, key=_order, reverse=newest_first)
    page = await report.steps(found[first : first + most])
    return page, len(found) > first + most


def _order(step: _Step) -> tuple[str, str]:
    return str(step.task["start_date"] or "9"), step.name


async def _started(airflow: AirflowClient, execution: Execution, tasks: Sequence[Mapping[str, Any]]) -> list[_Step]:
    results = {task["task_id"]: task for task in tasks if task["operator"] == LOOP_RESULT_OPERATOR}
    parents = await _parents(airflow, execution, tasks)
    found = []
    for task in tasks:
        row = row_of_operator(str(task["operator"]))
        if row is None or not has_started(task):
            continue
        name, last = step_name(task), task
        if row.step_type == _LOOP:
            last = results.get(f"{name}.{LOOP_RESULT}", task)
        found.append(_Step(name, row, task, last, parents.get(task["task_id"], "")))
    return found


def step_name(task: Mapping[str, Any]) -> str:
    """Return the service's name of the step that a task belongs to; empty if it belongs to none.

    Args:
        task: The task, as Airflow's API describes it.
    """
    name, index, operator = str(task["task_id"]), task["map_index"], str(task["operator"])
    if operator == LOOP_RESULT_OPERATOR:
        return name.removesuffix(f".{LOOP_RESULT}")
    row = row_of_operator(operator)
    if row is None:
        return ""
    if row.step_type == _LOOP:
        return name.removesuffix(f".{LOOP_ITEMS}")
    return name if index < 0 else child_name(name, index)


async def _parents(airflow: AirflowClient, execution: Execution, tasks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the ForEach of each body step; Airflow tells it only of a whole group."""
    loops = {step_name(task) for task in tasks if task["operator"] == LOOP_RESULT_OPERATOR}
    if not loops or all(task["map_index"] < 0 for task in tasks):
        return {}
    found: dict[str, str] = {}
    for loop in loops:
        inside = await airflow.all("task_instances", *execution.path, "taskInstances", task_group_id=loop)
        found |= {str(task["task_id"]): loop for task in inside if task["map_index"] >= 0}
    return found


class _Report:
    """Describes the steps of one execution.

    Args:
        airflow: Airflow's API.
        execution: The execution.
    """

    def __init__(self, airflow: AirflowClient, execution: Execution) -> None:
        self._airflow = airflow
        self._execution = execution
        self._finder = Finder(airflow)
        self._turns = asyncio.Semaphore(_MOST_REQUESTS_AT_ONCE)
        self._holders: dict[str, set[tuple[str, int]]] = {}
        self._items: dict[str, Json] = {}

    async def prepare(self) -> None:
        """Ask which tasks have published what, so that only these are asked for it."""
        keys = (STATUS_KEY, FAILURE_KEY, *(key for key, _, _ in _EARLIER_RESULTS.values()))
        self._holders = dict(zip(keys, await asyncio.gather(*map(self._tasks_with, keys)), strict=True))

    async def without_left_out(self, steps: Sequence[_Step]) -> Sequence[_Step]:
        """Return the steps without those that a selection left out, whose tasks may succeed all the same."""
        if not self._holders[SELECTION_KEY]:
            return steps
        left_out = await asyncio.gather(*map(self._is_left_out, steps))
        return [step for step, is_left_out in zip(steps, left_out, strict=True) if not is_left_out]

    async def _is_left_out(self, step: _Step) -> bool:
        selection = await self._value(step, SELECTION_KEY)
        if isinstance(selection, dict) and selection.get(_ROLE) == StepRole.NOT_SELECTED:
            return True
        return await self._value(step, STATUS_KEY) == StepStatus.NOT_RUN

    async def steps(self, steps: Sequence[_Step]) -> list[Json]:
        """Return what the API says of some steps."""
        for parent in {step.parent for step in steps if step.parent}:
            self._items[parent] = await self._xcom(f"{parent}.{LOOP_ITEMS}", -1, PROPERTIES_KEY)
        return [*await asyncio.gather(*(self._described(step) for step in steps))]

    async def _described(self, step: _Step) -> JsonObject:
        task, run = step.last, self._execution.run
        published = await self._value(step, STATUS_KEY)
        status = step_status(task, run, StepStatus(str(published)) if published else None)
        if status == STARTING and step.last is not step.task:
            status = EXECUTING  # a loop before its last task
        reason = str(await self._value(step, FAILURE_KEY) or "")
        if status == FAILED and not reason:
            reason = f"Airflow's task {task['task_id']} has failed; see its log"
        attempt = await self._attempt(step)
        facts = StepFacts(
            row=step.row,
            properties=await self._properties(step),
            request=_request(step.task),
            reference=attempt.reference if attempt else "",
            arn=attempt.arn if attempt else "",
            reason=reason,
        )
        described: dict[str, Any] = {
            "StepName": step.name,
            "StepDisplayName": _display_name(step),
            "StartTime": timestamp(step.task["start_date"]),
            "EndTime": timestamp(task["end_date"]) if task["state"] in _ENDED else None,
            "StepStatus": status,
            "AttemptCount": task["try_number"],
            **{name: await self._source(step, *place) for name, place in _EARLIER_RESULTS.items()},
            "FailureReason": reason[:_LONGEST_REASON] if status == FAILED else None,
            "Metadata": metadata(facts),
            "IterationContext": self._iteration(step),
        }
        return {name: value for name, value in described.items() if value not in (None, "", {})}

    async def _properties(self, step: _Step) -> Mapping[str, Any]:
        if step.last["state"] not in _ENDED:
            return {}
        found = await self._xcom(step.last["task_id"], step.last["map_index"], PROPERTIES_KEY)
        return found if isinstance(found, dict) else {}

    async def _attempt(self, step: _Step) -> Attempt | None:
        """Return the record of a job, unless the step's properties name it, which are those of a job that succeeded."""
        if step.row.kind is None or (step.task["state"] == "success" and not step.row.finds_violations):
            return None
        path = (*self._execution.path, "taskInstances", step.task["task_id"], "state-store", RECORD_KEY)
        async with self._turns:
            stored = await self._airflow.find(*path, map_index=step.task["map_index"])
        attempt = None if stored is None else read_attempt(stored["value"])
        return attempt if isinstance(attempt, Attempt) else None

    def _iteration(self, step: _Step) -> JsonObject:
        if not step.parent:
            return {}
        items = self._items[step.parent]
        index: int = step.task["map_index"]
        item = value_as_text(items[index])[:_LONGEST_ITEM] if isinstance(items, list) and index < len(items) else None
        members: dict[str, Json] = {"ParentStepName": step.parent, "Index": index, "Item": item}
        return {name: value for name, value in members.items() if value is not None}

    async def _source(self, step: _Step, key: str, sign: Mapping[str, str], member: str) -> JsonObject:
        """Return where a step has its result from; empty if it has run itself, or that run is gone."""
        published = await self._value(step, key)
        if not isinstance(published, dict) or any(published.get(name) != value for name, value in sign.items()):
            return {}
        source = str(published.get(member) or "")
        arn = source if not source or is_execution_arn(source) else await self._arn_of_run(source)
        return {"SourcePipelineExecutionArn": arn} if arn else {}

    async def _arn_of_run(self, run_id: str) -> str | None:
        async with self._turns:
            run = await self._airflow.find("dags", self._execution.dag.dag_id, "dagRuns", run_id)
        return None if run is None else (await self._finder.execution_of_run(self._execution.dag, run)).arn

    async def _value(self, step: _Step, key: str) -> Json:
        task = step.last["task_id"], step.last["map_index"]
        return await self._xcom(*task, key) if task in self._holders[key] else None

    async def _tasks_with(self, key: str) -> set[tuple[str, int]]:
        path = (*self._execution.path, "taskInstances", "~", "xcomEntries")
        return {
            (one["task_id"], one["map_index"]) for one in await self._airflow.all("xcom_entries", *path, xcom_key=key)
        }

    async def _xcom(self, task_id: str, map_index: int, key: str) -> Json:
        path = (*self._execution.path, "taskInstances", task_id, "xcomEntries", key)
        async with self._turns:
            found = await self._airflow.find(*path, map_index=map_index, deserialize=True)
        value: Json = None if found is None else found["value"]
        return value


def _display_name(step: _Step) -> str | None:
    name = step.task["task_display_name"]
    return None if name in (step.task["task_id"], step.name) or step.row.step_type == _LOOP else str(name)


def _request(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a task shows as its request; Airflow cuts a long one to a text that says nothing any more."""
    request = (task["rendered_fields"] or {}).get("request")
    return request if isinstance(request, dict) else {}
