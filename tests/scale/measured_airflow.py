"""A real Airflow on PostgreSQL whose processor time is told apart by component."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from tests.airflow_on_postgres.deployment import wait_for
from tests.airflow_on_postgres.postgres import Postgres
from tests.scale.processes import all_processes, difference, seconds_of_tree

PARTS = ("scheduler", "workers", "triggerer", "api-server")
"""Whose processor time counts as that of a run; the database and the DAG processor are told beside it."""
_ENDED = {"success", "failed"}
_BEGUN = ("running", "deferred", "success")
_EXECUTION_API = b"path=/execution/"


@dataclass(frozen=True)
class Usage:
    """What an Airflow has used since its start, or between two moments.

    Attributes:
        seconds: Processor time by component, in seconds.
        requests: How many requests the Execution API has answered.
        aws_calls: How many calls AWS has answered.
    """

    seconds: Mapping[str, float]
    requests: int
    aws_calls: int

    @property
    def total_seconds(self) -> float:
        """Return the processor time of scheduler, workers, triggerer and API server."""
        return sum(self.seconds[part] for part in PARTS)

    def since(self, before: Usage) -> Usage:
        """Return what was used since another moment."""
        return Usage(
            difference(self.seconds, before.seconds),
            self.requests - before.requests,
            self.aws_calls - before.aws_calls,
        )


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended.

    Attributes:
        wall: Seconds from its start to its end, as Airflow has written them down.
        first_task: Seconds from when it was queued to the start of its first task; ``None`` if no worker ran one.
        used: What Airflow has used meanwhile.
        tries: How many tries its tasks have taken beyond one each.
    """

    wall: float
    first_task: float | None
    used: Usage
    tries: int


