"""The rows of endpoints, their configurations, and inference components.

A deployment is a product, not a job: nothing stops it, and only its owner may delete it. So there are no Stop or List
operations here, and `stop-orphans` does not look for these resources. One that is updated may be old, so a list with
the newest first does not tell its state soon; each is described by itself.
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
    # ExecutionRoleArn is only for endpoints with inference components: the pipeline's role is never filled in.
    role_member="",
    reason_members=(),
    running_states=(),
    stopping_states=frozenset(),
    # It is ready when it is created.
    ends_within_seconds=True,
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
    asset_type="endpoint",
    asset_name_member="EndpointName",
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
    asset_type="inference-component",
    asset_name_member="InferenceComponentName",
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
