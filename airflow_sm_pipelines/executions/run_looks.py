"""Looks at Airflow's runs from outside, for commands: which there are, how far their steps are, what they published.

They ask Airflow's REST API only, and need neither its database nor the definition. So they serve runs of
`pipeline_dag`, and of DAGs with a `pipeline_task_group`, whose steps have their group's id before their name.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.paths import Path, look_up
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY, CACHE_KEY, FAILURE_KEY, PROPERTIES_KEY
from airflow_sm_pipelines.executions.airflow_client import OWN_REFUSAL, AirflowClient
from airflow_sm_pipelines.executions.metadata import operator_of, row_of_operator
from airflow_sm_pipelines.executions.run_reports import RunLine, StepLine
from airflow_sm_pipelines.executions.statuses import note_of_stop
from airflow_sm_pipelines.executions.steps import LOOP_RESULT_OPERATOR, step_name
from airflow_sm_pipelines.semantics.run_options import ALL_OPTIONS, SELECT_STEPS

ALL = "~"
"""Every DAG, or every task, in a path of Airflow's API."""

UNENDED = frozenset({"queued", "running"})
_MOST_REQUESTS_AT_ONCE = 8


async def runs(airflow: AirflowClient, dag_id: str, most: int) -> list[RunLine]:
    """Return the newest runs of a DAG, or of all DAGs (`ALL`)."""
    page = await airflow.get("dags", dag_id, "dagRuns", limit=most, order_by="-run_after")
    return [run_line(run) for run in page["dag_runs"]]


def run_line(run: Mapping[str, Any]) -> RunLine:
    """Return what a list says of a run."""
    return RunLine(
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
        state=run["state"],
        start=run["start_date"],
        end=run["end_date"],
        started_by=run["triggering_user_name"],
    )


async def find_run(airflow: AirflowClient, name: str) -> Mapping[str, Any]:
    """Return a run.

    Args:
        airflow: Airflow's API.
        name: ``DAG_ID/RUN_ID``, or a run id that only one DAG has.

    Raises:
        RefusedRequestError: There is none, or there are several.
    """
    dag_id, slash, run_id = name.partition("/")
    if slash:
        found: Mapping[str, Any] = await airflow.get("dags", dag_id, "dagRuns", run_id)
        return found
    like = await airflow.all("dag_runs", "dags", ALL, "dagRuns", run_id_pattern=name)
    same = [run for run in like if run["dag_run_id"] == name]
    if not same:
        raise _refused(f"no DAG has a run {name}")
    if len(same) > 1:
        names = ", ".join(sorted(f"{run['dag_id']}/{name}" for run in same))
        raise _refused(f"several DAGs have a run {name}: write one of {names}")
    return dict(same[0])


async def steps(airflow: AirflowClient, run: Mapping[str, Any]) -> list[StepLine]:
    """Return the steps of a run, those first that started first.

    Args:
        airflow: Airflow's API.
        run: The run, as Airflow's API describes it.
    """
    path = _path(run)
    tasks = await airflow.all("task_instances", *path, "taskInstances")
    published = await _published(airflow, path)
    results = {step_name(task): task for task in tasks if task["operator"] == LOOP_RESULT_OPERATOR}
    return [
        _step_line(task, results.get(step_name(task), task), published)
        for task in sorted(tasks, key=lambda task: (task["start_date"] or "9", task["task_id"], task["map_index"]))
        if row_of_operator(str(task["operator"])) is not None
    ]


async def _published(airflow: AirflowClient, path: tuple[str, ...]) -> dict[tuple[str, int, str], Json]:
    """Return what the tasks have published of themselves, by task, map index and key."""
    turns = asyncio.Semaphore(_MOST_REQUESTS_AT_ONCE)
    entries = "taskInstances", ALL, "xcomEntries"

    async def holders(key: str) -> list[tuple[str, int, str]]:
        found = await airflow.all("xcom_entries", *path, *entries, xcom_key=key)
        return [(one["task_id"], one["map_index"], key) for one in found]

    async def value(place: tuple[str, int, str]) -> Json:
        async with turns:
            return await _xcom(airflow, path, *place)

    lists = await asyncio.gather(*map(holders, (FAILURE_KEY, CACHE_KEY, ATTEMPT_KEY)))
    places = [place for some in lists for place in some]
    return dict(zip(places, await asyncio.gather(*map(value, places)), strict=True))


