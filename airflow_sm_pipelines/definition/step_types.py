"""The step types of the language: one row each.

Sources: the SDK's ``StepTypeEnum`` (sagemaker 2.257 and sagemaker-mlops 1.27), what its steps write, the published JSON
schema for required members, botocore's ``PipelineExecutionStepMetadata`` for the types without public syntax.
"""

from __future__ import annotations

from typing import NamedTuple

from airflow_sm_pipelines.definition.shapes import (
    ANY,
    BOOLEAN_OR_EXPRESSION,
    LIST,
    LIST_OR_EXPRESSION,
    OBJECT,
    STRING_OR_EXPRESSION,
    Member,
    one_of,
    whole_number_in,
)

STEP_EXCEPTIONS = ("Step.SERVICE_FAULT", "Step.THROTTLING")
JOB_EXCEPTIONS = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
EVERY_EXCEPTION = (*STEP_EXCEPTIONS, *JOB_EXCEPTIONS, "Emr.RESOURCE_LIMIT")


class StepType(NamedTuple):
    """The rules of the language for one step type.

    Attributes:
        name: ``Type`` of the step.
        arguments: The members of Arguments that the language itself knows or requires.
        closed: Arguments has no other members; otherwise it is the request of an AWS call, which has more.
        one_argument_of: Members of Arguments of which exactly one is required; empty for most types.
        members: The type's own members at step level, beside Arguments.
        retry_exceptions: Exception types that its RetryPolicies may name; empty: no RetryPolicies.
        caching: Whether CacheConfig is allowed.
        property_files: Whether PropertyFiles are allowed.
        payload: Arguments is free JSON, sent as it is, and may be absent.
        outputs: The members that a reference to the step may start with, where the language defines them; ``None``
            where they are the Describe response, ``()`` where the step has none.
        final: Nothing may depend on the step.
        job_name_variable: The ``Execution`` variable that names the job which the step creates.
        name_prefix: The member of Arguments that holds the prefix of a resource's name, and the longest prefix
            (developer guide, "Prefix length restrictions"); ``None`` if there is none.
    """

    name: str
    arguments: tuple[Member, ...] = ()
    closed: bool = False
    one_argument_of: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    retry_exceptions: tuple[str, ...] = ()
    caching: bool = False
    property_files: bool = False
    payload: bool = False
    outputs: tuple[str, ...] | None = None
    final: bool = False
    job_name_variable: str | None = None
    name_prefix: tuple[str, int] | None = None


def _required(*names: str) -> tuple[Member, ...]:
    return tuple(Member(name, ANY, required=True) for name in names)


# RoleArn, which the published schema requires of four types, is not required: a step without one has the pipeline's.
_PROCESSING_ARGUMENTS = _required("ProcessingResources", "AppSpecification")
_LONGEST_PREFIX, _LONGEST_SHORT_PREFIX = 38, 6
_OUTPUT_PARAMETERS = Member("OutputParameters", LIST)
_CHECK_MEMBERS = (
    Member("ModelPackageGroupName", STRING_OR_EXPRESSION, nullable=True),
    Member("SkipCheck", BOOLEAN_OR_EXPRESSION),
    Member("RegisterNewBaseline", BOOLEAN_OR_EXPRESSION),
    Member("FailOnViolation", BOOLEAN_OR_EXPRESSION),
    Member("SuppliedBaselineConstraints", STRING_OR_EXPRESSION, nullable=True),
)

