"""Trials: the training jobs of a tuning job, as requests and as results."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus, JobTable, SecondaryStatus
from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Objective, Tuning
from airflow_sm_pipelines.local.services.sagemaker.tuning.search import Candidate

TRAINING_JOB = "training-job"
OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"
"""Tells the algorithm which metric to print; AWS adds it to the hyperparameters of every trial."""

_SHARED = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)
"""Members of a training definition that are the same in the request of each of its trials."""


def trial_name(tuning_job: str, number: int) -> str:
    """Return the name of the ``number``-th trial, from 1: the tuning job's name is its prefix (API reference)."""
    return f"{tuning_job}-{number:03d}-{secrets.token_hex(4)}"


def trial_request(candidate: Candidate, name: str, tags: Sequence[Mapping[str, str]]) -> Document:
    """Return the CreateTrainingJob request of a trial.

    Args:
        candidate: What it tries.
        name: Its name.
        tags: The tuning job's: all of its trials have them (API reference, ``Tags``).
    """
    members = candidate.definition.members
    checkpoints = members.get("CheckpointConfig")
    own = {OBJECTIVE_HYPERPARAMETER: candidate.definition.objective.metric}
    return {
        "TrainingJobName": name,
        **{member: members[member] for member in _SHARED if member in members},
        "HyperParameters": {**own, **members.get("StaticHyperParameters", {}), **candidate.values},
        "ResourceConfig": _resources(members),
        **({"CheckpointConfig": _own_checkpoints(checkpoints, name)} if checkpoints else {}),
        "Tags": list(tags),
    }


def _resources(members: Document) -> Document:
    """Return the resources of a trial; of several instance configurations the first, since AWS takes them in order."""
    if "ResourceConfig" in members:
        found: Document = members["ResourceConfig"]
        return found
    config = members["HyperParameterTuningResourceConfig"]
    first = config["InstanceConfigs"][0] if "InstanceConfigs" in config else {}
    return {**{key: config[key] for key in config if key not in {"InstanceConfigs", "AllocationStrategy"}}, **first}


def _own_checkpoints(config: Document, name: str) -> Document:
    """Return a folder for each trial (*assumed*), else one would continue from another's checkpoints."""
    return {**config, "S3Uri": f"{config['S3Uri'].rstrip('/')}/{name}"}


def trial_origin(tuning_arn: str, candidate: Candidate, note: str) -> Document:
    """Return what the service remembers of a trial beside its request."""
    origin = {"TuningJobArn": tuning_arn, "TunedHyperParameters": dict(candidate.values)}
    named = {"TrainingJobDefinitionName": candidate.definition.name} if candidate.definition.name else {}
    return {**origin, **named, **({"Note": note} if note else {})}


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as it is now.

    Attributes:
        job: The training job.
        objective: What it is measured by.
    """

    job: Job
    objective: Objective

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.job.status in {JobStatus.IN_PROGRESS, JobStatus.STOPPING}

    @property
    def value(self) -> float | None:
        """The last value of its objective; ``None`` if it failed, still runs, or has printed none."""
        if self.is_running or self.job.status is JobStatus.FAILED:
            return None
        return next((metric.value for metric in self.job.metrics if metric.name == self.objective.metric), None)

    @property
    def tuned(self) -> Mapping[str, str]:
        """The hyperparameters that it tries."""
        found: Mapping[str, str] = self.job.origin["TunedHyperParameters"]
        return found

    @property
    def objective_status(self) -> str:
        """``Pending``, ``Succeeded`` or ``Failed``."""
        if self.is_running:
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"

    def summary(self) -> Document:
        """Return the trial as a ``HyperParameterTrainingJobSummary``, but for the name of its tuning job."""
        job, value = self.job, self.value
        final = {"Type": self.objective.kind, "MetricName": self.objective.metric, "Value": value}
        started = [row.start_time for row in job.transitions if row.status is SecondaryStatus.DOWNLOADING]
        return {
            "TrainingJobDefinitionName": job.origin.get("TrainingJobDefinitionName"),
            "TrainingJobName": job.key.name,
            "TrainingJobArn": job.key.arn,
            "CreationTime": job.creation_time,
            "TrainingStartTime": started[0] if started else None,
            "TrainingEndTime": job.end_time,
            "TrainingJobStatus": job.status.value,
            "TunedHyperParameters": self.tuned,
            "FailureReason": job.failure_reason,
            "FinalHyperParameterTuningJobObjectiveMetric": None if value is None else final,
            "ObjectiveStatus": self.objective_status,
        }


def trials_of(jobs: JobTable, tuning_job: Job, tuning: Tuning) -> list[Trial]:
    """Return all trials of a tuning job, in the order of their creation."""
    objectives = {definition.name: definition.objective for definition in tuning.definitions}
    found = [
        Trial(job, objectives[job.origin.get("TrainingJobDefinitionName", "")])
        for job in jobs.jobs(TRAINING_JOB, tuning_job.key.region)
        if job.origin.get("TuningJobArn") == tuning_job.key.arn
    ]
    return sorted(found, key=lambda trial: (trial.job.creation_time, trial.job.key.name))


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Return the completed trial with the best objective, the earliest of equals; ``None`` if there is none."""
    best: Trial | None = None
    for trial in trials:
        if trial.value is None or trial.job.status is not JobStatus.COMPLETED:
            continue
        if best is None or best.value is None or trial.objective.is_better(trial.value, best.value):
            best = trial
    return best
