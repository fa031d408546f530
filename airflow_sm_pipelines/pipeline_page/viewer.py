"""What a viewer may read in Airflow: every question goes through Airflow's REST API with the viewer's own login."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.executions.airflow_client import AirflowClient

_MOST_REQUESTS_AT_ONCE = 8
"""Airflow's API server has a limited number of threads and database connections."""

_NO_PARTS = frozenset({"", "~", ".", ".."})
"""In Airflow's API ``~`` stands for every DAG and every run."""


class Viewer:
    """Reads DAGs, runs and tasks in the name of whoever looks at the page.

    Args:
        airflow: Airflow's API.
    """

    def __init__(self, airflow: AirflowClient) -> None:
        self._airflow = airflow
        self._turns = asyncio.Semaphore(_MOST_REQUESTS_AT_ONCE)

    async def get(self, *path: str, **query: Any) -> Any:
        """Return what Airflow has under a path.

        Raises:
            RefusedRequestError: There is nothing, or the viewer may not read it.
        """
        _check(path)
        async with self._turns:
            return await self._airflow.get(*path, **query)

    async def all(self, member: str, *path: str, **query: Any) -> list[Any]:
        """Return every entry of a list; raises as `get`."""
        _check(path)
        async with self._turns:
            return await self._airflow.all(member, *path, **query)

    async def find(self, *path: str, **query: Any) -> Any:
        """Return what Airflow has under a path, ``None`` if there is nothing, or the viewer may not read it.

        Who may read a run may still not be allowed to read what its tasks have published.
        """
        try:
            return await self.get(*path, **query)
        except RefusedRequestError as error:
            if error.code in ("ResourceNotFound", "AccessDeniedException"):
                return None
            raise

    async def xcom(self, run: tuple[str, str], task: tuple[str, int], key: str) -> Json:
        """Return what a task has published, ``None`` if it has not, or the viewer may not read it.

        Args:
            run: DAG and run.
            task: Task and map index.
            key: The XCom's key.
        """
        path = ("dags", run[0], "dagRuns", run[1], "taskInstances", task[0], "xcomEntries", key)
        found = await self.find(*path, map_index=task[1], deserialize=True)
        value: Json = None if found is None else found["value"]
        return value

    async def tasks_with(self, run: tuple[str, str], key: str) -> frozenset[tuple[str, int]]:
        """Return the tasks of a run that have published something under a key; none if the viewer may not know."""
        _check(run)
        path = ("dags", run[0], "dagRuns", run[1], "taskInstances", "~", "xcomEntries")
        try:
            async with self._turns:
                entries = await self._airflow.all("xcom_entries", *path, xcom_key=key)
        except RefusedRequestError as error:
            if error.code == "AccessDeniedException":
                return frozenset()
            raise
        return frozenset((one["task_id"], one["map_index"]) for one in entries)


def _check(path: tuple[str, ...]) -> None:
    if not _NO_PARTS.isdisjoint(path):
        raise RefusedRequestError("ValidationException", "an id of a DAG, a run or a task is required")
