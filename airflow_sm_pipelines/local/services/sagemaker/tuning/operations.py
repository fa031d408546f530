"""Tuning jobs: Create, Describe, List and Stop, and the list of a tuning job's training jobs."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.runner import JobResult, OwnWork
from airflow_sm_pipelines.local.jobs.supervision import StopRequest
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobKind, JobOperations
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import TERMINAL, Job, JobTable
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey
from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Tuning, read_tuning, tuning_problems
from airflow_sm_pipelines.local.services.sagemaker.tuning.run import TuningRun, without_progress
from airflow_sm_pipelines.local.services.sagemaker.tuning.search import Candidate, candidates
from airflow_sm_pipelines.local.services.sagemaker.tuning.trials import (
    Trial,
    best_of,
    trial_name,
    trial_request,
    trials_of,
)
from airflow_sm_pipelines.local.stand_in import StandIn, owner_of_request
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_log = logging.getLogger(__name__)

_TUNING_JOB = "hyper-parameter-tuning-job"
_LEARNING = frozenset({"Bayesian", "Hyperband"})
_RANDOM_NOTE = "the local AWS draws hyperparameters at random, also for the strategy {strategy}"
_NO_EARLY_STOPPING_NOTE = "the local AWS stops no training job early"


class TuningJobs:
    """The operations of tuning jobs.

    Args:
        jobs: All jobs.
        training: The operations of training jobs: trials are such.
        stand_in: What training jobs do instead of running, if there is one.
    """

    def __init__(self, jobs: JobTable, training: JobOperations, stand_in: StandIn | None = None) -> None:
        self._jobs = jobs
        self._training = training
        self._stand_in = stand_in

    def kind(self) -> JobKind:
        """Return tuning jobs as a kind of job."""
        return JobKind(
            noun="HyperParameterTuningJob",
            resource_type=_TUNING_JOB,
            # The text is AWS's own (public reports).
            in_use="A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
            not_found=_NOT_FOUND,
            not_found_code="ResourceNotFound",
            default_order="Ascending",  # API reference, SortOrder
            default_sort="Name",
            check=self._check,
            plan=self._work,
            describe=self._describe,
            summarize=self._summary,
        )

    def operations(self) -> Mapping[str, Operation]:
        """Return the operation that only tuning jobs have."""
        return {"ListTrainingJobsForHyperParameterTuningJob": self._list_trials}

    # -- create ----------------------------------------------------------------------------------------------------

    def _check(self, context: RequestContext, request: Document) -> None:
        if problems := list(tuning_problems(request)):
            raise validation_error("; ".join(problems))
        tuning = read_tuning(request)
        for parent in tuning.parents:
            self._check_parent(ResourceKey(_TUNING_JOB, context.region, parent))
        # What a training job would be refused for, its tuning job is refused for.
        for candidate in _one_of_each(tuning):
            name = trial_name(request["HyperParameterTuningJobName"], 1)
            self._training.check(context, trial_request(candidate, name, request.get("Tags", ())))

    def _check_parent(self, key: ResourceKey) -> None:
        """Require that a parent has ended ("Run a Warm Start Hyperparameter Tuning Job"; the texts are assumed)."""
        parent = self._jobs.find(key)
        if parent is None:
            raise validation_error(_NOT_FOUND.format(name=key.name))
        if parent.status not in TERMINAL:
            raise validation_error(
                f"The parent hyperparameter tuning job {key.name} is {parent.status.value}; it must have ended"
            )

    # -- run -------------------------------------------------------------------------------------------------------

    def _work(self, job: Job) -> OwnWork:
        if (stand_in := self._stand_in) is not None:
            return OwnWork(lambda access: self._run_with(stand_in, job, access.stop))
        if problems := list(_unsupported(job.request)):
            raise JobFailure(f"ClientError: the local AWS does not support {'; '.join(problems)}")
        return OwnWork(lambda access: self._run(job, access.stop))

    def _run_with(self, stand_in: StandIn, job: Job, stop: StopRequest) -> JobResult:
        """Take the time of the whole job; then come the trials, which take none."""
        ending = stand_in.ending_of(owner_of_request(stand_in, job.request))
        if stop.wait(ending.seconds) or ending.stopped:
            return JobResult(stopped=True)
        if ending.failure_reason is not None:
            raise JobFailure(ending.failure_reason)
        return self._run(job, stop)

    def _run(self, job: Job, stop: StopRequest) -> JobResult:
        tuning = read_tuning(job.request)
        known = [trial.tuned for trial in self._parent_trials(job, tuning)]
        notes = [] if self._stand_in else list(_notes(job.request, tuning))  # all of a stand-in is synthetic
        for note in notes:
            _log.warning("Tuning job %s: %s", job.key.name, note)
        run = TuningRun(
            job=job,
            tuning=tuning,
            candidates=candidates(tuning, known),
            trials=lambda: trials_of(self._jobs, job, tuning),
            jobs=_TrialJobs(self._training),
            note="; ".join(notes),
        )
        return run.run(stop)

    def _parent_trials(self, job: Job, tuning: Tuning) -> list[Trial]:
        found: list[Trial] = []
        for name in tuning.parents:
            parent = self._jobs.find(ResourceKey(_TUNING_JOB, job.key.region, name))
            if parent is not None:
                found += trials_of(self._jobs, parent, read_tuning(parent.request))
        return found

    # -- describe and list -----------------------------------------------------------------------------------------

    def _summary(self, job: Job) -> Document:
        """Return the members that both Describe and List have."""
        config = job.request["HyperParameterTuningJobConfig"]
        trials = trials_of(self._jobs, job, read_tuning(job.request))
        return {
            "HyperParameterTuningJobName": job.key.name,
            "HyperParameterTuningJobArn": job.key.arn,
            "HyperParameterTuningJobStatus": job.status.value,
            "Strategy": config["Strategy"],
            "ResourceLimits": config["ResourceLimits"],
            "CreationTime": job.creation_time,
            "LastModifiedTime": job.last_modified_time,
            "HyperParameterTuningEndTime": job.end_time,
            "TrainingJobStatusCounters": _status_counters(trials),
            "ObjectiveStatusCounters": {
                status: sum(trial.objective_status == status for trial in trials)
                for status in ("Succeeded", "Pending", "Failed")
            },
        }

    def _describe(self, job: Job) -> Document:
        tuning = read_tuning(job.request)
        trials = trials_of(self._jobs, job, tuning)
        best, overall = best_of(trials), None
        if tuning.shares_results:
            overall = best_of([*self._parent_trials(job, tuning), *trials])
        ran = [trial.job for trial in trials if trial.job.end_time]
        seconds = sum((one.end_time - one.creation_time).total_seconds() for one in ran if one.end_time)
        return {
            "BestTrainingJob": best.summary() if best else None,
            "OverallBestTrainingJob": self._summary_of(overall) if overall else None,
            "FailureReason": job.failure_reason,
            "TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": without_progress(trials)},
            "ConsumedResources": {"RuntimeInSeconds": round(seconds)},
            **dict.fromkeys(_ONLY_LISTED),
        }

    def _summary_of(self, trial: Trial) -> Document:
        """Return a trial that may be another tuning job's."""
        name = trial.job.origin["TuningJobArn"].rpartition("/")[2]
        return {**trial.summary(), "TuningJobName": name}

    def _list_trials(self, context: RequestContext, request: Document) -> Document:
        name = request["HyperParameterTuningJobName"]
        job = self._jobs.find(ResourceKey(_TUNING_JOB, context.region, name))
        if job is None:
            raise AwsError("ResourceNotFound", _NOT_FOUND.format(name=name))
        trials = trials_of(self._jobs, job, read_tuning(job.request))
        if request.get("SortBy") == _BY_OBJECTIVE:
            trials = [trial for trial in trials if trial.value is not None]  # API reference, SortBy
        page, token = _TRIALS.page(trials, request)
        return {"TrainingJobSummaries": [trial.summary() for trial in page], "NextToken": token}


