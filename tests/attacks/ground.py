"""Where attacks take place: an Airflow, its AWS, and chance."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.airflow_on_postgres.deployment import Deployment, Run, wait_for
from tests.airflow_on_postgres.postgres import Postgres
from tests.attacks.invariants import AwsRecords, Findings, unwanted

DAGS = Path(__file__).parent / "dags"
"""The attacked pipelines."""

LISTENER_SECONDS = 45.0
"""How long the product gets to stop a job by itself before a sweep; nothing fails by it."""


@dataclass(frozen=True)
class Ground:
    """Where attacks take place.

    Attributes:
        deployment: The attacked Airflow.
        aws: Its AWS.
        records: What AWS knows.
        postgres: Where databases can be had.
        folder: Where further deployments can live.
        chance: Where delays come from.
        say: Prints a line.
    """

    deployment: Deployment
    aws: LocalAws
    records: AwsRecords
    postgres: Postgres
    folder: Path
    chance: random.Random
    say: Callable[[str], None]

    # -- runs ------------------------------------------------------------------------------------------------------

    def start_runs(self, dag_id: str, count: int, **conf: Any) -> list[Run]:
        """Start runs of a DAG."""
        stamp = f"{time.time_ns() // 1_000_000:x}"
        return [self.deployment.trigger(dag_id, f"{dag_id}-{stamp}-{number}", **conf) for number in range(count)]

    def when_deferred(
        self,
        runs: Iterable[Run],
        do: Callable[[Run], object] = lambda _: None,
        delays: tuple[float, float] = (0.0, 0.0),
        task_id: str = "Work",
    ) -> dict[str, float]:
        """Do something to each run some seconds after its task was deferred; return when, by run id."""
        waiting = {run.run_id: run for run in runs}
        done: dict[str, float] = {}
        acts: list[Future[None]] = []

        def act(run: Run, delay: float) -> None:
            time.sleep(delay)
            done[run.run_id] = time.time()
            do(run)

        def look(pool: ThreadPoolExecutor) -> bool:
            for dag_id in {run.dag_id for run in waiting.values()}:
                for run_id, task in self.deployment.live_tasks(dag_id, "deferred"):
                    if task == task_id and run_id in waiting:
                        acts.append(pool.submit(act, waiting.pop(run_id), self.chance.uniform(*delays)))
            return not waiting

        with ThreadPoolExecutor(8) as pool:
            wait_for(lambda: look(pool), f"every {task_id} to be deferred", pause=0.2)
        for one in acts:
            one.result()
        return done

    # -- jobs ------------------------------------------------------------------------------------------------------

    def sweep(self, runs: Sequence[Run], found: Sequence[Findings]) -> None:
        """Note the unwanted jobs of runs before and after one sweep."""
        deadline = time.monotonic() + LISTENER_SECONDS
        while any(before := self._unwanted(runs)) and time.monotonic() < deadline:
            time.sleep(2)
        self.say(self.deployment.sweep())
        for findings, jobs_before, jobs_after in zip(found, before, self._unwanted(runs), strict=True):
            findings.swept += jobs_before
            findings.left += jobs_after

    def _unwanted(self, runs: Sequence[Run]) -> list[list[str]]:
        jobs = self.records.jobs_by_run()
        return [unwanted(jobs.get(run.run_id, []), run.tasks()) for run in runs]

    def clean(self) -> None:
        """End all runs and jobs, so that the next attack begins with nothing."""
        for state in ("running", "queued"):
            for run in self.deployment.ask("GET", "dags/~/dagRuns", state=state, limit=1000)["dag_runs"]:
                Run(self.deployment, run["dag_id"], run["dag_run_id"]).mark_run("failed")
        self.records.stop_all()
        self._control("DELETE", "faults")

    # -- faults ----------------------------------------------------------------------------------------------------

    def fault(self, **rule: Any) -> None:
        """Put a fault rule of the local AWS in force."""
        self._control("POST", "faults", [rule])

    def fault_hits(self) -> int:
        """Return how many calls the rules in force have acted on."""
        return sum(rule["hits"] for rule in self._control("GET", "faults")["faults"])

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.aws.endpoint_url}/_local/{name}", data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
