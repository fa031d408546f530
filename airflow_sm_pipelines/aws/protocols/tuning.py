"""Tuning jobs and the training jobs that they launch: what differs from SageMaker's other resources.

A tuning job that failed gives no reason but that its training jobs did; so theirs are told, too. What a tuning step
publishes has the best training jobs, which no Describe response holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.properties import plain_properties
from airflow_sm_pipelines.aws.protocols import sagemaker as sagemaker_resources
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.aws.protocols.sagemaker import create, running, stop, tags
from airflow_sm_pipelines.errors import AwsCallError

__all__ = ["associate_trials", "best_training_jobs", "create", "observe", "running", "stop", "tags"]

MOST_SUMMARIES = 50
"""How many training jobs a tuning step publishes (developer guide, "Tuning step")."""

_MOST_REASONS = 3
_LIST = "ListTrainingJobsForHyperParameterTuningJob"
_COMPONENT_SUFFIX = "-aws-training-job"
"""SageMaker makes a trial component of this name for each training job (seen in the SDK, `experiments`)."""


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at it; see `airflow_sm_pipelines.aws.jobs.observe`. Reasons of its training jobs are added to its own."""
    seen = sagemaker_resources.observe(client, kind, reference)
    if seen is None or seen.outcome is not Outcome.FAILED:
        return seen
    reasons = [seen.reason, *_training_job_reasons(client, reference)]
    return replace(seen, reason="; ".join(reason for reason in reasons if reason))


def _training_job_reasons(client: Any, name: str) -> Iterator[str]:
    """Each reason once, with the first training job that has it."""
    told: set[str] = set()
    try:
        for summary in _training_jobs(client, name, {"StatusEquals": "Failed", "SortBy": "CreationTime"}):
            reason = str(summary.get("FailureReason", ""))
            if reason and reason not in told:
                told.add(reason)
                yield f"{summary['TrainingJobName']}: {reason}"
            if len(told) == _MOST_REASONS:
                return
    except AwsCallError as error:  # the failure of the tuning job is the news
        yield f"(cannot read why its training jobs failed: {error.in_words()})"


def best_training_jobs(client: Any, description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the summaries of the best training jobs, the best first.

    Those that failed are left out, and, by the API's rule, those without a value of the objective.

    Args:
        client: A boto3 client for SageMaker.
        description: The Describe response of the tuning job, or the step's properties.

    Raises:
        AwsCallError: AWS refused a call.
    """
    order = "Descending" if _objective_type(description) == "Maximize" else "Ascending"
    wanted = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order}
    found: list[dict[str, Any]] = []
    for summary in _training_jobs(client, str(description["HyperParameterTuningJobName"]), wanted):
        if summary["TrainingJobStatus"] != "Failed":
            found.append(plain_properties(summary))
        if len(found) == MOST_SUMMARIES:
            break
    return found


def _objective_type(description: Mapping[str, Any]) -> str:
    """Whether the objective is to be minimized or maximized; of several algorithms, all have the first one's."""
    objective = description["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective")
    for definition in _definitions(description):
        objective = objective or definition.get("TuningObjective")
    return str((objective or {}).get("Type", "Minimize"))


def associate_trials(client: Any, tuning_job: str, trial: str) -> list[str]:
    """Add the training jobs of a tuning job to a trial; what is there already stays.

    CreateHyperParameterTuningJob takes no experiment, so SageMaker leaves the trial components of these training jobs
    without a trial.

    Args:
        client: A boto3 client for SageMaker.
        tuning_job: Name of the tuning job.
        trial: Name of the trial.

    Returns:
        The training jobs that have no trial component, and are not in the trial.

    Raises:
        AwsCallError: AWS refused a call.
    """
    left_out = []
    for summary in _training_jobs(client, tuning_job, {}):
        name = str(summary["TrainingJobName"])
        request = {"TrialComponentName": f"{name}{_COMPONENT_SUFFIX}", "TrialName": trial}
        try:
            call(client, "AssociateTrialComponent", request)
        except AwsCallError as error:
            if not says_absent(error.code, error.message):
                raise
            left_out.append(name)
    return left_out


def _definitions(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    single = description.get("TrainingJobDefinition")
    return [single] if single else list(description.get("TrainingJobDefinitions") or ())


def _training_jobs(client: Any, name: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    page: dict[str, Any] = {}
    while True:
        answer = call(client, _LIST, {"HyperParameterTuningJobName": name, "MaxResults": 100, **wanted, **page})
        yield from answer.get("TrainingJobSummaries", ())
        if not answer.get("NextToken"):
            return
        page = {"NextToken": answer["NextToken"]}
