"""What a row of `airflow_sm_pipelines.aws.kinds` says about one kind of AWS resource."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How one kind of AWS resource is created, observed and stopped.

    Attributes:
        key: Stable identifier of the row; travels in trigger arguments.
        noun: What people call it, for messages.
        made: What an attempt has done to it when it did not find it, for messages.
        service: Name of the boto3 client.
        protocol: How the service's resources are created and observed: a key of `airflow_sm_pipelines.aws.jobs`.
        create, describe: Operation names as in the service model, e.g. ``CreateProcessingJob``.
        stop, list: The same; ``""`` for a resource that is there at once and costs nothing.
        name_member: Member of the requests that holds the resource's name.
        token_member: Member of the Create request for an idempotency token: the attempt's name goes there. ``""``
            where it goes into ``name_member``.
        named_by_service: Describe takes a reference that only the answer of Create tells, e.g. an ARN; else it takes
            the name that we made.
        verbatim_name: A name in the definition is the name itself, under which others look for the resource; else it
            is the beginning of the name that we make.
        parent_member: Member of the Create request for what the resource is made in, e.g. a cluster; it comes first in
            the reference, before a slash. ``""`` if there is nothing of that sort.
        takes_experiment: The Create request has a member ``ExperimentConfig``.
        leaves_behind: What is made for the resource alone and outlives it, in words; it is removed when the resource
            has ended. ``""`` if there is nothing of that sort.
        name_limit: Longest name the service accepts, in characters.
        arn_member: Member of the responses that holds the ARN.
        status_member: Member of the Describe response that holds the state; ``""`` if it has none.
        role_member: Member of the Create request for the role that the resource works with; ``""`` if it has none.
        succeeded, failed, stopped: Terminal states by meaning; any other state means that it still runs.
        reason_members: Members of the Describe response that explain a failure, most telling first.
        detail_members: Lists in the Describe response that add to the reason.
        unretried: Retry exception types that do not apply to its failures, whatever a retry policy says.
        summaries_member: Member of the List response that holds the summaries.
        running_states: States in which it has not ended and costs money; `stop-orphans` looks for these.
        stopping_states: Those of them in which it was told to stop; it is not told again.
        log_group: CloudWatch log group, or ``""`` if it writes no log.
        console_path: Path of its page in the SageMaker console; ``{name}`` stands for the reference, ``{first}`` and
            ``{last}`` for its parts between slashes. One that begins with a slash is of another service's console.
        colour: Colour of its tasks in Airflow's graph, ``#rrggbb``.
        iam_actions: What the connection's principal must be allowed to do.
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