@dataclass(frozen=True, slots=True)
class _TrialJobs:
    """Trials as training jobs."""

    training: JobOperations

    def launch(self, region: str, request: Document, origin: Document) -> Job:
        return self.training.launch(RequestContext(region), request, origin)

    def stop(self, job: Job) -> None:
        self.training.stop(job.key)


_NOT_FOUND = "Amazon SageMaker can't find a tuning job with the name {name}"
"""*Assumed*."""

_ONLY_LISTED = ("Strategy", "ResourceLimits")
"""Members of a List entry that Describe has elsewhere."""

_BY_OBJECTIVE = "FinalObjectiveMetricValue"


def _sortable_number(value: float) -> str:
    """Return a number as a text that sorts as numbers do: the ordered bits of an IEEE 754 double."""
    bits = struct.unpack(">Q", struct.pack(">d", value))[0]
    return f"{bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 0x8000000000000000):016x}"


_TRIALS: Listing[Trial] = Listing(
    name=lambda trial: trial.job.key.name,
    filters={"StatusEquals": lambda trial, status: trial.job.status.value == status},
    sort_keys={
        "Name": lambda trial: trial.job.key.name,
        "CreationTime": lambda trial: sortable(trial.job.creation_time),
        "Status": lambda trial: trial.job.status.value,
        _BY_OBJECTIVE: lambda trial: _sortable_number(trial.value or 0.0),
    },
    default_sort="Name",
    default_order="Ascending",
)


def _status_counters(trials: list[Trial]) -> dict[str, int]:
    counters = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
    for trial in trials:
        counters[_counter(trial)] += 1
    return counters


def _counter(trial: Trial) -> str:
    """Return the counter of a trial; only an internal error of the service can be retried (API reference)."""
    if trial.is_running:
        return "InProgress"
    reason = trial.job.failure_reason
    if reason is None:
        return trial.job.status.value
    return "RetryableError" if reason.startswith("InternalServerError") else "NonRetryableError"


def _one_of_each(tuning: Tuning) -> Iterator[Candidate]:
    """Yield a candidate of each definition, to look at."""
    for definition in tuning.definitions:
        yield Candidate(definition, definition.space.draw(Random(0)))  # noqa: S311 - no secret


def _unsupported(request: Document) -> Iterator[str]:
    """Yield what only AWS supports."""
    if "Autotune" in request:
        yield "Autotune"
    config = request["HyperParameterTuningJobConfig"]
    definitions = [request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", ())]
    ranges = [config.get("ParameterRanges", {}), *(one.get("HyperParameterRanges", {}) for one in definitions)]
    if any(one.get("AutoParameters") for one in ranges):
        yield "AutoParameters"
    convergence = config.get("TuningJobCompletionCriteria", {}).get("ConvergenceDetected", {})
    if convergence.get("CompleteOnConvergence") == "Enabled":
        yield "TuningJobCompletionCriteria.ConvergenceDetected, since a random search does not converge"


def _notes(request: Document, tuning: Tuning) -> Iterator[str]:
    """Yield differences from AWS, for the log of the local AWS and each trial's first status."""
    if tuning.strategy in _LEARNING:
        yield _RANDOM_NOTE.format(strategy=tuning.strategy)
    if request["HyperParameterTuningJobConfig"].get("TrainingJobEarlyStoppingType") == "Auto":
        yield _NO_EARLY_STOPPING_NOTE