_ROWS = (
    StepType(
        "Processing",
        arguments=_PROCESSING_ARGUMENTS,
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        property_files=True,
        job_name_variable="ProcessingJobName",
        name_prefix=("ProcessingJobName", _LONGEST_PREFIX),
    ),
    StepType(
        "Training",
        arguments=_required("OutputDataConfig"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        job_name_variable="TrainingJobName",
        name_prefix=("TrainingJobName", _LONGEST_PREFIX),
    ),
    StepType(
        "Transform",
        arguments=_required("ModelName", "TransformInput", "TransformOutput", "TransformResources"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        name_prefix=("TransformJobName", _LONGEST_PREFIX),
    ),
    StepType(
        "Tuning",
        arguments=_required("HyperParameterTuningJobConfig"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        name_prefix=("HyperParameterTuningJobName", _LONGEST_SHORT_PREFIX),
    ),
    StepType(
        "AutoML",
        arguments=_required("InputDataConfig", "OutputDataConfig"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        name_prefix=("AutoMLJobName", _LONGEST_SHORT_PREFIX),
    ),
    # The SDK refuses SageMaker.* policies on the two model steps: they create no job.
    StepType("Model", retry_exceptions=STEP_EXCEPTIONS, name_prefix=("ModelName", _LONGEST_PREFIX)),
    StepType("RegisterModel", retry_exceptions=STEP_EXCEPTIONS),
    StepType(
        "EndpointConfig", arguments=_required("ProductionVariants"), retry_exceptions=EVERY_EXCEPTION, caching=True
    ),
    StepType("Endpoint", arguments=_required("EndpointConfigName"), caching=True),
    StepType("InferenceComponent", arguments=_required("EndpointName")),
    StepType(
        "Lambda",
        members=(Member("FunctionArn", STRING_OR_EXPRESSION, required=True), _OUTPUT_PARAMETERS),
        caching=True,
        payload=True,
        outputs=("OutputParameters",),
    ),
    StepType(
        "Callback",
        members=(Member("SqsQueueUrl", STRING_OR_EXPRESSION, required=True), _OUTPUT_PARAMETERS),
        caching=True,
        payload=True,
        outputs=("OutputParameters",),
    ),
    # RetryPolicies of the two checks: in the published schema, though no SDK writes them.
    StepType(
        "QualityCheck",
        arguments=_PROCESSING_ARGUMENTS,
        members=(
            Member("CheckType", one_of("DATA_QUALITY", "MODEL_QUALITY"), required=True),
            *_CHECK_MEMBERS,
            Member("SuppliedBaselineStatistics", STRING_OR_EXPRESSION, nullable=True),
        ),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        outputs=(
            "CalculatedBaselineConstraints",
            "CalculatedBaselineStatistics",
            "BaselineUsedForDriftCheckConstraints",
            "BaselineUsedForDriftCheckStatistics",
        ),
        job_name_variable="ProcessingJobName",
        name_prefix=("ProcessingJobName", _LONGEST_PREFIX),
    ),
    StepType(
        "ClarifyCheck",
        arguments=_PROCESSING_ARGUMENTS,
        members=(
            Member("CheckType", one_of("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"), required=True),
            *_CHECK_MEMBERS,
            Member("ModelName", STRING_OR_EXPRESSION),
        ),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        outputs=("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints"),
        job_name_variable="ProcessingJobName",
        name_prefix=("ProcessingJobName", _LONGEST_PREFIX),
    ),
    StepType(
        "EMR",
        arguments=(
            Member("StepConfig", OBJECT, required=True),
            Member("ClusterId", STRING_OR_EXPRESSION),
            Member("ClusterConfig", OBJECT),
            Member("ExecutionRoleArn", STRING_OR_EXPRESSION),
        ),
        closed=True,
        one_argument_of=("ClusterId", "ClusterConfig"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
    ),
    StepType(
        "EMRServerless",
        arguments=(
            Member("ExecutionRoleArn", STRING_OR_EXPRESSION),
            Member("JobConfig", OBJECT, required=True),
            Member("ApplicationId", STRING_OR_EXPRESSION),
            Member("ApplicationConfig", OBJECT),
        ),
        closed=True,
        one_argument_of=("ApplicationId", "ApplicationConfig"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
    ),
    StepType(
        "Lineage",
        arguments=tuple(Member(name, LIST) for name in ("Actions", "Artifacts", "Contexts", "Associations")),
        closed=True,
        outputs=("ActionArns", "ArtifactArns", "ContextArns", "Associations"),
    ),
    StepType(
        "Job",
        arguments=_required("JobCategory", "JobConfigSchemaVersion", "JobConfigDocument"),
        retry_exceptions=EVERY_EXCEPTION,
        caching=True,
        name_prefix=("JobName", _LONGEST_PREFIX),
    ),
    StepType("Cleanup", arguments=(Member("Resources", OBJECT, required=True),), closed=True, outputs=()),
    StepType(
        "Condition",
        arguments=(Member("Conditions", LIST, required=True), Member("IfSteps", LIST), Member("ElseSteps", LIST)),
        closed=True,
        outputs=("Outcome",),
    ),
    StepType(
        "Fail",
        arguments=(Member("ErrorMessage", STRING_OR_EXPRESSION, required=True),),
        closed=True,
        outputs=(),
        final=True,
    ),
    StepType(
        "ForEach",
        arguments=(
            Member("IterableItems", LIST_OR_EXPRESSION, required=True),
            Member("MaxConcurrency", whole_number_in(1, 50), required=True),
            Member("Selector", OBJECT),
            Member("ForEachBody", LIST, required=True),
        ),
        closed=True,
        outputs=(
            "Status",
            "InputItemCount",
            "TotalStepCount",
            "SucceededStepCount",
            "FailedStepCount",
            "StoppedStepCount",
            "IterationOutputs",
            "Selected",
        ),
    ),
)

STEP_TYPES: dict[str, StepType] = {row.name: row for row in _ROWS}

# Types that only the API's metadata (or an unreleased SDK branch) knows.
TYPES_WITHOUT_PUBLIC_SYNTAX = frozenset(
    {
        "Athena",
        "BedrockCustomModel",
        "BedrockCustomModelDeployment",
        "BedrockModelImport",
        "BedrockProvisionedModelThroughput",
        "Compilation",
        "HubContent",
    }
)

# Not allowed in the body of a ForEach (`sagemaker.mlops.workflow.for_each_step`).
TYPES_OUTSIDE_LOOPS = frozenset({"Condition", "Fail", "ForEach"})
