"""Create, Describe, List and Stop, which all kinds of jobs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.jobs.container import ContainerPlan
from airflow_sm_pipelines.local.jobs.runner import JobOrder, JobPhase, JobResult, OwnWork, Runner
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import (
    TERMINAL,
    Job,
    JobExistsError,
    JobStatus,
    JobTable,
    SecondaryStatus,
)
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.stand_in import StandIn, owner_of_request, tolerating
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext


@dataclass(frozen=True, slots=True)
class JobKind:
    """The differences between kinds of jobs.

    Attributes:
        noun: In the names of operations and members, e.g. ``ProcessingJob``.
        resource_type: In ARNs, e.g. ``processing-job``.
        in_use: The refusal of a second job of the same name; ``{arn}`` and ``{name}`` are those of the first.
        not_found: The refusal to describe an unknown job, after ``{name}``.
        default_order: ``SortOrder`` of a List request without it.
        plan: Makes the plan of a job's container, or the work of a job without one; may raise `JobFailure`.
        describe: What Describe tells beside the request and the summary.
        summarize: What both Describe and List tell.
        not_found_code: Error code of ``not_found``.
        default_sort: ``SortBy`` of a List request without it.
        scope_member: Member of all requests within whose value names are unique; it is a part of the ARN. ``""`` for
            most kinds.
        page_filters: Filters of a List request that a page goes through after it was cut.
        check: Refuses a Create request that the service would refuse, beyond the model of the API.
    """

    noun: str
    resource_type: str
    in_use: str
    not_found: str
    default_order: str
    plan: Callable[[Job], ContainerPlan | OwnWork]
    describe: Callable[[Job], Document]
    summarize: Callable[[Job], Document]
    not_found_code: str = "ValidationException"
    default_sort: str = "CreationTime"
    scope_member: str = ""
    page_filters: frozenset[str] = frozenset()
    check: Callable[[RequestContext, Document], None] = lambda _context, _request: None

    @property
    def name_member(self) -> str:
        """Member that names the job."""
        return f"{self.noun}Name"

    @property
    def arn_member(self) -> str:
        """Member with its ARN."""
        return f"{self.noun}Arn"

    def key(self, context: RequestContext, request: Document) -> ResourceKey:
        """Return the job that a request names."""
        return ResourceKey(self.type_in(request), context.region, request[self.name_member])

    def type_in(self, request: Document) -> str:
        """Return the resource type, with the scope that a request names."""
        return f"{self.resource_type}/{request[self.scope_member]}" if self.scope_member else self.resource_type


class JobOperations:
    """The operations of one kind of job.

    Args:
        kind: Which.
        jobs: All jobs.
        tags: All tags.
        runner: Runs them.
        stand_in: What they do instead of running, if there is one.
    """

    def __init__(
        self, kind: JobKind, jobs: JobTable, tags: Tags, runner: Runner, stand_in: StandIn | None = None
    ) -> None:
        self._kind = kind
        self._jobs = jobs
        self._tags = tags
        self._runner = runner
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        noun = self._kind.noun
        return {
            f"Create{noun}": self._create,
            f"Describe{noun}": self._describe,
            f"List{noun}s": self._list,
            f"Stop{noun}": self._stop,
        }

    def _create(self, context: RequestContext, request: Document) -> Document:
        self.check(context, request)
        return {self._kind.arn_member: self.launch(context, request).key.arn}

    def check(self, context: RequestContext, request: Document) -> None:
        """Refuse a Create request that the service would refuse, unless a stand-in accepts it.

        Raises:
            AwsError: With everything that is wrong.
        """
        with tolerating(self._stand_in, owner_of_request(self._stand_in, request), f"Create{self._kind.noun}"):
            self._kind.check(context, request)

    def launch(self, context: RequestContext, request: Document, origin: Document | None = None) -> Job:
        """Create a job and start it.

        Args:
            context: Where, and with which fault.
            request: A valid Create request.
            origin: Set if another job launches it: what the service knows of it then.

        Raises:
            AwsError: There is a job of this name, or the local AWS is stopping.
        """
        key = self._kind.key(context, request)
        try:
            job = self._jobs.create(key, request, origin)
        except JobExistsError as error:
            raise AwsError("ResourceInUse", self._kind.in_use.format(arn=key.arn, name=key.name)) from error
        self._tags.put(key.arn, request.get("Tags", ()))
        try:
            self._runner.start(
                JobOrder(
                    folder_name=_folder_name(job),
                    region=context.region,
                    plan=self._plan(job),
                    events=_JobEvents(self._jobs, key),
                    fault=context.job_fault or JobFault(),
                )
            )
        except Exception as error:  # whatever it is: a job that nothing runs is not to stay InProgress
            refused = isinstance(error, AwsError)
            reason = None if refused else f"InternalServerError: {type(error).__name__}: {error}"
            self._jobs.end(key, JobResult(stopped=refused, failure_reason=reason))
            raise
        return job

    def _plan(self, job: Job) -> Callable[[], ContainerPlan | OwnWork]:
        """Return what makes the plan of a job, which may fail in the job's thread only."""
        work = self._stand_in.job_work(self._kind.noun, job) if self._stand_in else None
        return (lambda: self._kind.plan(job)) if work is None else (lambda: work)

    def _describe(self, context: RequestContext, request: Document) -> Document:
        key = self._kind.key(context, request)
        job = self._jobs.find(key)
        if job is None:
            raise AwsError(self._kind.not_found_code, self._kind.not_found.format(name=key.name))
        echoed = {member: value for member, value in job.request.items() if member not in _NOT_DESCRIBED}
        synthetic = self._stand_in.describe_job(self._kind.noun, job) if self._stand_in else {}
        return {**echoed, **self._kind.summarize(job), **self._kind.describe(job), **synthetic}

    def _list(self, context: RequestContext, request: Document) -> Document:
        kind = self._kind
        unsupported = sorted(request.keys() - _LIST_MEMBERS - {kind.scope_member})
        if unsupported:  # a filter that is left out would tell of jobs that nobody has asked for
            raise validation_error(f"The local AWS does not support {', '.join(unsupported)} of List{kind.noun}s")
        page, token = list_jobs(
            self._jobs.jobs(kind.type_in(request), context.region),
            request,
            default_order=kind.default_order,
            default_sort=kind.default_sort,
            page_filters=kind.page_filters,
        )
        return {f"{self._kind.noun}Summaries": [self._kind.summarize(job) for job in page], "NextToken": token}

    def _stop(self, context: RequestContext, request: Document) -> Document:
        key = self._kind.key(context, request)
        if self._jobs.find(key) is None:
            # The code is the one that the model documents; the text is what StopTransformJob answers (assumed).
            raise AwsError("ResourceNotFound", f"Could not find job to update with name: {key.name}")
        before = self.stop(key)
        if before.status in TERMINAL:
            # What training and transform jobs answer in public reports; assumed for processing jobs.
            noun = self._kind.resource_type.replace("-", " ")
            raise validation_error(f"The request was rejected because the {noun} is in status {before.status.value}.")
        return {}

    def stop(self, key: ResourceKey) -> Job:
        """Ask a job to stop, and return it as it was before. A second Stop changes nothing (assumed)."""
        before = self._jobs.stop(key)
        if before.status is JobStatus.IN_PROGRESS:
            self._runner.stop(_folder_name(before))
        return before


