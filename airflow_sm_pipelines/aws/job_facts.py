"""What people ask about a job, read from its Describe response: how long, on what, where to, how good.

One row per kind of resource says where the response has each answer (API references of the Describe operations). What a
response does not tell is left open; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.aws.kinds import ResourceKind

WAITING_STATES = frozenset({"Pending"})
"""Secondary states in which a job waits for capacity that others use."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the Describe response of a kind has the answers.

    Each place is a path of members with dots between them; ``[]`` stands for every entry of a list.

    Attributes:
        created, started, ended: Times. Machines are there from ``started`` on.
        waits: Whether a resource waits for work of others between ``created`` and ``started``, instead of for machines.
        billable: Seconds that are paid for.
        machines: Structures with ``InstanceType`` and ``InstanceCount``.
        outputs: S3 URIs that the job writes.
        results: ARNs of what it makes, other than itself.
        metrics: Structures with ``MetricName`` and ``Value``.
        secondary: The state within the state.
        message: What the service says of the present state.
        transitions: Structures with ``Status``, ``StartTime``, ``EndTime`` and ``StatusMessage``.
        counters: A structure of numbers that tells the progress.
        approval: Whether the result may be used.
    """

    created: str = "CreationTime"
    started: str = ""
    ended: str = ""
    waits: bool = False
    billable: str = ""
    machines: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    secondary: str = ""
    message: str = ""
    transitions: str = ""
    counters: str = ""
    approval: str = ""


_EMR_STEP = Places(
    created="Status.Timeline.CreationDateTime",
    started="Status.Timeline.StartDateTime",
    ended="Status.Timeline.EndDateTime",
    waits=True,
    message="Status.StateChangeReason.Message",
)
_EMR_SERVERLESS = Places(
    created="jobRun.createdAt",
    started="jobRun.startedAt",
    ended="jobRun.endedAt",
    message="jobRun.stateDetails",
)

PLACES: Mapping[str, Places] = {
    "processing-job": Places(
        started="ProcessingStartTime",
        ended="ProcessingEndTime",
        machines=("ProcessingResources.ClusterConfig",),
        outputs=("ProcessingOutputConfig.Outputs[].S3Output.S3Uri",),
    ),
    "training-job": Places(
        started="TrainingStartTime",
        ended="TrainingEndTime",
        billable="BillableTimeInSeconds",
        machines=("ResourceConfig", "ResourceConfig.InstanceGroups[]"),
        outputs=("ModelArtifacts.S3ModelArtifacts",),
        results=("OutputModelPackageArn",),
        metrics=("FinalMetricDataList[]",),
        secondary="SecondaryStatus",
        transitions="SecondaryStatusTransitions[]",
    ),
    "transform-job": Places(
        started="TransformStartTime",
        ended="TransformEndTime",
        machines=("TransformResources",),
        outputs=("TransformOutput.S3OutputPath",),
    ),
    "tuning-job": Places(
        ended="HyperParameterTuningEndTime",
        machines=(
            "TrainingJobDefinition.ResourceConfig",
            "TrainingJobDefinition.HyperParameterTuningResourceConfig",
            "TrainingJobDefinitions[].ResourceConfig",
            "TrainingJobDefinitions[].HyperParameterTuningResourceConfig",
        ),
        results=("BestTrainingJob.TrainingJobArn",),
        metrics=("BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric",),
        counters="TrainingJobStatusCounters",
    ),
    "auto-ml-job": Places(
        ended="EndTime",
        outputs=("OutputDataConfig.S3OutputPath",),
        metrics=("BestCandidate.FinalAutoMLJobObjectiveMetric",),
        secondary="AutoMLJobSecondaryStatus",
    ),
    "model-customization-job": Places(
        ended="EndTime", secondary="SecondaryStatus", transitions="SecondaryStatusTransitions[]"
    ),
    "model": Places(),
    "model-package": Places(approval="ModelApprovalStatus"),
    "endpoint-config": Places(),
    "endpoint": Places(),
    "inference-component": Places(),
    "emr-step": _EMR_STEP,
    # The properties are those of the cluster's only step.
    "emr-cluster": _EMR_STEP,
    "emr-serverless-job": _EMR_SERVERLESS,
    "emr-serverless-application": _EMR_SERVERLESS,
}
"""The rows, by the key of the kind."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One state within a state, such as ``Downloading``.

    Attributes:
        status: Its name.
        message: What the service says of it.
        started: When it began.
        seconds: How long it took; ``None`` as long as it lasts.
    """

    status: str
    message: str
    started: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a Describe response tells of a job; ``None`` and empty stand for what it does not tell.

    Attributes:
        arn: Its ARN.
        waiting: Seconds in which others were served first.
        provisioning: Seconds in which its machines were made ready.
        running: Seconds from its start to its end.
        billable: Seconds that are paid for.
        machines: Its machines, such as ``2 x ml.m5.xlarge``.
        outputs: S3 URIs that it writes.
        results: ARNs of what it has made.
        metrics: Names and values.
        approval: Whether its result may be used, e.g. ``PendingManualApproval``.
    """

    arn: str
    waiting: float | None
    provisioning: float | None
    running: float | None
    billable: float | None
    machines: tuple[str, ...]
    outputs: tuple[str, ...]
    results: tuple[str, ...]
    metrics: tuple[tuple[str, float], ...]
    approval: str


