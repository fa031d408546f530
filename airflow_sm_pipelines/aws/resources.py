"""One row per kind of AWS resource that a step creates.

Everything that differs between kinds stands here as data; the code that creates, polls and stops them is the same
for all (`airflow_sm_pipelines.aws.jobs`). Member names, limits and states are those of the service's API
reference.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How one kind of AWS resource is created, observed and stopped.

    Attributes:
        key: Stable identifier of the row; travels in trigger arguments.
        noun: What people call it, for messages.
        service: Name of the boto3 client.
        protocol: How the service's resources are created and observed: a key of `airflow_sm_pipelines.aws.jobs`.
        create, describe: Operation names as in the service model, e.g. ``CreateProcessingJob``.
        stop, list: The same; ``""`` for a resource that is there at once and costs nothing.
        name_member: Member of the requests that holds the resource's name.
        token_member: Member of the Create request for an idempotency token: the attempt's name goes there. ``""``
            where it goes into ``name_member``.
        named_by_service: Describe takes a reference that only the answer of Create tells, e.g. an ARN; else it takes
            the name that we made.
        name_limit: Longest name the service accepts, in characters.
        arn_member: Member of the responses that holds the ARN.
        status_member: Member of the Describe response that holds the state; ``""`` if it has none.
        role_member: Member of the Create request for the role that the resource works with; ``""`` if it has none.
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
    protocol: str = "sagemaker"
    token_member: str = ""
    named_by_service: bool = False
    role_member: str = "RoleArn"
    name_limit: int = 63
    succeeded: frozenset[str] = frozenset({"Completed"})
    failed: frozenset[str] = frozenset({"Failed"})
    stopped: frozenset[str] = frozenset({"Stopped"})
    running_states: tuple[str, ...] = ("InProgress", "Stopping")
    stopping_states: frozenset[str] = frozenset({"Stopping"})
    reason_members: tuple[str, ...] = ("FailureReason",)


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
    reason_members=("FailureReason", "ExitMessage"),
    iam_actions=(
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateTrial",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:ListProcessingJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

TRAINING_JOB = ResourceKind(
    key="training-job",
    noun="training job",
    create="CreateTrainingJob",
    describe="DescribeTrainingJob",
    stop="StopTrainingJob",
    list="ListTrainingJobs",
    name_member="TrainingJobName",
    arn_member="TrainingJobArn",
    status_member="TrainingJobStatus",
    summaries_member="TrainingJobSummaries",
    failed=frozenset({"Failed", "Deleting"}),
    log_group="/aws/sagemaker/TrainingJobs",
    console_path="jobs/{name}",
    colour="#d9ead3",
    iam_actions=(
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateTrial",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:StopTrainingJob",
        "sagemaker:ListTrainingJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

TRANSFORM_JOB = ResourceKind(
    key="transform-job",
    noun="transform job",
    create="CreateTransformJob",
    describe="DescribeTransformJob",
    stop="StopTransformJob",
    list="ListTransformJobs",
    name_member="TransformJobName",
    arn_member="TransformJobArn",
    status_member="TransformJobStatus",
    summaries_member="TransformJobSummaries",
    log_group="/aws/sagemaker/TransformJobs",
    console_path="transform-jobs/{name}",
    colour="#d0e0e3",
    role_member="",
    iam_actions=(
        "sagemaker:CreateTransformJob",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateTrial",
        "sagemaker:DescribeTransformJob",
        "sagemaker:StopTransformJob",
        "sagemaker:ListTransformJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
    ),
)

MODEL = ResourceKind(
    key="model",
    noun="model",
    create="CreateModel",
    describe="DescribeModel",
    stop="",
    list="",
    name_member="ModelName",
    arn_member="ModelArn",
    status_member="",
    summaries_member="",
    log_group="",
    console_path="models/{name}",
    colour="#ead1dc",
    role_member="ExecutionRoleArn",
    reason_members=(),
    running_states=(),
    stopping_states=frozenset(),
    iam_actions=("sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags", "iam:PassRole"),
)

MODEL_PACKAGE = ResourceKind(
    key="model-package",
    noun="model package",
    create="CreateModelPackage",
    describe="DescribeModelPackage",
    stop="",
    list="",
    name_member="ModelPackageName",
    token_member="ClientToken",  # noqa: S106 - the name of a member
    named_by_service=True,
    # The limit of the token, 36 characters.
    name_limit=32,
    arn_member="ModelPackageArn",
    status_member="ModelPackageStatus",
    summaries_member="",
    log_group="",
    console_path="model-packages/{name}",
    colour="#fce5cd",
    role_member="",
    reason_members=("ModelPackageStatusDetails",),
    running_states=("Pending", "InProgress", "Deleting"),
    stopped=frozenset(),
    stopping_states=frozenset(),
    iam_actions=(
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
        "sagemaker:CreateModelPackageGroup",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:AddTags",
    ),
)

RESOURCE_KINDS: dict[str, ResourceKind] = {
    kind.key: kind for kind in (PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, MODEL, MODEL_PACKAGE)
}
