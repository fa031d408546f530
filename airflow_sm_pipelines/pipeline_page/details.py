"""What the page says of single tasks: job, times, costs, cache, condition and failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.aws.job_facts import JobFacts, facts_of
from airflow_sm_pipelines.catalog import StepTypeRow
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, read_attempt
from airflow_sm_pipelines.execution.xcoms import (
    CACHE_KEY,
    CONDITION_KEY,
    FAILURE_KEY,
    PROPERTIES_KEY,
    SELECTION_KEY,
    STATUS_KEY,
)
from airflow_sm_pipelines.executions.metadata import row_of_operator
from airflow_sm_pipelines.pipeline_page.viewer import Viewer
from airflow_sm_pipelines.semantics.selection import StepRole

MOST_TASKS = 50
"""How many tasks one request may ask for."""

_KEYS = (PROPERTIES_KEY, FAILURE_KEY, CACHE_KEY, CONDITION_KEY, SELECTION_KEY, STATUS_KEY)
_METRIC_TYPES = frozenset({"Training", "Tuning", "AutoML", "Condition"})
MOST_MEASURED = 100
"""How many steps of a run are asked for their metrics."""

Task = tuple[str, int]


async def details_report(viewer: Viewer, dag_id: str, run_id: str, tasks: Sequence[Task]) -> JsonObject:
    """Return what is known of some tasks of a run.

    Args:
        viewer: Who asks.
        dag_id: The DAG.
        run_id: The run.
        tasks: Tasks and map indexes.

    Raises:
        RefusedRequestError: There is no such run, or the viewer may not read it.
    """
    await viewer.get("dags", dag_id, "dagRuns", run_id)
    holders = await _holders(viewer, (dag_id, run_id), _KEYS)
    told = await asyncio.gather(*(_details(viewer, (dag_id, run_id), task, holders) for task in tasks[:MOST_TASKS]))
    return {"details": [one for one in told if one]}


async def measures_report(viewer: Viewer, dag_id: str, run_id: str) -> JsonObject:
    """Return the numbers of a run that are compared over runs: metrics, what conditions compared, billable seconds.

    Args:
        viewer: Who asks.
        dag_id: The DAG.
        run_id: The run.

    Raises:
        RefusedRequestError: There is no such run, or the viewer may not read it.
    """
    tasks = await viewer.all("task_instances", "dags", dag_id, "dagRuns", run_id, "taskInstances", state="success")
    rows = [(task, row_of_operator(str(task["operator"]))) for task in tasks]
    asked = [(task, row) for task, row in rows if row is not None and row.step_type in _METRIC_TYPES][:MOST_MEASURED]
    holders = await _holders(viewer, (dag_id, run_id), _KEYS)
    measured = await asyncio.gather(*(_measures(viewer, (dag_id, run_id), task, row, holders) for task, row in asked))
    metrics: dict[str, Json] = {}
    billable = [seconds for _, seconds in measured if seconds is not None]
    for numbers, _ in measured:
        metrics |= numbers
    return {"run": run_id, "metrics": metrics, "billable": sum(billable) if billable else None}


# -- reading -----------------------------------------------------------------------------------------------------------

_Holders = Mapping[str, frozenset[Task]]


async def _holders(viewer: Viewer, run: tuple[str, str], keys: Sequence[str]) -> _Holders:
    return dict(zip(keys, await asyncio.gather(*(viewer.tasks_with(run, key) for key in keys)), strict=True))


async def _details(viewer: Viewer, run: tuple[str, str], task: Task, holders: _Holders) -> JsonObject:
    path = ("dags", run[0], "dagRuns", run[1], "taskInstances", task[0])
    instance = await viewer.find(*path, *(() if task[1] < 0 else (str(task[1]),)))
    if instance is None:
        return {}
    links = await viewer.find(*path, "links", map_index=task[1])
    published = {key: await viewer.xcom(run, task, key) for key in _KEYS if task in holders[key]}
    row = row_of_operator(str(instance["operator"]))
    properties = published.get(PROPERTIES_KEY)
    needs_record = row is not None and row.kind is not None and not _arn(row, properties)
    stored = await viewer.find(*path, "state-store", RECORD_KEY, map_index=task[1]) if needs_record else None
    attempt = read_attempt(stored["value"]) if stored is not None else None
    return {
        "task": task[0],
        "index": task[1],
        **_of_job(row, properties, attempt if isinstance(attempt, Attempt) else None, is_reused=_is_reused(published)),
        "links": safe_links(links["extra_links"] if links else {}),
        "reason": str(published.get(FAILURE_KEY) or "") if instance["state"] in ("failed", "up_for_retry") else "",
        "status": published.get(STATUS_KEY),
        "cache": _object(published.get(CACHE_KEY)),
        "selection": _object(published.get(SELECTION_KEY)),
        "condition": _object(published.get(CONDITION_KEY)),
    }


async def _measures(
    viewer: Viewer, run: tuple[str, str], task: Mapping[str, Any], row: StepTypeRow, holders: _Holders
) -> tuple[dict[str, Json], float | None]:
    place = str(task["task_id"]), int(task["map_index"])
    key = CONDITION_KEY if row.step_type == "Condition" else PROPERTIES_KEY
    found = _object(await viewer.xcom(run, place, key)) if place in holders[key] else {}
    if key == CONDITION_KEY:
        return {**_object(found.get("numbers"))}, None
    facts = _facts(row, found)
    reuse = {one: await viewer.xcom(run, place, one) for one in (CACHE_KEY, SELECTION_KEY) if place in holders[one]}
    label = place[0] if place[1] < 0 else f"{place[0]}[{place[1]}]"
    metrics: dict[str, Json] = {f"{label} {name}": value for name, value in (facts.metrics if facts else ())}
    return metrics, facts.billable if facts and not _is_reused(reuse) else None


# -- telling -----------------------------------------------------------------------------------------------------------


def safe_links(links: Mapping[str, object]) -> list[Json]:
    """Return the links of a task that a browser may follow: pages of the web and of this Airflow, no scripts.

    Args:
        links: URLs by name, as Airflow's API has them.
    """
    return [
        {"label": name, "url": url}
        for name, url in links.items()
        if isinstance(url, str) and url.startswith(("https://", "http://"))
    ]


def _of_job(row: StepTypeRow | None, properties: Json, attempt: Attempt | None, *, is_reused: bool) -> JsonObject:
    facts = _facts(row, properties)
    arn = (facts.arn if facts else "") or (attempt.arn if attempt else "")
    name = _name_in(arn) or (attempt.reference if attempt else "")
    if facts is None:
        return {"job": name, "arn": arn}
    results: JsonObject = {"job": name, "arn": arn, "metrics": dict(facts.metrics), "outputs": [*facts.outputs]}
    if is_reused:
        return results  # it took its time, and was paid for, in another run
    return {
        **results,
        "waiting": facts.waiting,
        "provisioning": facts.provisioning,
        "running": facts.running,
        "billable": facts.billable,
        "machines": [*facts.machines],
    }


def _name_in(arn: str) -> str:
    """Return what follows the type in an ARN: ``diabetes/1`` of a model package; the last part of a path."""
    resource = arn.split(":", 5)[-1]
    return resource.rpartition("/")[2] if resource.startswith("/") else resource.partition("/")[2]


def _is_reused(published: Mapping[str, Json]) -> bool:
    """Tell whether a step has its result from another run."""
    is_hit = _object(published.get(CACHE_KEY)).get("outcome") == "hit"
    return is_hit or _object(published.get(SELECTION_KEY)).get("Role") == StepRole.REUSED


def _facts(row: StepTypeRow | None, properties: Json) -> JobFacts | None:
    if row is None or row.kind is None or not isinstance(properties, dict):
        return None
    return facts_of(row.kind, properties)


def _arn(row: StepTypeRow, properties: Json) -> str:
    facts = _facts(row, properties)
    return facts.arn if facts else ""


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
