"""What the principal of the Airflow connection needs for each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from airflow_sm_pipelines.aws.authorization import (
    ANY,
    CALLS,
    EC2_PRINCIPAL,
    EMR_PRINCIPAL,
    EMR_RUNTIME,
    TAG_ACTIONS,
    Account,
    Authorization,
    PassedRole,
    authorization,
    iam_prefix,
    passed_roles,
    tagged_resources,
)
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.check_types import VIOLATIONS_FILE
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.check_jobs import output_folder
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.aws.s3_objects import bucket_and_key
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.errors import UnfitRequestError
from airflow_sm_pipelines.preview.permissions.known_values import KnownValues, name_pattern, unknown_value
from airflow_sm_pipelines.preview.permissions.later_calls import ONLY_IF_THERE, calls_on, training_component
from airflow_sm_pipelines.preview.permissions.permission import Permission, StepPermissions
from airflow_sm_pipelines.preview.permissions.planned_step import MODEL_PACKAGE_GROUP, PlannedStep
from airflow_sm_pipelines.semantics.cache_keys import MODEL_NAME, cache_key_of

_NAMED_SERVICES = frozenset({"sagemaker", "emr", "emr-serverless", "logs"})
_REASONS: Mapping[str, str] = {
    "Invoke": "invoke the function of the step",
    "SendMessage": "send the message of the step, and tell its receiver when nobody waits any more",
    "ListObjectsV2": "see what there is to delete",
    "DeleteObjects": "delete what the step names",
    "AddAssociation": "record an association",
    "CreateAction": "record an action",
    "CreateArtifact": "record an artifact",
    "CreateContext": "record a context",
}


@dataclass(slots=True)
class _Needs:
    """The permissions for one step, as they are found."""

    account: Account
    known: KnownValues
    permissions: dict[Permission, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)

    def text(self, value: object) -> str:
        return self.known.text(value, self.unknown.setdefault)

    def name(self, value: object) -> str:
        return name_pattern(self.text(value))

    def allow(self, allows: Authorization, reason: str, without: str = "") -> None:
        resources = tuple(dict.fromkeys(one for arn in allows.resources for one in _in_both_cases(arn)))
        self.permissions.setdefault(Permission(allows._replace(resources=resources), reason, without))

    def call(self, service: str, operation: str, request: Body, reason: str, without: str = "") -> None:
        text = self.name if service in _NAMED_SERVICES else self.text
        self.allow(authorization(service, operation, request, self.account, text), reason, without)

    def read(self, uri: str, reason: str) -> None:
        text = self.text(uri)
        bucket, key = bucket_and_key(text)
        request = {"Bucket": bucket or text, "Key": key or ANY}
        self.allow(authorization("s3", "GetObject", request, self.account, str), reason)


def airflow_permissions(
    planned: PlannedStep, files: Iterable[tuple[str, str]], trial: str, known: KnownValues, account: Account
) -> StepPermissions:
    """Return what the principal of the Airflow connection needs for one step.

    Args:
        planned: The step.
        files: URI and purpose of each JSON file that its expressions read.
        trial: Name of the trial of a run; ``""`` if the definition has none.
        known: What can be told of the values of its requests.
        account: Where the resources are.
    """
    needs = _Needs(account, known)
    step = planned.step
    for call in planned.planned.calls:
        _start(needs, planned, call)
    if planned.creation is not None and planned.kind is not None:
        _follow(needs, planned.kind, planned.creation)
    _read_results(needs, planned, trial)
    for uri, reason in files:
        needs.read(uri, reason)
    fault = planned.planned.end
    return StepPermissions(
        step.name,
        step.type,
        step.path,
        tuple(needs.permissions),
        tuple(unknown_value(text) for text in needs.unknown),
        (f"not all of its calls can be told: {fault}",) if fault else (),
    )


def _start(needs: _Needs, planned: PlannedStep, call: AwsCall) -> None:
    """Add what a call needs that starts the step's work."""
    service, operation, request = call.service, call.operation, call.request
    is_creation = planned.kind is not None and operation == planned.kind.create
    made = f"create the {planned.kind.noun}" if is_creation and planned.kind else ""
    reason = made or call.purpose or _REASONS.get(operation, f"make the call {operation}")
    needs.call(service, operation, request, f"{reason}, if {call.only_if}" if call.only_if else reason)
    for later in ONLY_IF_THERE.get(operation, ()):
        needs.call(service, later.operation, request, later.reason, later.without)
    if request.get("Tags") or request.get("tags"):
        text = needs.name if service in _NAMED_SERVICES else needs.text
        resources = tagged_resources(service, operation, request, needs.account, text)
        needs.allow(Authorization(TAG_ACTIONS[service][0], resources), f"tag what {operation} creates with its owner")
    for role in passed_roles(service, dict(request)):
        needs.allow(pass_role(role, needs.account, needs.text(role.role)), f"pass on {role.member} of {operation}")


