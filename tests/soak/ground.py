"""Where a soak takes place: two Airflows on one AWS, and who keeps them going."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.airflow_on_postgres.deployment import AttackError, Deployment
from tests.soak.aws_records import AwsRecords
from tests.soak.history import RUN_STARTED, Act, StepKey
from tests.soak.people import DAG, live_runs
from tests.soak.postbox import Postbox

_BOUNDS = (None, 3, None, 6)
"""Bounds of the runs, by their numbers."""
_LOOK_SECONDS = 3.0


@dataclass
class Events:
    """What has happened in a round; safe for use by many threads."""

    acts: list[Act] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, act: Act) -> None:
        """Keep what a person did."""
        with self.lock:
            self.acts.append(act)

    def tell(self, line: str) -> None:
        """Keep what happened to a process or to the whole deployment."""
        with self.lock:
            self.lines.append((time.time(), line))

    def count(self, deed: str, number: int = 1) -> None:
        """Count productive faults."""
        with self.lock:
            self.counted[deed] = self.counted.get(deed, 0) + number

    @property
    def productive(self) -> int:
        """How many productive faults there were, but for those at AWS's door."""
        with self.lock:
            return sum(self.counted.values())


@dataclass(frozen=True)
class Soaked:
    """One soaked deployment.

    Attributes:
        deployment: The Airflow.
        postbox: The queue of its Callback steps.
    """

    deployment: Deployment
    postbox: Postbox


@dataclass(frozen=True)
class Ground:
    """Where a soak takes place.

    Attributes:
        soaked: The deployments.
        aws: Their AWS.
        records: What it knows.
        say: Prints a line.
    """

    soaked: Sequence[Soaked]
    aws: LocalAws
    records: AwsRecords
    say: Callable[[str], None]


class Keeper:
    """Starts runs so that there is always something under way, and components that were killed by chance.

    Args:
        one: The deployment.
        prefix: What run ids begin with.
        runs: How many runs go on at once.
        events: Takes what happens.
    """

    def __init__(self, one: Soaked, prefix: str, runs: int, events: Events) -> None:
        self._one = one
        self._prefix = prefix
        self._runs = runs
        self._events = events
        self._number = 0
        self._starts_runs = True
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._repeat, args=(what,), daemon=True)
            for what in (self._start_runs, self._start_components)
        ]

    def __enter__(self) -> Keeper:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def start_no_more(self) -> None:
        """Start no more runs."""
        with self._lock:
            self._starts_runs = False

    def start(self, deployment: Deployment, run_id: str) -> None:
        """Start a run, with a bound or without; it may exist already."""
        bound = _BOUNDS[int(run_id.rpartition("-")[2]) % len(_BOUNDS)]
        conf: dict[str, Any] = {"Run": run_id, "QueueUrl": self._one.postbox.url}
        if bound is not None:
            conf["sm_max_parallel_steps"] = bound
        began = time.time()
        try:
            deployment.trigger(DAG, run_id, **conf)
        except AirflowApiError as error:
            if error.status != 409:  # the request was sent again, since its answer was lost
                raise
        if bound is not None:
            self._events.note(Act(RUN_STARTED, StepKey(deployment.name, run_id), began, time.time(), bound))

    def _repeat(self, what: Callable[[], None]) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                what()
            except (AirflowApiError, AttackError, OSError) as error:
                self._events.tell(f"{self._one.deployment.name}: {what.__name__}: {error}")

    def _start_runs(self) -> None:
        deployment = self._one.deployment
        under_way = len(live_runs(deployment))
        while under_way < self._runs:
            with self._lock:
                if not self._starts_runs:
                    return
            run_id = f"{self._prefix}-{self._number}"
            self.start(deployment, run_id)
            self._number += 1
            under_way += 1

    def _start_components(self) -> None:
        for component in self._one.deployment.start_ended():
            self._events.tell(f"{self._one.deployment.name}: {component} had ended, and was started")


def deployment_ids(deployments: Sequence[Deployment]) -> Mapping[str, str]:
    """Return the name of each deployment by the id that it has given itself."""
    return {str(one.ask("GET", "variables/sm_pipelines_deployment")["value"]): one.name for one in deployments}