def facts_of(kind: ResourceKind, description: Mapping[str, Any]) -> JobFacts:
    """Return what a Describe response tells of a job.

    Args:
        kind: The job's row.
        description: The response, from boto3 or as the plain JSON that a step publishes.
    """
    places = PLACES[kind.key]
    created, started, ended = (_time(description, place) for place in (places.created, places.started, places.ended))
    before = _seconds(created, started)
    waited = before if places.waits else _waited(phases_of(kind, description))
    billable = next(_at(description, places.billable), None)
    return JobFacts(
        arn=_text(description, kind.arn_member) or _text(description, "jobRun.arn"),
        waiting=waited,
        provisioning=None if places.waits or before is None else max(before - (waited or 0.0), 0.0),
        # Some responses do not tell when the work began.
        running=_seconds(started if places.started else created, ended),
        billable=None if billable is None else float(billable),
        machines=tuple(dict.fromkeys(_machines(description, places.machines))),
        outputs=_texts(description, places.outputs),
        results=_texts(description, places.results),
        metrics=tuple(
            (str(metric["MetricName"]), float(metric["Value"]))
            for place in places.metrics
            for metric in _at(description, place)
            if "MetricName" in metric and "Value" in metric
        ),
        approval=_text(description, places.approval),
    )


def phases_of(kind: ResourceKind, description: Mapping[str, Any]) -> tuple[Phase, ...]:
    """Return the states within its states that a job has been in, in order; empty if its kind does not tell them.

    Args:
        kind: The job's row.
        description: The Describe response.
    """
    return tuple(
        Phase(
            str(one.get("Status", "")),
            str(one.get("StatusMessage", "")),
            _time(one, "StartTime"),
            _seconds(_time(one, "StartTime"), _time(one, "EndTime")),
        )
        for one in _at(description, PLACES[kind.key].transitions)
    )


def state_in_words(kind: ResourceKind, status: str, description: Mapping[str, Any]) -> str:
    """Return a job's state for people: with the state within it, the service's message, and how far it is.

    Args:
        kind: The job's row.
        status: The state.
        description: The Describe response, or an entry of a List response: its members are told, if it has them.
    """
    places, phases = PLACES[kind.key], phases_of(kind, description)
    # A List of model customization jobs has another name for it.
    secondary = _text(description, places.secondary) or _text(description, "JobSecondaryStatus")
    message = phases[-1].message if phases else _text(description, places.message)
    words = status if secondary in ("", status) else f"{status}, {secondary}"
    counted: Mapping[str, int] = next(_at(description, places.counters), {})
    numbers = ", ".join(f"{number} {_spaced(name)}" for name, number in counted.items() if number)
    numbers = f" (training jobs: {numbers})" if numbers else ""
    return f"{words}{numbers}: {message}" if message and message != secondary else f"{words}{numbers}"


def _spaced(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _machines(description: Mapping[str, Any], places: tuple[str, ...]) -> Iterator[str]:
    for place in places:
        for one in _at(description, place):
            kind = one.get("SelectedInstanceType") or one.get("InstanceType")
            count = one.get("SelectedInstanceCount") or one.get("InstanceCount")
            if kind:
                yield f"{count} x {kind}" if count else str(kind)


def _waited(phases: tuple[Phase, ...]) -> float | None:
    waits = [phase.seconds for phase in phases if phase.status in WAITING_STATES and phase.seconds is not None]
    return sum(waits) if waits else None


def _at(value: Any, place: str) -> Iterator[Any]:
    """Yield what stands at a place; nothing if a member on the way is absent."""
    if not place:
        return
    member, _, rest = place.partition(".")
    found = value.get(member.removesuffix("[]")) if isinstance(value, Mapping) else None
    for one in (found or ()) if member.endswith("[]") else (found,):
        if one is None:
            continue
        if rest:
            yield from _at(one, rest)
        else:
            yield one


def _text(description: Mapping[str, Any], place: str) -> str:
    return str(next(_at(description, place), ""))


def _texts(description: Mapping[str, Any], places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one) for place in places for one in _at(description, place) if one))


def _time(description: Mapping[str, Any], place: str) -> datetime | None:
    found = next(_at(description, place), None)
    return datetime.fromisoformat(found) if isinstance(found, str) else found


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else max((until - since).total_seconds(), 0.0)
