"""The calls that create the resource of a step: a job, a model, an endpoint, a model package."""

from __future__ import annotations

from collections.abc import Callable

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.aws.requests.experiments import experiment_config, trial_calls
from airflow_sm_pipelines.aws.requests.mlflow import with_mlflow, with_variables
from airflow_sm_pipelines.aws.requests.names import prefixed_name
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart, unless
from airflow_sm_pipelines.aws.requests.tags import with_tags

_LONGEST_PACKAGE_NAME = 63


def job_calls(start: StepStart) -> Calls[AwsCall]:
    """Create the resource that the step's Arguments describe; most step types need no more."""
    request, kind = (yield from named_request(start)), kind_of(start)
    return creation(start, with_mlflow(request, kind, start.mlflow()) if kind.runs_own_code else request)


def tuning_calls(start: StepStart) -> Calls[AwsCall]:
    """Create a tuning job; its training definitions have roles of their own.

    CreateHyperParameterTuningJob takes no experiment: the training jobs are added to the trial when they have ended.
    """
    request = yield from named_request(start)
    yield from trial_calls(start)
    request, target = with_role(request, start.role_arn), start.mlflow()
    if target is not None:
        request = _with_definitions(request, lambda definition: with_variables(definition, target))
    return creation(start, request)


def model_package_calls(start: StepStart) -> Calls[AwsCall]:
    """Create a model package, and first its group if it does not exist.

    The service's RegisterModel step creates missing groups (assumed: no document says so, but published pipelines rely
    on it).
    """
    request = yield from named_request(start)
    group = request.get("ModelPackageGroupName")
    if group and not str(group).startswith("arn:"):
        yield from _group_calls(start, str(group))
    return creation(start, package_request(request, start.attempt))


def creation(start: StepStart, request: Body) -> AwsCall:
    """Return the call that creates the step's resource."""
    kind = kind_of(start)
    return AwsCall(kind.service, kind.create, request)


def kind_of(start: StepStart) -> ResourceKind:
    """Return the row of the resource that a step creates.

    Raises:
        TypeError: The step creates none.
    """
    if start.kind is None:
        raise TypeError(f"step {start.step} creates no resource")
    return start.kind


def named_request(start: StepStart) -> Calls[Body]:
    """Return the step's resolved Arguments as a Create request, completed with name, role, experiment and tags."""
    kind = kind_of(start)
    body = dict(start.resolved_arguments())
    body[kind.token_member or kind.name_member] = start.attempt
    if kind.role_member and start.role_arn:
        body.setdefault(kind.role_member, start.role_arn)
    if kind.takes_experiment:
        config = yield from experiment_config(start, body.pop("ExperimentConfig", None) or {})
        body |= {"ExperimentConfig": config} if config else {}
    body["Tags"] = with_tags(body.get("Tags"), start.tags)
    return body


def with_role(request: Body, role: str | None) -> Body:
    """Return a CreateHyperParameterTuningJob request in which every training definition has a role.

    Args:
        request: The resolved request.
        role: The role for definitions without one: ARN of the pipeline's role, ``None`` if it has none.
    """

    def filled(definition: Body) -> Body:
        return definition if definition.get("RoleArn") else {**definition, "RoleArn": role}

    return _with_definitions(request, filled) if role else request


def _with_definitions(request: Body, change: Callable[[Body], Body]) -> Body:
    """Return a CreateHyperParameterTuningJob request with each training definition changed."""

    def changed(definition: object) -> object:
        return change(definition) if isinstance(definition, dict) else definition

    new = dict(request)
    if "TrainingJobDefinition" in request:
        new["TrainingJobDefinition"] = changed(request["TrainingJobDefinition"])
    if isinstance(request.get("TrainingJobDefinitions"), list):
        new["TrainingJobDefinitions"] = [changed(definition) for definition in request["TrainingJobDefinitions"]]
    return new


def package_request(request: Body, attempt: str) -> Body:
    """Return a CreateModelPackage request that the API accepts: without name and tags if it creates a version.

    A version belongs to a group and has the group's tags (API reference, CreateModelPackage, ``Tags`` and
    ``ModelPackageName``). The name of a package without a group is a prefix, as that of a job (developer guide, "Apply
    job prefixes to pipeline instantiations"): the same name could be registered only once.

    Args:
        request: The resolved request.
        attempt: Name of the attempt.

    Raises:
        UnfitRequestError: The prefix is too long.
    """
    if request.get("ModelPackageGroupName"):
        return {name: value for name, value in request.items() if name not in {"Tags", "ModelPackageName"}}
    prefix = request.get("ModelPackageName")
    if not prefix or type(prefix) is not str:  # a placeholder of a plan; anything else fails the check of types
        return request
    return {**request, "ModelPackageName": prefixed_name(attempt, prefix, limit=_LONGEST_PACKAGE_NAME)}


def _group_calls(start: StepStart, name: str) -> Calls[None]:
    """Create a model package group unless it exists."""
    request, purpose = {"ModelPackageGroupName": name}, "create its model package group"
    look = AwsCall("sagemaker", "DescribeModelPackageGroup", request, purpose)
    creation = AwsCall("sagemaker", "CreateModelPackageGroup", request, purpose, only_if="it does not exist")
    if (yield from unless(says_absent, look)) is None and (yield from unless(says_present, creation)) is not None:
        start.log.info("Created model package group %s", name)