def _step_line(
    task: Mapping[str, Any], last: Mapping[str, Any], published: Mapping[tuple[str, int, str], Json]
) -> StepLine:
    row = row_of_operator(str(task["operator"]))
    begun = last if last["start_date"] else task  # of a ForEach, the task that sums up comes last

    def told(key: str) -> Json:
        return published.get((begun["task_id"], begun["map_index"], key))

    cache = told(CACHE_KEY)
    hit = isinstance(cache, dict) and cache.get("outcome") == "hit"
    return StepLine(
        step=step_name(task),
        type=row.step_type if row else "",
        state=begun["state"],
        job=str(told(ATTEMPT_KEY) or "") or None,
        attempts=begun["try_number"],
        seconds=_seconds(task["start_date"], begun["end_date"]),
        cache_hit=str(cache.get("run_id")) if hit and isinstance(cache, dict) else None,
        reason=(str(told(FAILURE_KEY) or "") or None) if begun["state"] in ("failed", "up_for_retry") else None,
    )


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None:
        return None
    ended = datetime.fromisoformat(end) if end else datetime.now(UTC)
    return round((ended - datetime.fromisoformat(start)).total_seconds(), 1)


async def result(airflow: AirflowClient, run: Mapping[str, Any], step: str, path: Path) -> Json:
    """Return the properties of a step, or a part of them.

    Args:
        airflow: Airflow's API.
        run: The run, as Airflow's API describes it.
        step: The step, as `steps` names it; of a body step with the number of its iteration.
        path: Where the part is.

    Raises:
        RefusedRequestError: The run has no such step, or the step has published nothing.
        airflow_sm_pipelines.errors.MissingMemberError: The properties have no such part.
    """
    tasks = await airflow.all("task_instances", *_path(run), "taskInstances")
    # Of a ForEach, the later entry is that of its last task.
    ordered = sorted(tasks, key=lambda task: task["operator"] == LOOP_RESULT_OPERATOR)
    named = {step_name(task): task for task in ordered if step_name(task)}
    if step not in named:
        hint = did_you_mean(step, named) or f"its steps are {', '.join(sorted(named)) or 'none'}"
        raise _refused(f"the run has no step {step} ({hint})")
    task = named[step]
    properties = await _xcom(airflow, _path(run), task["task_id"], task["map_index"], PROPERTIES_KEY)
    if properties is None:
        raise _refused(f"step {step} has published no properties: its task is {task['state'] or 'not started'}")
    return look_up(properties, path)


async def stop(airflow: AirflowClient, run: Mapping[str, Any]) -> RunLine:
    """Stop a run as a person does who marks it failed: its jobs are stopped, and nothing more starts.

    Raises:
        RefusedRequestError: It has ended.
    """
    if run["state"] not in UNENDED:
        raise _refused(f"the run has ended: {run['state']}")
    note = note_of_stop(run["note"], datetime.now(UTC))
    return run_line(await airflow.patch(*_path(run), body={"state": "failed", "note": note}))


async def start(airflow: AirflowClient, dag_id: str, conf: Mapping[str, object]) -> Mapping[str, Any]:
    """Start a run, and return it as Airflow's API describes it.

    Airflow itself takes any names in a run's conf, and a step would only fail in the run.

    Raises:
        RefusedRequestError: Airflow refuses it, the DAG is paused, or it has no such parameter or step.
    """
    dag = await airflow.get("dags", dag_id, "details")
    if dag["is_paused"]:
        unpause = f"airflow dags unpause {shlex.quote(dag_id)}"
        raise _refused(f"the DAG {dag_id} is paused: unpause it, in the UI or with `{unpause}`, then start it")
    parameters = [name for name in dag["params"] or {} if name not in ALL_OPTIONS]
    _check_names("parameter", conf.keys() - {*ALL_OPTIONS}, parameters, dag_id)
    if selected := conf.get(SELECT_STEPS):
        tasks = await airflow.get("dags", dag_id, "tasks")
        _check_names("step", cast("list[str]", selected), _steps_of(tasks["tasks"]), dag_id)
    found: Mapping[str, Any] = await airflow.post(
        "dags", dag_id, "dagRuns", body={"logical_date": None, "conf": dict(conf)}
    )
    return found


def _steps_of(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    described = ({**task, "operator": operator_of(task), "map_index": -1} for task in tasks)
    return sorted({name for task in described if (name := step_name(task))})


def _check_names(noun: str, given: Iterable[str], known: Collection[str], dag_id: str) -> None:
    for name in sorted(given):
        if name not in known:
            hint = did_you_mean(name, known) or f"it has: {', '.join(known) or 'none'}"
            raise _refused(f"the DAG {dag_id} has no {noun} {name} ({hint})")


def _refused(message: str) -> RefusedRequestError:
    return RefusedRequestError(OWN_REFUSAL, message)


def _path(run: Mapping[str, Any]) -> tuple[str, ...]:
    return "dags", str(run["dag_id"]), "dagRuns", str(run["dag_run_id"])


async def _xcom(airflow: AirflowClient, path: tuple[str, ...], task_id: str, map_index: int, key: str) -> Json:
    entry = *path, "taskInstances", task_id, "xcomEntries", key
    found = await airflow.find(*entry, map_index=map_index, deserialize=True)
    value: Json = None if found is None else found["value"]
    return value
