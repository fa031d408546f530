"""Stand-ins for the work and the resources that a local AWS does not have.

By itself a local AWS runs what it can, and refuses the rest. Whoever starts it may hand it a stand-in
(`airflow_sm_pipelines.local.settings.LocalSettings`). Then no job runs, and what a request names need not exist:
model data, the ends of associations, functions, clusters, applications.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError

if TYPE_CHECKING:
    from airflow_sm_pipelines.local.jobs.runner import OwnWork
    from airflow_sm_pipelines.local.services.lambda_functions.execution import InvocationResult
    from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
    from airflow_sm_pipelines.local.wire.wsgi_call import WsgiApp


@dataclass(frozen=True, slots=True)
class Ending:
    """The way in which a job or a deployment ends.

    Attributes:
        seconds: How long it takes.
        failure_reason: Why it fails; ``None`` if it does not.
        stopped: Whether it ends Stopped.
    """

    seconds: float
    failure_reason: str | None = None
    stopped: bool = False


class StandIn(Protocol):
    """The replacement for the work that a local AWS would otherwise run or refuse.

    An *owner* is a name that the stand-in finds in tags or names; the local AWS only hands it back.
    """

    @property
    def accepts_invalid_requests(self) -> bool:
        """Whether a request that AWS would refuse is noted and carried out."""

    @property
    def placeholder(self) -> str:
        """The text of required members that a request lacks and that is carried out."""

    @property
    def ends_jobs_at_once(self) -> bool:
        """Whether a job takes no time: it has ended when the request that starts it is answered."""

    def note(self, owner: str, operation: str, reason: str) -> None:
        """Note that AWS would refuse a request."""

    def owner_of(self, tags: Mapping[str, str], name: str = "") -> str:
        """Return the owner of a resource, from its tags or its name; ``""`` if they do not tell it."""

    def ending_of(self, owner: str) -> Ending:
        """Return how the jobs and deployments of an owner end."""

    def job_work(self, noun: str, job: Job) -> OwnWork | None:
        """Return what a SageMaker job does instead of running; ``None`` for one that only launches others.

        Args:
            noun: The kind of job in the names of operations, e.g. ``TrainingJob``.
            job: The job.
        """

    def spark_work(self, owner: str, log_group: str, log_stream: str) -> OwnWork:
        """Return what a step or a job run of EMR does instead of running."""

    def describe_job(self, noun: str, job: Job) -> Document:
        """Return the members that Describe has for a job because of its synthetic results."""

    def missing_resource(self, noun: str) -> Document:
        """Return the request that would have created a ``Cluster`` or an ``Application`` that does not exist."""

    def invoke_missing_function(self, client_context: Document | None) -> InvocationResult:
        """Return the answer of a Lambda function that does not exist."""

    def other_services(self, application: WsgiApp, default_region: str) -> WsgiApp:
        """Return the application that answers for the services that are not the local AWS's own.

        Args:
            application: The application that would answer.
            default_region: Region of calls that are not signed.
        """


@contextmanager
def tolerating(stand_in: StandIn | None, owner: str, operation: str) -> Iterator[None]:
    """Note what is refused in the block, and go on after it, if there is a stand-in that accepts this.

    Args:
        stand_in: The stand-in, if there is one.
        owner: The owner of the request.
        operation: The operation that the request asks for.

    Raises:
        AwsError: The request is refused.
    """
    try:
        yield
    except AwsError as error:
        if stand_in is None or not stand_in.accepts_invalid_requests:
            raise
        stand_in.note(owner, operation, error.message)


def owner_of_request(stand_in: StandIn | None, request: Document) -> str:
    """Return the owner of a SageMaker request; ``""`` if there is none.

    Args:
        stand_in: The stand-in, if there is one.
        request: The request, which need not be valid yet.
    """
    tags = request.get("Tags")
    if stand_in is None or not isinstance(tags, list):
        return ""
    return stand_in.owner_of({tag["Key"]: tag["Value"] for tag in tags if {"Key", "Value"} <= tag.keys()})
