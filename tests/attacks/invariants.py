"""What must hold of the jobs of a run, read from AWS's own records."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of
from airflow_sm_pipelines.local.server.local_aws import LocalAws

WANTED = {None, "none", "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule", "restarting"}
"""States of tasks whose newest job may run."""

_NAME = re.compile(r"-(?P<execution>[a-z0-9]{12})-.*?(?P<token>[a-z0-9]{10})-(?P<failures>\d+)$")


@dataclass(frozen=True)
class Job:
    """A job as AWS tells it.

    Attributes:
        owner: The task instance that its tags name.
        execution: The execution in its name: another one for a run that was deleted and created again.
        epoch: The token in its name: another one after each clear.
        name: Its name.
        status: Its status.
        created: When it was created.
    """

    owner: Owner
    execution: str
    epoch: str
    name: str
    status: str
    created: datetime

    @property
    def is_running(self) -> bool:
        """Tell whether it runs and has not been told to stop."""
        return self.status == "InProgress"


@dataclass
class Findings:
    """What an attack has broken; each entry names the job or the task.

    Attributes:
        lost: Work that was wanted and is not done: a step that failed or never ended.
        doubled: A second job where one was wanted.
        left: A job that runs though nobody wants it, after a sweep.
        swept: The same, before the sweep. This is no fault where a sweep is allowed.
        wrong: Anything else that must not be.
        seen: What is worth a note.
        seconds: What is worth a note of how long it took, by what was measured.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing broke."""
        return not (self.lost or self.doubled or self.left or self.wrong)


class AwsRecords:
    """Reads what a local AWS knows.

    Args:
        aws: The local AWS.
    """

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._owners: dict[str, Owner | None] = {}

    def jobs(self, run_id: str) -> list[Job]:
        """Return the jobs whose tags name a run, the oldest first."""
        return self.jobs_by_run().get(run_id, [])

    def jobs_by_run(self) -> dict[str, list[Job]]:
        """Return all jobs of ours by the id of the run that their tags name, the oldest first."""
        found = defaultdict(list)
        for name, arn, status, created in self._listed():
            owner = self._owner(arn)
            if owner is not None:
                parts = _NAME.search(name)
                if parts is None:
                    raise ValueError(f"not a name of ours: {name}")
                job = Job(owner, parts["execution"], parts["token"], name, status, created)
                found[owner.run_id].append(job)
        return {run_id: sorted(jobs, key=lambda job: job.created) for run_id, jobs in found.items()}

    def stop_all(self) -> None:
        """Stop what runs, so that the next attack begins with nothing."""
        client = self._aws.client("sagemaker")
        for name, arn, status, _ in self._listed():
            if status == "InProgress":
                kind = "Training" if ":training-job/" in arn else "Processing"
                getattr(client, f"stop_{kind.lower()}_job")(**{f"{kind}JobName": name})

    def stop_times(self) -> dict[str, float]:
        """Return when each job was told to stop, by its name, in seconds since the epoch."""
        times: dict[str, float] = {}
        with urllib.request.urlopen(f"{self._aws.endpoint_url}/_local/calls") as answer:
            for call in json.load(answer)["calls"]:
                if call["operation"] in {"StopProcessingJob", "StopTrainingJob"} and call["outcome"] == "ok":
                    times.setdefault(call["job_name"], call["time"])
        return times

    def _listed(self) -> Iterator[tuple[str, str, str, datetime]]:
        client = self._aws.client("sagemaker")
        for kind in ("Processing", "Training"):
            for page in client.get_paginator(f"list_{kind.lower()}_jobs").paginate(MaxResults=100):
                for job in page[f"{kind}JobSummaries"]:
                    yield job[f"{kind}JobName"], job[f"{kind}JobArn"], job[f"{kind}JobStatus"], job["CreationTime"]

    def _owner(self, arn: str) -> Owner | None:
        if arn not in self._owners:  # tags of a job do not change
            self._owners[arn] = owner_of(self._aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"])
        return self._owners[arn]


def doubled(jobs: Iterable[Job], epochs: int = 1) -> list[str]:
    """Return the steps with more jobs than a person has started.

    Args:
        jobs: The jobs of one run; none of them has failed by itself.
        epochs: How often each step was started: once, and again at each clear.
    """
    return [
        f"{step}: {', '.join(job.name for job in found)}"
        for (_, step), found in _by_step(jobs).items()
        if len(found) > epochs
    ]


def unwanted(jobs: Iterable[Job], tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the running jobs that nobody wants: of each wanted task only the newest job is wanted.

    Args:
        jobs: The jobs of one run id.
        tasks: Its task instances, as Airflow tells them now.
    """
    states = {(task["task_id"], task["map_index"]): task["state"] for task in tasks}
    newest = {(job.owner.task_id, job.owner.map_index): job.name for job in jobs}
    return [
        f"{job.name} (its task is {states.get(key, 'absent')})"
        for job in jobs
        if job.is_running
        and (key := (job.owner.task_id, job.owner.map_index))
        and not (key in states and states[key] in WANTED and newest[key] == job.name)
    ]


def _by_step(jobs: Iterable[Job]) -> dict[tuple[str, str], list[Job]]:
    found = defaultdict(list)
    for job in jobs:
        found[job.execution, f"{job.owner.task_id}[{job.owner.map_index}]"].append(job)
    return found
