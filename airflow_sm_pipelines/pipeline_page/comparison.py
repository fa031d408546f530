"""Two runs of a DAG beside each other: parameters, and the requests of their steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.executions.metadata import row_of_operator
from airflow_sm_pipelines.pipeline_page.runs import run_in_words
from airflow_sm_pipelines.pipeline_page.viewer import Viewer

MOST_DIFFERENCES = 500
"""How many differences of requests are told; whoever has more compares two pipelines."""

_MADE_PER_RUN = frozenset({"Tags", "ExperimentConfig"})
"""Members that name the run, beside the names of its jobs."""


async def comparison_report(viewer: Viewer, dag_id: str, first: str, second: str) -> JsonObject:
    """Return how two runs differ.

    Args:
        viewer: Who asks.
        dag_id: The DAG.
        first: A run.
        second: Another run.

    Raises:
        RefusedRequestError: There is no such run, or the viewer may not read it.
    """
    dag = await viewer.get("dags", dag_id, "details")
    runs = [await viewer.get("dags", dag_id, "dagRuns", run) for run in (first, second)]
    tasks = [
        await viewer.all("task_instances", "dags", dag_id, "dagRuns", run, "taskInstances") for run in (first, second)
    ]
    requests = [_requests(one) for one in tasks]
    differences = [*request_differences(*requests)]
    return {
        "runs": [run_in_words(run) for run in runs],
        "parameters": [*parameter_rows(dag["params"] or {}, runs[0]["conf"] or {}, runs[1]["conf"] or {})],
        "requests": [*differences[:MOST_DIFFERENCES]],
        "more": max(len(differences) - MOST_DIFFERENCES, 0),
        "compared": sum(1 for name in requests[0] if requests[0][name] and requests[1].get(name)),
        "cut": [*sorted({name for one in requests for name, request in one.items() if request is None})],
    }


def parameter_rows(
    params: Mapping[str, Mapping[str, Any]], first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[JsonObject]:
    """Yield each parameter with its values in two runs.

    Args:
        params: The DAG's params, as Airflow's API describes them; a run that names no value has the present default.
        first: The conf of a run.
        second: The conf of another.
    """
    for name in dict.fromkeys((*params, *first, *second)):
        default = params.get(name, {}).get("value")
        values = [conf.get(name, default) for conf in (first, second)]
        yield {"name": name, "values": values, "given": [name in first, name in second]}


def request_differences(
    first: Mapping[str, JsonObject | None], second: Mapping[str, JsonObject | None]
) -> Iterator[Json]:
    """Yield each place in the requests of steps where they differ.

    Args:
        first: Requests by step; ``None`` for one that Airflow has cut.
        second: The same of another run.
    """
    for step in dict.fromkeys((*first, *second)):
        one, other = first.get(step), second.get(step)
        if not one or not other:
            continue  # in one of the runs it did not get that far, or is too long for Airflow to keep
        left, right = dict(_leaves(one)), dict(_leaves(other))
        for place in dict.fromkeys((*left, *right)):
            if left.get(place, _ABSENT) != right.get(place, _ABSENT):
                yield {"step": step, "place": place, "values": [left.get(place), right.get(place)]}


_ABSENT = object()


def _requests(tasks: list[Mapping[str, Any]]) -> dict[str, JsonObject | None]:
    found: dict[str, JsonObject | None] = {}
    for task in tasks:
        row = row_of_operator(str(task["operator"]))
        if row is None:
            continue
        request = (task["rendered_fields"] or {}).get("request")
        index = task["map_index"]
        name = str(task["task_id"]) if index < 0 else f"{task['task_id']}[{index}]"
        per_run = _MADE_PER_RUN | ({row.kind.name_member, row.kind.token_member} if row.kind else frozenset())
        if isinstance(request, dict):
            found[name] = {member: value for member, value in request.items() if member not in per_run}
        else:
            found[name] = None if request else {}
    return found


def _leaves(value: Json, place: str = "") -> Iterator[tuple[str, Json]]:
    """Yield each value that is no object and no list, with its place; also empty ones."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(member, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value:
        for index, entry in enumerate(value):
            yield from _leaves(entry, f"{place}[{index}]")
    else:
        yield place, value
