"""One row per kind of AWS resource that a step creates.

Everything that differs between kinds stands here as data; the code that creates, polls and stops them is the same
for all (`airflow_sm_pipelines.aws.jobs`). Member names, limits and states are those of the service's API
reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How one kind of AWS resource is created, observed and stopped.

    Attributes:
        key: Stable identifier of the row; travels in trigger arguments.
        noun: What people call it, for messages.
        service: Name of the boto3 client.
        create, describe, stop, list: Operation names as in the service model, e.g. ``CreateProcessingJob``.
        name_member: Member of the requests that holds the resource's name.
        name_limit: Longest name the service accepts, in characters.
        arn_member: Member of the responses that holds the ARN.
        status_member: Member of the Describe response that holds the state.
        succeeded, failed, stopped: Terminal states by meaning; any other state means that it still runs.
        reason_members: Members of the Describe response that explain a failure, most telling first.
        summaries_member: Member of the List response that holds the summaries.
        running_states: States in which it has not ended and costs money; `stop-orphans` looks for these.
        stopping_states: Those of them in which it was told to stop; it is not told again.
        log_group: CloudWatch log group, or ``""`` if it writes no log.
        console_path: Path of its page in the SageMaker console, ``{name}`` filled in.
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
    service: str = "sagemaker"
    name_limit: int = 63
    succeeded: frozenset[str] = frozenset({"Completed"})
    failed: frozenset[str] = frozenset({"Failed"})
    stopped: frozenset[str] = frozenset({"Stopped"})
    running_states: tuple[str, ...] = ("InProgress", "Stopping")
    stopping_states: frozenset[str] = frozenset({"Stopping"})
    reason_members: tuple[str, ...] = field(default=("FailureReason", "ExitMessage"))


PROCESSING_JOB = ResourceKind(
    key="processing-job",
    noun="processing job",
    create="CreateProcessingJob",
    describe="DescribeProcessingJob",
    stop="StopProcessingJob",
    list="ListProcessingJobs",
    name_member="ProcessingJobName",
    arn_member="ProcessingJobArn",
    status_member="ProcessingJobStatus",
    summaries_member="ProcessingJobSummaries",
    log_group="/aws/sagemaker/ProcessingJobs",
    console_path="processing-jobs/{name}",
    colour="#d5e8f7",
    iam_actions=(
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:ListProcessingJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

RESOURCE_KINDS: dict[str, ResourceKind] = {kind.key: kind for kind in (PROCESSING_JOB,)}
