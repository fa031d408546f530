"""What the roles that the requests name need, and who assumes them.

A transform job has no role of its own: it runs with that of its model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_sm_pipelines.aws.authorization import (
    ANY,
    EC2_PRINCIPAL,
    EMR_PRINCIPAL,
    EMR_RUNTIME,
    Account,
    Authorization,
    passed_roles,
)
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.references import Namespace
from airflow_sm_pipelines.preview.permissions.known_values import KnownValues, unknown_value
from airflow_sm_pipelines.preview.permissions.permission import Permission, RolePermissions, StepPermissions
from airflow_sm_pipelines.preview.permissions.planned_step import PlannedStep
from airflow_sm_pipelines.preview.permissions.request_needs import Need, request_needs

_LOG_ACTIONS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
_LOG_GROUPS: Mapping[str, tuple[str, ...]] = {
    "processing-job": ("/aws/sagemaker/ProcessingJobs",),
    "training-job": ("/aws/sagemaker/TrainingJobs",),
    "tuning-job": ("/aws/sagemaker/TrainingJobs",),
    "transform-job": ("/aws/sagemaker/TransformJobs",),
    "model": ("/aws/sagemaker/Endpoints/*", "/aws/sagemaker/TransformJobs"),
}
"""Key of a kind -> the log groups that its containers write to."""

# Developer guide, "Amazon SageMaker Clarify": a job for a model starts an endpoint of its own, and deletes it.
_OWN_ENDPOINT = (
    "sagemaker:AddTags",
    "sagemaker:CreateEndpoint",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:DeleteEndpoint",
    "sagemaker:DeleteEndpointConfig",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribeModel",
    "sagemaker:InvokeEndpoint",
)
_ITS_RESOURCES = ("endpoint/*", "endpoint-config/*", "model/*")

_NOTES: Mapping[str, str] = {
    "auto-ml-job": "an AutoML job starts jobs of its own, whose permissions AWS documents only as the managed policy "
    "AmazonSageMakerFullAccess",
    "model-customization-job": "what a model customization job needs depends on its category; only what its document "
    "names is listed",
}
_NOT_TOLD: Mapping[str, str] = {
    EMR_PRINCIPAL: "what the service role of EMR needs is not in the definition: AWS has the managed policy "
    "AmazonEMRServicePolicy_v2 for it",
    EC2_PRINCIPAL: "JobFlowRole names an instance profile; its role is taken to have the same name. What EMR itself "
    "needs on the cluster's instances is not in the definition: only what the step names is listed",
    EMR_RUNTIME: "a runtime role is assumed by the role of the cluster's instances: its trust policy must allow that "
    "role sts:AssumeRole and sts:TagSession",
}
_CODE_NOTE = "what the code of the jobs calls beyond what the requests name cannot be told"


@dataclass(slots=True)
class _Role:
    """A role, as its needs are found."""

    principals: dict[str, None] = field(default_factory=dict)
    steps: list[StepPermissions] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)


def job_role_permissions(
    steps: Sequence[PlannedStep], known: KnownValues, account: Account
) -> tuple[RolePermissions, ...]:
    """Return what each role that the requests name needs, in the order in which the definition names them.

    Args:
        steps: The steps with the calls that start their work.
        known: What can be told of the values of their requests.
        account: Where they run.
    """
    by_name = {one.step.name: one for one in steps}
    roles: dict[str, _Role] = {}
    for planned in steps:
        for role, principal, scope in _roles_of(planned, by_name):
            unknown: dict[str, None] = {}

            def text(value: object, unknown: dict[str, None] = unknown) -> str:
                return known.text(value, unknown.setdefault)

            named = text(role)
            found = roles.setdefault("" if named in {ANY, ""} else named, _Role())
            found.principals |= {principal: None} if principal else {}
            needs = [] if principal == EMR_PRINCIPAL else [*request_needs(scope, account, text)]
            needs += _of_kind(planned, account)
            found.steps.append(_step_permissions(planned.step, needs, unknown))
            notes = (_NOT_TOLD.get(principal), _NOTES.get(planned.kind.key) if planned.kind else None, _CODE_NOTE)
            found.notes |= dict.fromkeys(note for note in notes if note)
    return tuple(
        RolePermissions(name, tuple(role.principals), tuple(role.steps), tuple(role.notes))
        for name, role in roles.items()
    )


def _step_permissions(step: Step, needs: Sequence[Need], unknown: Mapping[str, None]) -> StepPermissions:
    permissions = dict.fromkeys(Permission(allows, reason) for allows, reason in needs)
    return StepPermissions(
        step.name, step.type, step.path, tuple(permissions), tuple(unknown_value(text) for text in unknown)
    )


def _roles_of(planned: PlannedStep, steps: Mapping[str, PlannedStep]) -> Iterator[tuple[str, str, Body]]:
    """Yield each role that a step uses, who assumes it, and the part of the request that it is for."""
    creation = planned.creation
    if creation is None:
        return
    request = dict(creation.request)
    for passed in passed_roles(creation.service, request):
        # The members that EMR's roles are for stand beside each other; a training definition has a role of its own.
        yield passed.role, passed.principal, passed.scope
    if planned.kind is not None and planned.kind.key == "transform-job":
        role = _role_of_model(planned.step, steps)
        if role:
            yield role[0], role[1], request


def _role_of_model(step: Step, steps: Mapping[str, PlannedStep]) -> tuple[str, str] | None:
    """Return the role of the model of a transform step, and who assumes it; ``None`` if only a run knows the model."""
    models = [one.name for _, one in step.references if one.namespace is Namespace.STEP and one.path == ("ModelName",)]
    for name in models:
        creation = steps[name].creation
        for passed in passed_roles("sagemaker", dict(creation.request)) if creation else ():
            return passed.role, passed.principal
    return None


def _of_kind(planned: PlannedStep, account: Account) -> Iterator[Need]:
    """Yield what the containers of a job need whatever its request names."""
    kind, step = planned.kind, planned.step
    for group in _LOG_GROUPS.get(kind.key, ()) if kind else ():
        for action in _LOG_ACTIONS:
            yield Authorization(action, (account.arn("logs", f"log-group:{group}:*"),)), "write logs"
    if kind and kind.key in _LOG_GROUPS:
        yield Authorization("cloudwatch:PutMetricData"), "write metrics"
    if step.type == "ClarifyCheck" and "ModelName" in step.members:
        resources = tuple(account.arn("sagemaker", one) for one in _ITS_RESOURCES)
        for action in _OWN_ENDPOINT:
            yield Authorization(action, resources), "ask the model, at an endpoint that the job starts itself (assumed)"


def trust_policy(role: RolePermissions) -> dict[str, object] | None:
    """Return the trust policy of a role: which services may assume it; ``None`` if none does."""
    services = list(role.principals)
    if not services:
        return None
    principal = {"Service": services[0] if len(services) == 1 else services}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }
