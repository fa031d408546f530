"""Tuning jobs and model customization jobs: how they differ from SageMaker's other resources.

Source of the latter: API reference, CreateJob, DescribeJob, ListJobs, StopJob.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_sm_pipelines.aws.calls import Body, call, input_shape
from airflow_sm_pipelines.aws.failures import says_present
from airflow_sm_pipelines.aws.protocols.base import Creation, Observation, Outcome, ResourceProtocol
from airflow_sm_pipelines.aws.tuning_jobs import failure_reasons
from airflow_sm_pipelines.errors import AwsCallError


class TuningJobProtocol(ResourceProtocol):
    """The protocol of tuning jobs, whose own failure reason only says that training jobs failed."""

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a tuning job; a failed one also has the reasons of its training jobs."""
        seen = super().observe(reference)
        if seen is None or seen.outcome is not Outcome.FAILED:
            return seen
        reasons = [seen.reason, *failure_reasons(self.client, reference)]
        return replace(seen, reason="; ".join(reason for reason in reasons if reason))


class ModelCustomizationJobProtocol(ResourceProtocol):
    """The protocol of model customization jobs, which are identified by category and name together.

    A reference is ``<JobCategory>/<JobName>``.
    """

    def create(self, request: Body) -> Creation:
        """Create a job, or find the one of this category and name."""
        reference = f"{request[self.kind.parent_member]}/{request[self.kind.name_member]}"
        try:
            answer = call(self.client, self.kind.create, request)
        except AwsCallError as error:
            if says_present(error.code, error.message):
                return Creation(False, reference)
            raise
        return Creation(True, reference, str(answer.get(self.kind.arn_member, "")))

    def key_members(self, reference: str) -> dict[str, str]:
        """Return category and name."""
        category, _, name = reference.partition("/")
        return {self.kind.parent_member: category, self.kind.name_member: name}

    def running(self, name_contains: str = "") -> Iterator[tuple[str, str]]:
        """Yield reference and ARN of the running jobs of every category that botocore knows."""
        for category in input_shape(self.client, self.kind.list).members[self.kind.parent_member].enum:
            for summary in self.summaries(name_contains, {self.kind.parent_member: category}):
                yield f"{category}/{summary[self.kind.name_member]}", str(summary[self.kind.arn_member])
