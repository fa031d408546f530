"""The form of the rows of `airflow_sm_pipelines.aws.kinds`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """How a List operation tells the states of many resources at once, the newest first.

    An operation that does not document this order tells nothing about a resource that is not on its first pages.

    Attributes:
        query: Members of every request, e.g. the order.
        page_size: The most entries of a page.
        parent_member: Member of the request that names what contains the resources; ``""`` if it takes none.
        name_filter: Member of the request that a part of the names goes into; ``""`` if there is none.
        time_filter: Member of the request that leaves out what was created before a time; ``""`` if there is none.
        page_token: Member of requests and answers that leads to the next page.
        name: Where a summary has the last part of the resource's reference.
        status: Where it has the state.
        created: Where it has the time of its creation.
    """

    name: tuple[str, ...]
    status: tuple[str, ...]
    created: tuple[str, ...] = ("CreationTime",)
    query: Mapping[str, str | int] = field(
        default_factory=lambda: {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
    )
    page_size: int = 100
    parent_member: str = ""
    name_filter: str = "NameContains"
    time_filter: str = "CreationTimeAfter"
    page_token: str = "NextToken"  # noqa: S105 - the name of a member


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of AWS resource: how it is created, observed and stopped.

    Attributes:
        key: Stable identifier of the row; travels in trigger arguments.
        noun: What people call it, for messages.
        made: Past participle for log messages, e.g. ``Created``.
        service: Name of the boto3 client.
        protocol: Name of the protocol in `airflow_sm_pipelines.aws.jobs.PROTOCOLS`.
        create, describe: Operation names as in the service model, e.g. ``CreateProcessingJob``.
        stop, list: The same; ``""`` for a resource that cannot be stopped, or costs nothing.
        name_member: Member of the requests that holds the resource's name.
        token_member: Member of the Create request that holds an idempotency token: the attempt's name. ``""`` if the
            attempt's name goes into ``name_member``.
        named_by_service: Whether Describe takes a reference that only the answer of Create tells, e.g. an ARN; else it
            takes the attempt's name.
        verbatim_name: Whether a name in the definition is used as it is, so that others find the resource; else it is
            the prefix of the attempt's name.
        parent_member: Member of the Create request that names what contains the resource, e.g. a cluster; its value
            comes first in the reference, before a slash. ``""`` if there is none.
        takes_experiment: Whether the Create request has a member ``ExperimentConfig``.
        runs_own_code: Whether the job runs code of the definition's author, which the member ``Environment`` of the
            Create request reaches.
        mlflow_member: Member of the Create request that says where the job logs to with MLflow; ``""`` if there is
            none.
        leaves_behind: What is created for the resource alone and outlives it, for messages; it is cleaned up when the
            resource has ended. ``""`` if there is none.
        name_limit: Longest name the service accepts, in characters.
        arn_member: Member of the responses that holds the ARN.
        status_member: Member of the Describe response that holds the state; ``""`` if there is none.
        role_member: Member of the Create request that holds the resource's execution role; ``""`` if there is none.
        succeeded, failed, stopped: Terminal states by meaning; any other state means that the resource still runs.
        reason_members: Members of the Describe response that explain a failure, the most specific first.
        detail_members: Lists in the Describe response that add to the reason.
        unretried: Retry exception types that never apply to failures of this kind, whatever a retry policy says.
        summaries_member: Member of the List response that holds the summaries.
        newest_first: How the List operation tells the states of many resources at once; ``None`` if it does not, so
            that each is described by itself.
        ends_within_seconds: Whether such a resource can be ready within seconds on AWS, so that a worker waits for it
            instead of deferring.
        running_states: States in which the resource costs money; `stop-orphans` looks for these.
        stopping_states: Those of them in which it is being stopped; it is not stopped again.
        log_group: CloudWatch log group; ``""`` if there is no log.
        console_path: Path of its page in the SageMaker console; ``{name}`` stands for the reference, ``{first}`` and
            ``{last}`` for its parts between slashes. A path with a leading slash belongs to another service's console.
        colour: Colour of its tasks in Airflow's graph, ``#rrggbb``.
        iam_actions: What the connection's principal must be allowed to do.
        asset_type: Which Airflow asset changes when a step creates such a resource: the first part of its URI; ``""``
            if none does.
        asset_name_member: Member of the Create request, and of the Describe response, with the rest of that URI.
    """

    key: str
    noun: str
    create: str
    describe: str
    stop: str
    list: str
    name_member: str
    arn_member: str
    status_member: str
    summaries_member: str
    log_group: str
    console_path: str
    colour: str
    iam_actions: tuple[str, ...]
    made: str = "Created"
    service: str = "sagemaker"
    protocol: str = "sagemaker"
    token_member: str = ""
    named_by_service: bool = False
    verbatim_name: bool = False
    parent_member: str = ""
    takes_experiment: bool = False
    runs_own_code: bool = False
    mlflow_member: str = ""
    leaves_behind: str = ""
    role_member: str = "RoleArn"
    name_limit: int = 63
    succeeded: frozenset[str] = frozenset({"Completed"})
    failed: frozenset[str] = frozenset({"Failed"})
    stopped: frozenset[str] = frozenset({"Stopped"})
    running_states: tuple[str, ...] = ("InProgress", "Stopping")
    stopping_states: frozenset[str] = frozenset({"Stopping"})
    reason_members: tuple[str, ...] = ("FailureReason",)
    detail_members: tuple[str, ...] = ()
    unretried: frozenset[str] = frozenset()
    newest_first: NewestFirst | None = None
    ends_within_seconds: bool = False
    asset_type: str = ""
    asset_name_member: str = ""
