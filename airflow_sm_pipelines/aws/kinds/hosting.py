"""The rows of what serves models: endpoints, their configurations, inference components.

What an earlier step has deployed is the wanted product: it cannot be stopped, and nobody but its owner may delete it.
So there are no List operations here, and `stop-orphans` does not look for them.
"""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind

ENDPOINT_CONFIG = ResourceKind(
    key="endpoint-config",
    noun="endpoint configuration",
    create="CreateEndpointConfig",
    describe="DescribeEndpointConfig",
    stop="",
    list="",
    protocol="endpoint-config",
    name_member="EndpointConfigName",
    named_by_service=True,
    verbatim_name=True,
    arn_member="EndpointConfigArn",
    status_member="",
    summaries_member="",
    log_group="",
    console_path="endpointConfig/{name}",
    colour="#e6d5c3",
    # It has one, which only endpoints with inference components need: never the pipeline's by itself.
    role_member="",
    reason_members=(),
    running_states=(),
    stopping_states=frozenset(),
    iam_actions=(
        "sagemaker:CreateEndpointConfig",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:AddTags",
        "iam:PassRole",
    ),
)

ENDPOINT = ResourceKind(
    key="endpoint",
    noun="endpoint",
    create="CreateEndpoint",
    describe="DescribeEndpoint",
    stop="",
    list="",
    protocol="endpoint",
    made="Created or updated",
    name_member="EndpointName",
    named_by_service=True,
    verbatim_name=True,
    arn_member="EndpointArn",
    status_member="EndpointStatus",
    summaries_member="",
    log_group="",
    console_path="endpoints/{first}",
    colour="#f4cccc",
    role_member="",
    succeeded=frozenset({"InService"}),
    failed=frozenset({"Failed", "OutOfService", "Deleting", "UpdateRollbackFailed"}),
    stopped=frozenset(),
    running_states=("Creating", "Updating", "SystemUpdating", "RollingBack"),
    stopping_states=frozenset(),
    iam_actions=(
        "sagemaker:CreateEndpoint",
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpoint",
        "sagemaker:DeleteEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
    ),
)

INFERENCE_COMPONENT = ResourceKind(
    key="inference-component",
    noun="inference component",
    create="CreateInferenceComponent",
    describe="DescribeInferenceComponent",
    stop="",
    list="",
    protocol="endpoint",
    made="Created or updated",
    name_member="InferenceComponentName",
    named_by_service=True,
    verbatim_name=True,
    arn_member="InferenceComponentArn",
    status_member="InferenceComponentStatus",
    summaries_member="",
    log_group="",
    console_path="inference-components/{first}",
    colour="#fbe5d6",
    role_member="",
    succeeded=frozenset({"InService"}),
    failed=frozenset({"Failed", "Deleting"}),
    stopped=frozenset(),
    running_states=("Creating", "Updating"),
    stopping_states=frozenset(),
    iam_actions=(
        "sagemaker:CreateInferenceComponent",
        "sagemaker:DescribeInferenceComponent",
        "sagemaker:UpdateInferenceComponent",
        "sagemaker:DeleteInferenceComponent",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
    ),
)

KINDS = (
    ENDPOINT_CONFIG,
    ENDPOINT,
    INFERENCE_COMPONENT,
)
"""The rows of this module."""