_NOT_DESCRIBED = frozenset({"Tags", "SessionChainingConfig"})
"""Members of Create requests that no Describe response has."""

_SECONDARY_STATUS: Mapping[JobPhase, SecondaryStatus] = {
    JobPhase.DOWNLOADING: SecondaryStatus.DOWNLOADING,
    JobPhase.RUNNING: SecondaryStatus.TRAINING,
    JobPhase.UPLOADING: SecondaryStatus.UPLOADING,
}


@dataclass(frozen=True, slots=True)
class _JobEvents:
    """The listener that keeps the table of jobs up to date."""

    jobs: JobTable
    key: ResourceKey

    def entered(self, phase: JobPhase) -> None:
        self.jobs.enter(self.key, _SECONDARY_STATUS[phase])

    def stopping(self) -> None:
        self.jobs.stop(self.key)

    def ended(self, result: JobResult) -> None:
        # A job that exceeds its MaxRuntimeInSeconds is Stopped, not Failed: "the processing job is stopped"
        # (API reference, ProcessingStoppingCondition), and the Python SDK takes Stopped for a possible time-out.
        self.jobs.end(self.key, result)


def _folder_name(job: Job) -> str:
    kind = job.key.kind.replace("/", "-")
    return f"{job.key.region}-{kind}-{job.key.name}-{int(job.creation_time.timestamp() * 1_000_000)}"


_FILTERS: Mapping[str, Callable[[Job, Any], bool]] = {
    "NameContains": lambda job, text: text in job.key.name,
    "StatusEquals": lambda job, status: job.status.value == status,
    "CreationTimeAfter": lambda job, moment: job.creation_time > utc(moment),
    "CreationTimeBefore": lambda job, moment: job.creation_time < utc(moment),
    "LastModifiedTimeAfter": lambda job, moment: job.last_modified_time > utc(moment),
    "LastModifiedTimeBefore": lambda job, moment: job.last_modified_time < utc(moment),
}

_SORT_KEYS: Mapping[str, Callable[[Job], str]] = {
    "Name": lambda job: job.key.name,
    "CreationTime": lambda job: sortable(job.creation_time),
    "Status": lambda job: job.status.value,
}

_LIST_MEMBERS = frozenset({*_FILTERS, "SortBy", "SortOrder", "MaxResults", "NextToken"})


def list_jobs(
    jobs: Sequence[Job],
    request: Document,
    *,
    default_order: str,
    default_sort: str = "CreationTime",
    page_filters: frozenset[str] = frozenset(),
) -> tuple[list[Job], str | None]:
    """Return one page of a List operation.

    Args:
        jobs: All jobs of the kind.
        request: The List request.
        default_order: ``Ascending`` or ``Descending``, as the operation documents it.
        default_sort: ``SortBy`` of a request without it.
        page_filters: Filters that a page goes through after it was cut.

    Returns:
        The jobs of the page, and the token of the next one if there is one.

    Raises:
        AwsError: ``ValidationException`` for a token that this service has not given.
    """
    listing = Listing(
        lambda job: job.key.name,
        _FILTERS,
        _SORT_KEYS,
        default_sort=default_sort,
        default_order=default_order,
        page_filters=page_filters,
    )
    return listing.page(jobs, request)
