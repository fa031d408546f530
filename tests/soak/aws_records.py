"""Reads the records of the local AWS: its jobs, its calls, its fault rules."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of, tags_of_owner_text
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.soak.history import FAILED, LIVE, STOPPED, SUCCEEDED, AwsJob, StepKey

_NAME = re.compile(r"(?:^|-)(?P<execution>[a-z0-9]{12})-(?:.*-)?[a-z0-9]{6,10}-\d+$")
_STATES = {
    **dict.fromkeys(("Completed", "COMPLETED", "SUCCESS"), SUCCEEDED),
    **dict.fromkeys(("Failed", "FAILED", "TERMINATED_WITH_ERRORS"), FAILED),
    **dict.fromkeys(("Stopped", "CANCELLED", "INTERRUPTED"), STOPPED),
}
_STOPS = re.compile(r"Stop(ProcessingJob|TrainingJob|TransformJob|HyperParameterTuningJob|AutoMLJob)")
_STEPS_DONE = "ALL_STEPS_COMPLETED"
# Members of the summaries of SageMaker's List operations.
_SAGEMAKER = (
    ("ProcessingJob", "ProcessingEndTime"),
    ("TrainingJob", "TrainingEndTime"),
    ("TransformJob", "TransformEndTime"),
    ("HyperParameterTuningJob", "HyperParameterTuningEndTime"),
    ("AutoMLJob", "EndTime"),
)
_SUMMARIES = {"AutoMLJob": "AutoMLJobSummaries"}


@dataclass(frozen=True)
class _Listed:
    kind: str
    name: str
    state: str
    created: float
    ended: float | None
    owner: Owner | None
    stopped: float | None = None


class AwsRecords:
    """Reads what a local AWS knows; nobody else's calls are recorded or hit while it does.

    Args:
        aws: The local AWS.
        names: Name of each deployment, by the id that its tags have.
    """

    def __init__(self, aws: LocalAws, names: Mapping[str, str]) -> None:
        self._aws = aws
        self._names = names
        self._ended: dict[tuple[str, str], AwsJob | None] = {}

    # -- jobs ------------------------------------------------------------------------------------------------------

    def jobs(self, since: float, calls: Iterable[Mapping[str, Any]] = ()) -> list[AwsJob]:
        """Return all jobs of ours that were created after a moment.

        Args:
            since: Seconds since the epoch.
            calls: Recorded calls, which tell when a job was told to stop.
        """
        stops = stop_times(calls)
        tunings = [one.name for one in self._sagemaker(since, _SAGEMAKER[3:4])]
        found = []
        for one in (*self._sagemaker(since), *self._emr(since), *self._serverless(since)):
            trial = one.kind == "TrainingJob" and any(one.name.startswith(f"{tuning}-") for tuning in tunings)
            if one.owner is not None and not trial:
                found.append(self._job(one, one.owner, stops))
        return found

    def _job(self, one: _Listed, owner: Owner, stops: Mapping[str, float]) -> AwsJob:
        attempt = one.name.partition(" ")[0]
        parts = _NAME.search(attempt)
        if parts is None:
            raise ValueError(f"not a name of ours: {one.name}")
        deployment = self._names.get(owner.deployment, owner.deployment)
        return AwsJob(
            StepKey(deployment, owner.run_id, owner.task_id, owner.map_index),
            parts["execution"],
            one.kind,
            attempt,
            one.state,
            one.created,
            one.ended,
            one.stopped or stops.get(attempt),
        )

    def _sagemaker(self, since: float, kinds: Iterable[tuple[str, str]] = _SAGEMAKER) -> Iterator[_Listed]:
        client = self._aws.client("sagemaker")
        after = datetime.fromtimestamp(since).astimezone()
        for kind, end in kinds:
            snake = {"HyperParameterTuningJob": "hyper_parameter_tuning_job", "AutoMLJob": "auto_ml_job"}
            operation = f"list_{snake.get(kind, f'{kind[:-3].lower()}_job')}s"
            for page in client.get_paginator(operation).paginate(CreationTimeAfter=after, MaxResults=100):
                for job in page[f"{kind}Summaries"]:
                    owner = owner_of(client.list_tags(ResourceArn=job[f"{kind}Arn"])["Tags"])
                    status = _STATES.get(job[f"{kind}Status"], LIVE)
                    yield _Listed(kind, job[f"{kind}Name"], status, *_span(job["CreationTime"], job.get(end)), owner)

    def _emr(self, since: float) -> Iterator[_Listed]:
        client = self._aws.client("emr")
        for clusters in client.get_paginator("list_clusters").paginate():
            for summary in clusters["Clusters"]:
                cluster = client.describe_cluster(ClusterId=summary["Id"])["Cluster"]
                owner = owner_of(cluster["Tags"])
                created, ended = _timeline(summary)
                if owner is not None and created > since:
                    yield _Listed("Cluster", summary["Name"], _cluster_state(summary), created, ended, owner)
                if owner is None:
                    yield from self._emr_steps(client, summary["Id"], since)

    def _emr_steps(self, client: Any, cluster: str, since: float) -> Iterator[_Listed]:
        for page in client.get_paginator("list_steps").paginate(ClusterId=cluster):
            for step in page["Steps"]:
                created, ended = _timeline(step)
                owner = owner_of(tags_of_owner_text(step["Name"].partition(" (")[2].removesuffix(")")))
                if created > since:
                    state = _STATES.get(step["Status"]["State"], LIVE)
                    yield _Listed("Step", step["Name"], state, created, ended, owner)

    def _serverless(self, since: float) -> Iterator[_Listed]:
        client = self._aws.client("emr-serverless")
        for page in client.get_paginator("list_applications").paginate():
            for application in page["applications"]:
                tags = client.list_tags_for_resource(resourceArn=application["arn"])["tags"]
                created = application["createdAt"].timestamp()
                if application["state"] != "TERMINATED" and created > since:
                    owner = _owner(tags)
                    yield _Listed("Application", application.get("name", ""), LIVE, created, None, owner)
                yield from self._job_runs(client, application["id"], since)

    def _job_runs(self, client: Any, application: str, since: float) -> Iterator[_Listed]:
        for page in client.get_paginator("list_job_runs").paginate(applicationId=application):
            for run in page["jobRuns"]:
                if run["createdAt"].timestamp() > since:
                    state = _STATES.get(run["state"], LIVE)
                    ended = run["updatedAt"] if state != LIVE else None
                    owner = _owner(client.list_tags_for_resource(resourceArn=run["arn"])["tags"])
                    yield _Listed("JobRun", run.get("name", ""), state, *_span(run["createdAt"], ended), owner)

    # -- calls and faults ------------------------------------------------------------------------------------------

    def calls(self) -> list[dict[str, Any]]:
        """Return the recorded calls."""
        found: list[dict[str, Any]] = self._control("GET", "calls")["calls"]
        return found

    def forget_calls(self) -> None:
        """Begin the record of calls anew."""
        self._control("DELETE", "calls")

    def set_fault(self, rule: Mapping[str, Any]) -> int:
        """Put a fault rule in force and return its id."""
        [described] = self._control("POST", "faults", [dict(rule)])["faults"]
        return int(described["id"])

    def hits(self) -> dict[int, int]:
        """Return how many calls each rule in force has hit, by its id."""
        return {int(rule["id"]): int(rule["hits"]) for rule in self._control("GET", "faults")["faults"]}

    def clear_faults(self) -> None:
        """Put no rule in force."""
        self._control("DELETE", "faults")

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._aws.endpoint_url}/_local/{name}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def stop_times(calls: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return when each SageMaker job was first told to stop, by its name."""
    times: dict[str, float] = {}
    for call in calls:
        if _STOPS.fullmatch(call["operation"]) and call["executed"] and call["job_name"]:
            times[call["job_name"]] = min(call["time"], times.get(call["job_name"], call["time"]))
    return times


def _span(created: datetime, ended: datetime | None) -> tuple[float, float | None]:
    return created.timestamp(), ended.timestamp() if ended else None


def _timeline(summary: Mapping[str, Any]) -> tuple[float, float | None]:
    timeline = summary["Status"]["Timeline"]
    return _span(timeline["CreationDateTime"], timeline.get("EndDateTime"))


def _cluster_state(summary: Mapping[str, Any]) -> str:
    """Return how the only step of a cluster has ended: a cluster whose steps are done is TERMINATED, too."""
    state, reason = summary["Status"]["State"], summary["Status"].get("StateChangeReason", {}).get("Code", "")
    if state == "TERMINATED":
        return SUCCEEDED if reason == _STEPS_DONE else STOPPED
    return _STATES.get(state, LIVE)


def _owner(tags: Mapping[str, str]) -> Owner | None:
    return owner_of([{"Key": key, "Value": value} for key, value in tags.items()])
