"""The job of an earlier run, looked at again before its result stands for a step; runs in the worker.

A result is only as good as what AWS tells of it now, under the step's own permissions (developer guide, "Cached data
access control"): who may not describe the job any more does not get its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.properties import plain_properties
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import AwsCallError, SageMakerPipelinesError, StepFailedError
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.semantics.cache import CacheEntry

if TYPE_CHECKING:
    from botocore.client import BaseClient


class NotReusableError(SageMakerPipelinesError):
    """The result of an earlier run cannot stand for a step; the message says why, and the step runs."""


def described_again(client: BaseClient, kind: ResourceKind, entry: CacheEntry, run: StepRun) -> JsonObject:
    """Return the Describe response of an earlier run's job as plain JSON.

    Args:
        client: boto3 client of the kind's service.
        kind: The row of the resource that the step creates.
        entry: What is known of the job.
        run: The try.

    Raises:
        NotReusableError: The job is gone, has not succeeded, or AWS refuses to tell.
        StepFailedError: AWS was too busy to answer; of a retryable type.
    """
    what = f"the {kind.noun} {entry.reference} of run {entry.run_id}"
    if entry.kind != kind.key:
        raise NotReusableError(f"the step was of another type in run {entry.run_id}")
    try:
        seen = jobs.observe(client, kind, entry.reference)
    except AwsCallError as error:
        if error.exception_type:
            raise StepFailedError.of_refusal(run.step, error, purpose=f"describe {what}") from error
        raise NotReusableError(f"cannot describe {what}: {error.in_words()}") from error
    if seen is None:
        raise NotReusableError(f"{what} does not exist any more")
    if seen.outcome is not Outcome.SUCCEEDED:
        raise NotReusableError(f"{what} is {seen.status}")
    return plain_properties(seen.description)


def completed_again(
    complete: Callable[[StepRun, JsonObject], JsonObject], entry: CacheEntry, run: StepRun, properties: JsonObject
) -> JsonObject:
    """Return what the step publishes of an earlier run's job, as it does of a job that has just ended.

    Args:
        complete: The operator's `complete_properties`.
        entry: What is known of the job.
        run: The try.
        properties: The Describe response.

    Raises:
        NotReusableError: The step does not succeed with this job; a new one shows whether it fails.
        StepFailedError: AWS was too busy to answer; of a retryable type.
    """
    try:
        return complete(run, properties)
    except StepFailedError as error:
        if error.exception_type:
            raise
        raise NotReusableError(f"the result of run {entry.run_id} cannot be reused: {error.message}") from error
