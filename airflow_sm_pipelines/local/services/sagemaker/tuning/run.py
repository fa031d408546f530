"""Running a tuning job: its trials are launched, watched and stopped; runs in the tuning job's own thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.runner import JobResult
from airflow_sm_pipelines.local.jobs.supervision import StopRequest
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Tuning
from airflow_sm_pipelines.local.services.sagemaker.tuning.search import Candidate
from airflow_sm_pipelines.local.services.sagemaker.tuning.trials import (
    Trial,
    best_of,
    trial_name,
    trial_origin,
    trial_request,
)

_ATTEMPTS = 5
"""A tuning job fails when so many trials have failed and none has succeeded; see `_NONE_SUCCEEDED`."""

_NONE_SUCCEEDED = (
    "No training job succeeded after {number} attempts. For additional details, please take a look at the training job "
    "failures by listing training jobs for the hyperparameter tuning job."
)
"""The text is AWS's own (public reports); that fewer trials than five fail it when they are all is assumed."""

_NO_METRIC = (
    "No objective metrics found after running {number} training jobs. Please ensure that the custom algorithm is "
    "emitting the objective metric as defined by the regular expression provided."
)
"""*Assumed*."""

_STEP = 0.01
"""An improvement of the objective by 1% counts as one (API reference, BestObjectiveNotImproving)."""


class TrialJobs(Protocol):
    """The training jobs in which trials run."""

    def launch(self, region: str, request: Document, origin: Document) -> Job:
        """Create and start one."""

    def stop(self, job: Job) -> None:
        """Ask one to stop; nothing happens if it has ended."""


@dataclass(frozen=True, slots=True)
class TuningRun:
    """One tuning job at work.

    Attributes:
        job: The tuning job.
        tuning: What it asks for.
        candidates: What to try, one after the other.
        trials: Returns its trials as they are now.
        jobs: Where they run.
        note: What is told of each trial, e.g. that its hyperparameters were drawn at random.
        poll_seconds: Time between two looks at the trials.
    """

    job: Job
    tuning: Tuning
    candidates: Iterator[Candidate]
    trials: Callable[[], list[Trial]]
    jobs: TrialJobs
    note: str = ""
    poll_seconds: float = 0.05

    def run(self, stop: StopRequest) -> JobResult:
        """Launch trials until the tuning job has ended; none of them runs any more then."""
        ends = None if self.tuning.max_seconds is None else time.monotonic() + self.tuning.max_seconds
        is_leaving = False
        try:
            while not stop.is_set:
                trials = self.trials()  # one look for both: what ends in between is seen the next time
                if self._is_enough(trials, ends) or not self._launch(trials):
                    break
                stop.wait(self.poll_seconds)
        except AwsError as error:
            if error.code != "ServiceUnavailable":
                raise
            is_leaving = True  # the local AWS is stopping
        finally:
            self._stop_trials()
        if stop.is_set or is_leaving:
            return JobResult(stopped=True)
        return JobResult(stopped=False, failure_reason=_failure(self.trials()))

    def _launch(self, trials: Sequence[Trial]) -> bool:
        """Launch what may run; whether anything runs."""
        running = sum(trial.is_running for trial in trials)
        room = min(self.tuning.most_parallel - running, self.tuning.most_trials - len(trials))
        for number in range(len(trials) + 1, len(trials) + 1 + room):
            candidate = next(self.candidates, None)
            if candidate is None:
                break
            self._start(number, candidate)
            running += 1
        return running > 0

    def _start(self, number: int, candidate: Candidate) -> None:
        request = trial_request(candidate, trial_name(self.job.key.name, number), self.job.request.get("Tags", ()))
        origin = trial_origin(self.job.key.arn, candidate, self.note)
        self.jobs.launch(self.job.key.region, request, origin)

    def _is_enough(self, trials: Sequence[Trial], ends: float | None) -> bool:
        """Tell whether the job may end although there is more to try."""
        best = best_of(trials)
        if ends is not None and time.monotonic() >= ends:
            return True
        if best is None or best.value is None:
            return _failed_in_vain(trials)
        if self.tuning.target is not None and best.objective.is_reached(best.value, self.tuning.target):
            return True
        most = self.tuning.most_without_progress
        return most is not None and without_progress(trials) >= most

    def _stop_trials(self) -> None:
        """Stop what still runs and wait for its end: nobody is left behind, whatever ended the tuning job."""
        running = [trial for trial in self.trials() if trial.is_running]
        for trial in running:
            self.jobs.stop(trial.job)
        while any(trial.is_running for trial in self.trials()):
            time.sleep(self.poll_seconds)


def without_progress(trials: Sequence[Trial]) -> int:
    """Return how many trials have ended since the last that improved on all before it by 1% or more."""
    ended = sorted((trial for trial in trials if trial.value is not None), key=_end)
    best, since = None, 0
    for trial in ended:
        value = trial.value
        if value is None:
            continue
        if best is None or (trial.objective.is_better(value, best) and abs(value - best) >= _STEP * abs(best)):
            best, since = value, 0
        else:
            since += 1
    return since


def _end(trial: Trial) -> float:
    return trial.job.end_time.timestamp() if trial.job.end_time else 0.0


def _failed_in_vain(trials: Sequence[Trial]) -> bool:
    """Tell whether as many trials have failed as make AWS give up."""
    ended = [trial for trial in trials if not trial.is_running]
    return len(ended) >= _ATTEMPTS and all(trial.value is None for trial in ended)


def _failure(trials: Sequence[Trial]) -> str | None:
    """Return why the tuning job failed; ``None`` if a trial has brought a result."""
    if best_of(trials) is not None:
        return None
    if any(trial.job.status is JobStatus.COMPLETED for trial in trials):
        return _NO_METRIC.format(number=len(trials))
    return _NONE_SUCCEEDED.format(number=min(len(trials), _ATTEMPTS))
