"""One row per kind of AWS resource that a step creates.

Everything that differs between kinds stands here as data; the code that creates, polls and stops them is the same
for all (`airflow_sm_pipelines.aws.jobs`). Member names, limits and states are those of the service's API
reference.
"""

from __future__ import annotations

from airflow_sm_pipelines.aws.emr_resources import (
    EMR_CLUSTER,
    EMR_SERVERLESS_APPLICATION,
    EMR_SERVERLESS_JOB,
    EMR_STEP,
)
from airflow_sm_pipelines.aws.hosting_resources import ENDPOINT, ENDPOINT_CONFIG, INFERENCE_COMPONENT
from airflow_sm_pipelines.aws.resource_kind import ResourceKind

__all__ = [
    "AUTO_ML_JOB",
    "EMR_CLUSTER",
    "EMR_SERVERLESS_APPLICATION",
    "EMR_SERVERLESS_JOB",
    "EMR_STEP",
    "ENDPOINT",
    "ENDPOINT_CONFIG",
    "INFERENCE_COMPONENT",
    "MODEL",
    "MODEL_CUSTOMIZATION_JOB",
    "MODEL_PACKAGE",
    "PROCESSING_JOB",
    "RESOURCE_KINDS",
    "TRAINING_JOB",
    "TRANSFORM_JOB",
    "TUNING_JOB",
    "ResourceKind",
]

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

AUTO_ML_JOB = ResourceKind(
    key="auto-ml-job",
    noun="AutoML job",
    create="CreateAutoMLJob",
    describe="DescribeAutoMLJob",
    stop="StopAutoMLJob",
    list="ListAutoMLJobs",
    name_member="AutoMLJobName",
    name_limit=32,
    arn_member="AutoMLJobArn",
    status_member="AutoMLJobStatus",
    summaries_member="AutoMLJobSummaries",
    # Its training and processing jobs have logs of their own, under names that it makes.
    log_group="",
    console_path="automl-jobs/{name}",
    colour="#d9d2e9",
    detail_members=("PartialFailureReasons",),
    # Developer guide, "Retry Policy for Pipeline Steps": it retries its own jobs.
    unretried=frozenset({"SageMaker.JOB_INTERNAL_ERROR"}),
    iam_actions=(
        "sagemaker:CreateAutoMLJob",
        "sagemaker:DescribeAutoMLJob",
        "sagemaker:StopAutoMLJob",
        "sagemaker:ListAutoMLJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

MODEL_CUSTOMIZATION_JOB = ResourceKind(
    key="model-customization-job",
    noun="model customization job",
    create="CreateJob",
    describe="DescribeJob",
    stop="StopJob",
    list="ListJobs",
    protocol="model-customization-job",
    name_member="JobName",
    named_by_service=True,
    parent_member="JobCategory",
    arn_member="JobArn",
    status_member="JobStatus",
    summaries_member="JobSummaries",
    failed=frozenset({"Failed", "Deleting", "DeleteFailed"}),
    log_group="",
    console_path="model-customization-jobs/{last}",
    colour="#d0d9f0",
    iam_actions=(
        "sagemaker:CreateJob",
        "sagemaker:DescribeJob",
        "sagemaker:StopJob",
        "sagemaker:ListJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

TUNING_JOB = ResourceKind(
    key="tuning-job",
    noun="hyperparameter tuning job",
    create="CreateHyperParameterTuningJob",
    describe="DescribeHyperParameterTuningJob",
    stop="StopHyperParameterTuningJob",
    list="ListHyperParameterTuningJobs",
    protocol="tuning-job",
    name_member="HyperParameterTuningJobName",
    name_limit=32,
    arn_member="HyperParameterTuningJobArn",
    status_member="HyperParameterTuningJobStatus",
    summaries_member="HyperParameterTuningJobSummaries",
    failed=frozenset({"Failed", "Deleting", "DeleteFailed"}),
    # Where its training jobs write; their names begin with its own.
    log_group="/aws/sagemaker/TrainingJobs",
    console_path="hyper-tuning-jobs/{name}",
    colour="#e2f0cb",
    # Each of its training definitions has one.
    role_member="",
    # Developer guide, "Retry Policy for Pipeline Steps": it retries its own jobs.
    unretried=frozenset({"SageMaker.JOB_INTERNAL_ERROR"}),
    iam_actions=(
        "sagemaker:CreateHyperParameterTuningJob",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateTrial",
        "sagemaker:DescribeHyperParameterTuningJob",
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
        "sagemaker:AssociateTrialComponent",
        "sagemaker:StopHyperParameterTuningJob",
        "sagemaker:ListHyperParameterTuningJobs",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
    ),
)

RESOURCE_KINDS: dict[str, ResourceKind] = {
    kind.key: kind
    for kind in (
        PROCESSING_JOB,
        TRAINING_JOB,
        TRANSFORM_JOB,
        MODEL,
        MODEL_PACKAGE,
        TUNING_JOB,
        AUTO_ML_JOB,
        ENDPOINT_CONFIG,
        ENDPOINT,
        INFERENCE_COMPONENT,
        MODEL_CUSTOMIZATION_JOB,
        EMR_STEP,
        EMR_CLUSTER,
        EMR_SERVERLESS_JOB,
        EMR_SERVERLESS_APPLICATION,
    )
}
