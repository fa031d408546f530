"""Create, Describe, List and Stop, which all kinds of jobs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.faults import JobFault
from airflow_sm_pipelines.local.jobs.container import ContainerPlan
from airflow_sm_pipelines.local.jobs.rehearsed_job import RehearsedEnding, RehearsedJob, RehearsedWork
from airflow_sm_pipelines.local.jobs.runner import JobPhase, JobResult, JobTask, Runner
from airflow_sm_pipelines.local.json_service import Operation, RequestContext
from airflow_sm_pipelines.local.rehearsal import Rehearsal, StepFiles, step_of
from airflow_sm_pipelines.local.sagemaker.job_list import list_jobs
from airflow_sm_pipelines.local.sagemaker.job_table import (
    TERMINAL,
    Job,
    JobEnd,
    JobExistsError,
    JobStatus,
    JobTable,
    Metric,
    SecondaryStatus,
)
from airflow_sm_pipelines.local.sagemaker.resource_key import ResourceKey
from airflow_sm_pipelines.local.sagemaker.tags import Tags


@dataclass(frozen=True, slots=True)
class JobKind:
    """What distinguishes one kind of job.

    Args:
        noun: In the names of operations and members, e.g. ``ProcessingJob``.
        resource_type: In ARNs, e.g. ``processing-job``.
        in_use: The refusal of a second job of the same name; ``{arn}`` is that of the first.
        not_found: The refusal to describe an unknown job, after ``{name}``.
        default_order: ``SortOrder`` of a List request without it.
        check: Refuses a Create request that the service would refuse.
        plan: Makes the plan of a job's container; may raise `JobFailure`.
        rehearse: Makes what a job of a rehearsal puts out, given the documents of its step.
        describe: What Describe tells beside the request and the summary.
        summarize: What both Describe and List tell.
    """

    noun: str
    resource_type: str
    in_use: str
    not_found: str
    default_order: str
    check: Callable[[RequestContext, Mapping[str, Any]], None]
    plan: Callable[[Job], ContainerPlan]
    rehearse: Callable[[Job, StepFiles], RehearsedWork]
    describe: Callable[[Job], Mapping[str, Any]]
    summarize: Callable[[Job], Mapping[str, Any]]

    @property
    def name_member(self) -> str:
        """Member that names the job."""
        return f"{self.noun}Name"

    @property
    def arn_member(self) -> str:
        """Member with its ARN."""
        return f"{self.noun}Arn"

    def key(self, context: RequestContext, request: Mapping[str, Any]) -> ResourceKey:
        """The job that a request names."""
        return ResourceKey(self.resource_type, context.region, request[self.name_member])


class JobOperations:
    """The operations of one kind of job.

    Args:
        kind: Which.
        jobs: All jobs.
        tags: All tags.
        runner: Runs them.
        rehearsal: Set if they are rehearsed instead.
    """

    def __init__(
        self, kind: JobKind, jobs: JobTable, tags: Tags, runner: Runner, rehearsal: Rehearsal | None = None
    ) -> None:
        self._kind = kind
        self._jobs = jobs
        self._tags = tags
        self._runner = runner
        self._rehearsal = rehearsal

    def operations(self) -> Mapping[str, Operation]:
        """The operations by name."""
        noun = self._kind.noun
        return {
            f"Create{noun}": self._create,
            f"Describe{noun}": self._describe,
            f"List{noun}s": self._list,
            f"Stop{noun}": self._stop,
        }

    def _create(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._kind.check(context, request)
        key = self._kind.key(context, request)
        try:
            job = self._jobs.create(key, request)
        except JobExistsError as error:
            raise AwsError("ResourceInUse", self._kind.in_use.format(arn=key.arn)) from error
        self._tags.put(key.arn, request.get("Tags", ()))
        self._runner.start(
            JobTask(
                folder_name=_folder_name(job),
                region=context.region,
                plan=lambda: self._kind.plan(job),
                events=_JobEvents(self._jobs, key),
                fault=context.job_fault or JobFault(),
                rehearsed=self._rehearsed(job),
            )
        )
        return {self._kind.arn_member: key.arn}

    def _rehearsed(self, job: Job) -> RehearsedJob | None:
        if self._rehearsal is None:
            return None
        step = step_of(job.request.get("Tags", ()))
        ending = RehearsedEnding(step, self._rehearsal.job_seconds, self._rehearsal.outcome_of(step))
        return RehearsedJob(self._kind.rehearse(job, self._rehearsal.files_of(step)), ending)

    def _describe(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        key = self._kind.key(context, request)
        job = self._jobs.find(key)
        if job is None:
            raise validation_error(self._kind.not_found.format(name=key.name))
        echoed = {member: value for member, value in job.request.items() if member not in _NOT_DESCRIBED}
        return {**echoed, **self._kind.summarize(job), **self._kind.describe(job)}

    def _list(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        jobs = self._jobs.jobs(self._kind.resource_type, context.region)
        page, token = list_jobs(jobs, request, default_order=self._kind.default_order)
        return {f"{self._kind.noun}Summaries": [self._kind.summarize(job) for job in page], "NextToken": token}

    def _stop(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        key = self._kind.key(context, request)
        if self._jobs.find(key) is None:
            # The code is the one that the model documents; the text is what StopTransformJob answers (assumed).
            raise AwsError("ResourceNotFound", f"Could not find job to update with name: {key.name}")
        before = self._jobs.stop(key)
        if before.status in TERMINAL:
            # What training and transform jobs answer in public reports; assumed for processing jobs.
            noun = self._kind.resource_type.replace("-", " ")
            raise validation_error(f"The request was rejected because the {noun} is in status {before.status.value}.")
        if before.status is JobStatus.IN_PROGRESS:  # a second Stop changes nothing (assumed)
            self._runner.stop(_folder_name(before))
        return {}


_NOT_DESCRIBED = frozenset({"Tags", "SessionChainingConfig"})
"""Members of Create requests that no Describe response has."""

_SECONDARY_STATUS: Mapping[JobPhase, SecondaryStatus] = {
    JobPhase.DOWNLOADING: SecondaryStatus.DOWNLOADING,
    JobPhase.RUNNING: SecondaryStatus.TRAINING,
    JobPhase.UPLOADING: SecondaryStatus.UPLOADING,
}


@dataclass(frozen=True, slots=True)
class _JobEvents:
    """Keeps the table of jobs up to date."""

    jobs: JobTable
    key: ResourceKey

    def entered(self, phase: JobPhase) -> None:
        self.jobs.enter(self.key, _SECONDARY_STATUS[phase])

    def stopping(self) -> None:
        self.jobs.stop(self.key)

    def ended(self, result: JobResult) -> None:
        # A job that exceeds its MaxRuntimeInSeconds is Stopped, not Failed: "the processing job is stopped"
        # (API reference, ProcessingStoppingCondition), and the Python SDK takes Stopped for a possible time-out.
        self.jobs.end(
            self.key,
            JobEnd(
                stopped=result.stopped,
                timed_out=result.timed_out,
                failure_reason=result.failure_reason,
                exit_message=result.exit_message,
                metrics=tuple(Metric(one.name, one.value, one.time) for one in result.metrics),
            ),
        )


def _folder_name(job: Job) -> str:
    return f"{job.key.region}-{job.key.kind}-{job.key.name}-{int(job.creation_time.timestamp() * 1_000_000)}"
