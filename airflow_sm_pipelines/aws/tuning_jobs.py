"""The training jobs that a tuning job launches: which are the best, why some failed, and their place in a trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import Body, call, pages
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.properties import plain_properties
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

MOST_SUMMARIES = 50
"""How many training jobs a tuning step publishes (developer guide, "Tuning step")."""

_MOST_REASONS = 3
_COMPONENT_SUFFIX = "-aws-training-job"
"""SageMaker makes a trial component of this name for each training job (seen in the SDK, `experiments`)."""


def best_training_jobs(client: BaseClient, description: Body) -> list[dict[str, Any]]:
    """Return the summaries of the best training jobs, the best first.

    Failed training jobs are left out, and, by the API's rule, those without a value of the objective.

    Args:
        client: A boto3 client for SageMaker.
        description: The Describe response of the tuning job, or the step's properties.

    Raises:
        AwsCallError: A call failed.
    """
    order = "Descending" if _objective_type(description) == "Maximize" else "Ascending"
    query = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order}
    found: list[dict[str, Any]] = []
    for summary in _training_jobs(client, str(description["HyperParameterTuningJobName"]), query):
        if summary["TrainingJobStatus"] != "Failed":
            found.append(plain_properties(summary))
        if len(found) == MOST_SUMMARIES:
            break
    return found


def failure_reasons(client: BaseClient, tuning_job: str) -> Iterator[str]:
    """Yield why training jobs of a tuning job failed: up to three reasons, each with the first job that has it.

    Args:
        client: A boto3 client for SageMaker.
        tuning_job: Name of the tuning job.
    """
    known: set[str] = set()
    try:
        for summary in _training_jobs(client, tuning_job, {"StatusEquals": "Failed", "SortBy": "CreationTime"}):
            reason = str(summary.get("FailureReason", ""))
            if reason and reason not in known:
                known.add(reason)
                yield f"{summary['TrainingJobName']}: {reason}"
            if len(known) == _MOST_REASONS:
                return
    except AwsCallError as error:  # must not hide the failure of the tuning job
        yield f"(cannot read why its training jobs failed: {error.in_words()})"


def associate_trials(client: BaseClient, tuning_job: str, trial: str) -> list[str]:
    """Add the training jobs of a tuning job to a trial; those that are in it already stay.

    CreateHyperParameterTuningJob takes no experiment, so SageMaker creates the trial components of these training jobs
    outside any trial.

    Args:
        client: A boto3 client for SageMaker.
        tuning_job: Name of the tuning job.
        trial: Name of the trial.

    Returns:
        The training jobs that have no trial component, and so are not in the trial.

    Raises:
        AwsCallError: A call failed.
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


def _objective_type(description: Body) -> str:
    """Return ``Minimize`` or ``Maximize``; all algorithms of a tuning job have the objective type of the first."""
    objective = description["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective")
    for definition in _definitions(description):
        objective = objective or definition.get("TuningObjective")
    return str((objective or {}).get("Type", "Minimize"))


def _definitions(description: Body) -> list[Body]:
    single = description.get("TrainingJobDefinition")
    return [single] if single else list(description.get("TrainingJobDefinitions") or ())


def _training_jobs(client: BaseClient, tuning_job: str, query: Body) -> Iterator[Body]:
    request = {"HyperParameterTuningJobName": tuning_job, "MaxResults": 100, **query}
    return pages(client, "ListTrainingJobsForHyperParameterTuningJob", request, "TrainingJobSummaries")
