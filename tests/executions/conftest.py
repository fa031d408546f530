"""A stand-in for Airflow's REST API."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws_json import RefusedRequestError, read_form
from airflow_sm_pipelines.executions import pipelines
from airflow_sm_pipelines.executions.operations import OPERATIONS
from airflow_sm_pipelines.executions.statuses import moment

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
PREFIX = "arn:aws:sagemaker:airflow:000000000000"
OPTIONS = ("sm_select_steps", "sm_source_run", "sm_max_parallel_steps", "sm_display_name", "sm_cache")


class FakeAirflow:
    """Airflow's REST API over dictionaries, with the members that are used of it.

    Attributes:
        dags: DAGs by id.
        runs: Runs by DAG and run id.
        tasks: Task instances by run id.
        xcoms: XComs by run, task, map index and key.
        stored: The task state store, likewise.
        variables: Airflow variables by key.
        refusals: What is refused, by method and first parts of the path.
        sent: The requests that changed something.
    """

    def __init__(self) -> None:
        self.dags: dict[str, dict[str, Any]] = {}
        self.dag_tasks: dict[str, list[dict[str, Any]]] = {}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.xcoms: dict[tuple[str, str, int, str], Any] = {}
        self.stored: dict[tuple[str, str, int, str], Any] = {}
        self.refusals: dict[tuple[str, ...], RefusedRequestError] = {}
        self.variables: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[Any, ...]] = []
        self.asked: list[tuple[str, ...]] = []

    # -- what is there ---------------------------------------------------------------------------------------------

    def add_dag(self, dag_id: str, *tags: str, is_paused: bool = False, **params: Any) -> None:
        options = dict.fromkeys(OPTIONS)
        self.dags[dag_id] = {
            "dag_id": dag_id,
            "tags": [{"name": tag} for tag in tags],
            "params": {name: {"value": value} for name, value in {**params, **options}.items()},
            "is_paused": is_paused,
        }

    def add_step(self, dag_id: str, task_id: str, operator: str, *downstream: str) -> None:
        self.dag_tasks.setdefault(dag_id, []).append(
            {
                "task_id": task_id,
                "task_display_name": task_id,
                "operator_name": operator,
                "class_ref": {"module_path": "m", "class_name": operator},
                "downstream_task_ids": [*downstream],
            }
        )

    def add_run(self, dag_id: str, run_id: str, state: str = "running", **members: Any) -> dict[str, Any]:
        after = START + timedelta(minutes=len(self.runs))
        self.runs[dag_id, run_id] = run = {
            "dag_id": dag_id,
            "dag_run_id": run_id,
            "state": state,
            "run_after": after.isoformat().replace("+00:00", "Z"),
            "start_date": (after + timedelta(seconds=5)).isoformat(),
            "end_date": None if state == "running" else (after + timedelta(minutes=30)).isoformat(),
            "conf": {},
            "note": None,
            "triggering_user_name": None,
            **members,
        }
        return run

    def add_task(self, run_id: str, task_id: str, operator: str, state: str | None, **members: Any) -> dict[str, Any]:
        tasks = self.tasks.setdefault(run_id, [])
        began = START + timedelta(seconds=len(tasks))
        task = {
            "task_id": task_id,
            "map_index": -1,
            "operator": operator,
            "state": state,
            "try_number": 1,
            "task_display_name": task_id,
            "start_date": began.isoformat(),
            "end_date": (began + timedelta(seconds=60)).isoformat(),
            "rendered_fields": {},
            **members,
        }
        tasks.append(task)
        return task

    def arn(self, dag_id: str, run_id: str, name: str | None = None) -> str:
        run = self.runs[dag_id, run_id]
        after = moment(run["run_after"])
        assert after is not None
        execution = execution_id("here", dag_id, run_id, after.isoformat())
        return f"{PREFIX}:pipeline/{name or dag_id}/execution/{execution}"

    # -- as `AirflowClient` ----------------------------------------------------------------------------------------

    async def get(self, *path: str, **query: Any) -> Any:
        self.asked.append(path)
        for refused, error in self.refusals.items():
            if path[: len(refused)] == refused:
                raise error
        found = self._get(path, query)
        if found is None:
            raise RefusedRequestError("ResourceNotFound", f"no {path}")
        return copy.deepcopy(found)

    async def find(self, *path: str, **query: Any) -> Any:
        try:
            return await self.get(*path, **query)
        except RefusedRequestError as error:
            if error.code == "ResourceNotFound":
                return None
            raise

    async def all(self, member: str, *path: str, **query: Any) -> list[Any]:
        found: list[Any] = (await self.get(*path, **query))[member]
        return found

    async def post(self, *path: str, body: dict[str, Any]) -> Any:
        self.sent.append(("POST", path, body))
        if path == ("variables",):
            self.variables[body["key"]] = body
        if path[-1] != "dagRuns":
            return {}
        if (path[1], body.get("dag_run_id")) in self.runs:
            raise RefusedRequestError("ConflictException", "the run exists")
        run_id = body.get("dag_run_id") or f"manual__{len(self.runs)}"
        return self.add_run(path[1], run_id, "queued", conf=body["conf"], note=body.get("note"))

    async def patch(self, *path: str, body: dict[str, Any]) -> Any:
        self.sent.append(("PATCH", path, body))
        if path[0] == "variables":
            self.variables[path[1]] = body
            return body
        run = self.runs[path[1], path[3]]
        run.update(body)
        if body.get("state") == "failed":
            run["end_date"] = datetime.now(UTC).isoformat()
        return run

    def _get(self, path: tuple[str, ...], query: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - a table of routes
        match path:
            case ("variables", key):
                return self.variables.get(key)
            case ("dags",):
                return {"dags": [dag for dag in self.dags.values() if self._is_like(dag, query)]}
            case ("dags", dag_id) | ("dags", dag_id, "details"):
                return self.dags.get(dag_id)
            case ("dags", dag_id, "tasks"):
                return {"tasks": self.dag_tasks.get(dag_id, [])}
            case ("dags", dag_id, "dagRuns"):
                return self._runs(dag_id, query)
            case ("dags", dag_id, "dagRuns", run_id):
                return self.runs.get((dag_id, run_id))
            case (_, _, _, run_id, "taskInstances"):
                return {"task_instances": self._tasks(run_id, query)}
            case (_, dag_id, _, run_id, "taskInstances", "~", "xcomEntries"):
                keys = [key for key in self.xcoms if run_id in ("~", key[0]) and key[3] == query["xcom_key"]]
                return {"xcom_entries": [{"run_id": r, "task_id": t, "map_index": m} for r, t, m, _ in keys]}
            case (_, _, _, run_id, "taskInstances", task_id, kind, key):
                values = {"xcomEntries": self.xcoms, "state-store": self.stored}[kind]
                place = (run_id, task_id, query["map_index"], key)
                return {"value": values[place]} if place in values else None
        raise AssertionError(path)

    def _is_like(self, dag: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
        if "tags" in query:
            return query["tags"] in [tag["name"] for tag in dag["tags"]]
        return all(part in dag["dag_id"] for part in query["dag_id_pattern"].split("%"))

    def _tasks(self, run_id: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        tasks = self.tasks.get(run_id, [])
        if "task_group_id" in query:
            return [task for task in tasks if task.get("group") == query["task_group_id"]]
        return [task for task in tasks if query.get("state", task["state"]) == task["state"]]

    def _runs(self, dag_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
        runs = [run for (owner, _), run in self.runs.items() if dag_id in (owner, "~")]
        runs = [run for run in runs if query.get("run_id_pattern", "") in run["dag_run_id"]]
        runs.sort(key=lambda run: run["run_after"], reverse=query.get("order_by", "").startswith("-"))
        first = int(query.get("cursor") or 0)
        last = first + query.get("limit", 100)
        return {"dag_runs": runs[first:last], "next_cursor": str(last) if last < len(runs) else None}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    fake = FakeAirflow()
    monkeypatch.setattr(pipelines, "_deployment", lambda: "here")

    def run_of(dag_id: str, wanted: str) -> str | None:
        return next(
            (run for dag, run in fake.runs if dag == dag_id and fake.arn(dag, run).endswith(f"/{wanted}")), None
        )

    monkeypatch.setattr(pipelines, "_run_of", run_of)
    pipelines._remembered.clear()
    yield fake
    pipelines._remembered.clear()


@pytest.fixture
def call(airflow: FakeAirflow) -> Callable[..., Any]:
    """Carry out an operation, as the endpoint does."""

    def carry_out(name: str, **members: Any) -> Any:
        operation = OPERATIONS[name]
        return asyncio.run(operation.answer(airflow, read_form(operation.form, members)))  # type: ignore[arg-type]

    return carry_out