class MeasuredAirflow(AirflowProcesses):
    """An Airflow on PostgreSQL.

    Args:
        folder: Where it lives; the DAG files are in ``dags`` below it.
        postgres: Its database server.
        environment: That of its AWS.
        aws_calls: Returns how many calls AWS has answered.
        settings: Further settings, as environment variables.
    """

    def __init__(
        self,
        folder: Path,
        postgres: Postgres,
        environment: Mapping[str, str],
        aws_calls: Callable[[], int],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.dags = folder / "dags"
        self.dags.mkdir(parents=True, exist_ok=True)
        self.database = postgres.create_database(folder.name)
        self._postgres = postgres
        self._aws_calls = aws_calls
        super().__init__(
            folder,
            self.dags,
            environment=environment,
            settings={
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
                "AIRFLOW__CORE__PARALLELISM": "8",
                # A file that has changed is read at once all the same; reading the others takes a whole core.
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
                "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
                "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
                **(settings or {}),
            },
        )

    def pid(self, component: str) -> int:
        """Return the process id of a component."""
        return self._processes[component].pid

    def usage(self) -> Usage:
        """Return what was used until now."""
        processes, seconds = all_processes(), dict.fromkeys(PARTS, 0.0)
        for component in self._processes:
            own, others = seconds_of_tree(self.pid(component), processes)
            if component == "scheduler":
                seconds |= {"scheduler": own, "workers": others}
            else:
                seconds[component] = own + others
        seconds["database"] = sum(seconds_of_tree(self._postgres.pid, processes))
        return Usage(seconds, self.log_file("api-server").read_bytes().count(_EXECUTION_API), self._aws_calls())

    # -- runs ------------------------------------------------------------------------------------------------------

    def wait_until_parsed(self, *dag_ids: str) -> None:
        """Wait until DAGs are there.

        Raises:
            RuntimeError: A file cannot be imported.
        """
        for dag_id in dag_ids:
            wait_for(lambda dag_id=dag_id: self._is_there(dag_id), f"the DAG {dag_id}")

    def _is_there(self, dag_id: str) -> bool:
        if errors := self.api.import_errors():
            raise RuntimeError("\n".join(errors))
        return self.api.has_dag(dag_id)

    def measure(self, dag_id: str, run_ids: Sequence[str], patience: float = 3600.0) -> EndedRun:
        """Start runs of a DAG at once, wait until all have ended, and return them as one.

        Raises:
            RuntimeError: One has not succeeded.
        """
        before = self.usage()
        for run_id in run_ids:
            self.api.trigger(dag_id, run_id=run_id)
        wait_for(lambda: self._have_ended(dag_id, run_ids), f"the runs of {dag_id}", patience, 1.0)
        used = self.usage().since(before)
        runs = [self.api.request("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}") for run_id in run_ids]
        tasks = [task for run_id in run_ids for task in self.tasks(dag_id, run_id)]
        failed = [run["dag_run_id"] for run in runs if run["state"] != "success"]
        if failed:
            states = sorted({f"{task['task_id']}: {task['state']}" for task in tasks if task["state"] != "success"})
            raise RuntimeError(f"{dag_id} has failed in {', '.join(failed)}: {'; '.join(states[:10])}")
        starts = [_moment(task["start_date"]) for task in tasks if task["start_date"] and task["pid"]]
        queued = min(_moment(run["queued_at"]) for run in runs)
        return EndedRun(
            max(_moment(run["end_date"]) for run in runs) - min(_moment(run["start_date"]) for run in runs),
            min(starts) - queued if starts else None,
            used,
            sum(max(int(task["try_number"]) - 1, 0) for task in tasks),
        )

    def seconds_to_first_task(self, dag_id: str, run_id: str) -> float:
        """Start a run, and return how long after that its first task has started or, if no worker ran it, ended."""
        start = time.time()
        self.api.trigger(dag_id, run_id=run_id)
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances"

        def first_start() -> list[float]:
            pages = (self.api.request("GET", path, state=state, limit=100) for state in _BEGUN)
            tasks = [task for page in pages for task in page["task_instances"]]
            return [_moment(task["start_date"] or task["end_date"]) for task in tasks]

        return float(min(wait_for(first_start, f"a task of {dag_id}")) - start)

    def end_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed; again if the scheduler, at work on it at the same moment, has made a deadlock of it."""

        def is_marked() -> bool:
            with contextlib.suppress(AirflowApiError):
                self.api.request("PATCH", f"dags/{dag_id}/dagRuns/{quote(run_id)}", {"state": "failed"})
                return True
            return False

        wait_for(is_marked, f"the end of {run_id} of {dag_id}", pause=2.0)

    def _have_ended(self, dag_id: str, run_ids: Sequence[str]) -> bool:
        ended: set[str] = set()
        path, number = f"dags/{dag_id}/dagRuns", 0
        while page := self.api.request("GET", path, limit=100, offset=number)["dag_runs"]:
            ended |= {run["dag_run_id"] for run in page if run["state"] in _ENDED}
            number += len(page)
        return ended.issuperset(run_ids)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return all task instances of a run, page by page."""
        path, found = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances", []
        while True:
            page = self.api.request("GET", path, limit=100, offset=len(found))
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    # -- the UI ----------------------------------------------------------------------------------------------------

    def seconds_of_page(self, path: str, **query: str) -> float:
        """Return how long an endpoint of the UI takes: the best of three, once its caches are warm.

        Args:
            path: Path below ``/ui/``.
            query: Query parameters.
        """
        times = []
        for _ in range(4):
            start = time.monotonic()
            self._page(path, **query)
            times.append(time.monotonic() - start)
        return min(times[1:])

    def _page(self, path: str, **query: str) -> bytes:
        self.api.request("GET", "version")  # logs in
        address = f"{self.api.base_url}/ui/{path}?{urlencode(query)}"
        request = Request(address, headers={"Authorization": f"Bearer {self.api._token}"})
        with build_opener(ProxyHandler({})).open(request, timeout=120) as answer:
            return bytes(answer.read())


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