def pass_role(role: PassedRole, account: Account, text: str) -> Authorization:
    """Return the permission to pass a role to a service, and to no other.

    Args:
        role: The role.
        account: Where it is, if the request has its name only.
        text: Its ARN, its name, or ``*``.
    """
    arn = text if text.startswith("arn:") else account.arn("iam", f"role/{text}")
    # Which of the two services a runtime role is passed to is not documented.
    principals = (EC2_PRINCIPAL, EMR_PRINCIPAL) if role.principal == EMR_RUNTIME else (role.principal,)
    return Authorization("iam:PassRole", (arn,), ("StringEquals", "iam:PassedToService", *principals))


def _follow(needs: _Needs, kind: ResourceKind, creation: AwsCall) -> None:
    """Add what it takes to follow, stop and find the resource that a step has created."""
    request = {**creation.request, "ClusterId": creation.request.get("JobFlowId", ANY)}
    if kind.key == "model-package":
        request["ModelPackageName"] = f"{creation.request.get('ModelPackageGroupName') or ANY}/*"
    own = tagged_resources(kind.service, kind.create, creation.request, needs.account, needs.name)
    for later in calls_on(kind):
        if (kind.service, later.operation) in CALLS:
            needs.call(kind.service, later.operation, request, later.reason, later.without)
        else:  # ListTags, ListTagsForResource
            allows = Authorization(f"{iam_prefix(kind.service)}:{later.operation}", own)
            needs.allow(allows, later.reason, later.without)
    if kind.log_group:
        _read_log(needs, kind, needs.name(creation.request.get(kind.name_member, ANY)))


def _read_log(needs: _Needs, kind: ResourceKind, name: str) -> None:
    reason, without = "show the last log lines of a job that failed", "the failure is reported without log lines"
    needs.call("logs", "DescribeLogStreams", {"logGroupName": kind.log_group}, reason, without)
    stream = {"logGroupName": kind.log_group, "logStreamName": f"{name.rstrip('*')}*"}
    needs.call("logs", "GetLogEvents", stream, reason, without)


def _read_results(needs: _Needs, planned: PlannedStep, trial: str) -> None:
    """Add what is read or recorded when the work has ended, and what a cached step is compared by."""
    step, creation = planned.step, planned.creation
    if CATALOG[step.type].finds_violations:
        _read_baseline(needs, planned)
    if creation is None or planned.kind is None:
        return
    if CATALOG[step.type].finds_violations:
        _read_report(needs, creation)
    if trial and planned.kind.key == "tuning-job":
        component = training_component(needs.name(creation.request[planned.kind.name_member]))
        request = {"TrialName": trial, "TrialComponentName": component}
        needs.call("sagemaker", "AssociateTrialComponent", request, "add its training jobs to the trial of the run")
    key = cache_key_of(step)
    if key is not None and key.compares_model and MODEL_NAME in planned.named:
        reason, without = "compare the model of the cached step by its containers", "it is compared by its name"
        needs.call("sagemaker", "DescribeModel", planned.named, reason, without)


def _read_baseline(needs: _Needs, planned: PlannedStep) -> None:
    """Add what it takes to find the baseline of the latest approved version; flags may say so in a run only."""
    group = planned.named.get(MODEL_PACKAGE_GROUP)
    if not group:
        return
    reason = "find the baseline of the latest approved version of the group"
    needs.call("sagemaker", "ListModelPackages", {}, reason)
    needs.call("sagemaker", "DescribeModelPackage", {"ModelPackageName": f"{group}/*"}, reason)


def _read_report(needs: _Needs, creation: AwsCall) -> None:
    try:
        folder = output_folder(creation.request)
    except UnfitRequestError:
        return  # such a step fails before its job is created, which `planned_calls` tells
    needs.read(f"{folder.rstrip('/')}/{VIOLATIONS_FILE}", "read the violations that the check has found")
    bucket = bucket_and_key(needs.text(folder))[0] or needs.text(folder)
    allows = Authorization("s3:ListBucket", (needs.account.arn("s3", bucket),))
    needs.allow(allows, "tell a missing report from a forbidden one")


def _in_both_cases(arn: str) -> Iterator[str]:
    """Yield an ARN, and for a SageMaker resource the same in small letters.

    SageMaker writes the names in ARNs in small letters. Which of the two IAM compares is not documented.
    """
    yield arn
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "sagemaker" and parts[5] != parts[5].lower():
        yield ":".join((*parts[:5], parts[5].lower()))
