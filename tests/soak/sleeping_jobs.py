"""What the jobs of a soak do: they sleep for a while, in the process of the local AWS, and take no processor."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_sm_pipelines.local.stand_in import Ending
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

if TYPE_CHECKING:
    from airflow_sm_pipelines.definition.json_values import Json
    from airflow_sm_pipelines.local.documents import Document
    from airflow_sm_pipelines.local.jobs.runner import OwnWork
    from airflow_sm_pipelines.local.services.lambda_functions.execution import InvocationResult
    from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job

_SHORT, _LONG = (0.2, 4.0), (6.0, 40.0)
_LAMBDA_SECONDS = (0.0, 5.0)
_FAILING = re.compile(r"Retried(-Too)?")
_FAILURES = (
    "InternalServerError: We encountered an internal error. Please try again.",
    "CapacityError: Unable to provision requested ML compute capacity.",
)
_SHARE_OF_FAILURES = 0.3
_CLUSTER = {
    "Name": "soak",
    "Instances": {"KeepJobFlowAliveWhenNoSteps": True},
    "StepConcurrencyLevel": 200,
}


class Chance:
    """Chance for many threads; nothing that it decides belongs to the sequence that a seed repeats."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    def seconds(self) -> float:
        """Return how long a job takes: half are short enough to be waited for in the worker."""
        with self._lock:
            return self._random.uniform(*self._random.choice((_SHORT, _LONG)))

    def lambda_seconds(self) -> float:
        """Return how long a function takes."""
        with self._lock:
            return self._random.uniform(*_LAMBDA_SECONDS)

    def failure(self) -> str | None:
        """Return why a job fails that may; ``None`` if it does not."""
        with self._lock:
            return self._random.choice(_FAILURES) if self._random.random() < _SHARE_OF_FAILURES else None


@dataclass(frozen=True, slots=True)
class SleepingJobs(Rehearsal):
    """Jobs that sleep; those of some steps fail now and then, as their retry policies expect.

    Attributes:
        chance: Decides how long, and which fail.
    """

    outputs: Mapping[str, Mapping[str, Json]] = field(default_factory=lambda: {"Call": {"choice": "yes"}})
    chance: Chance = field(default_factory=lambda: Chance(0))

    def outcome_of(self, step: str) -> Outcome:
        return Outcome(failure_reason=self.chance.failure() if _FAILING.fullmatch(step) else None)

    def ending_of(self, owner: str) -> Ending:
        return replace(Rehearsal.ending_of(self, owner), seconds=self.chance.seconds())

    def job_work(self, noun: str, job: Job) -> OwnWork | None:
        return Rehearsal.job_work(replace(self, job_seconds=self.chance.seconds()), noun, job)

    def spark_work(self, owner: str, log_group: str, log_stream: str) -> OwnWork:
        return Rehearsal.spark_work(replace(self, job_seconds=self.chance.seconds()), owner, log_group, log_stream)

    def missing_resource(self, noun: str) -> Document:
        return _CLUSTER if noun == "Cluster" else Rehearsal.missing_resource(self, noun)

    def invoke_missing_function(self, client_context: Document | None) -> InvocationResult:
        time.sleep(self.chance.lambda_seconds())
        return Rehearsal.invoke_missing_function(self, client_context)
